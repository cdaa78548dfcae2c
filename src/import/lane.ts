import { COMMANDS_MAX_PER_CALL, EVENTS_MAX_PER_CALL } from '../domain/limits.js';
import type { Action, PlannedCommand, PlannedEvent } from './action.js';
import type { Report } from './report.js';
import type { Sender } from './send.js';

/** What a call should weigh: far below what the service takes, so that it is soon carried out. */
const CALL_BYTES = 2 * 1024 * 1024;

/** Sends a stream of actions in its order, the events and commands of a session in as few calls as may be: events first. */
export class Lane {
  #session: string | null = null;
  #events: PlannedEvent[] = [];
  #commands: PlannedCommand[] = [];
  #bytes = 0;

  constructor(
    private readonly sender: Sender,
    private readonly report: Report,
  ) {}

  /** Resolves when the next action may come: an event or a command may still be waiting for others, until `flush`. */
  async take(action: Action): Promise<void> {
    if (action.kind === 'skip') return void this.report.skips.push(action);
    if (action.kind === 'appendEvent') return this.#append(action.session, action.event);
    if (action.kind === 'logCommand') return this.#log(action.session, action.command);
    await this.flush();
    if (action.kind === 'createRun') return this.sender.createRun(action);
    if (action.kind === 'startSession') return this.sender.startSession(action);
    if (action.kind === 'takeCheckpoint') return this.sender.takeCheckpoint(action);
    if (action.kind === 'endSession') return this.sender.endSession(action);
    return this.sender.completeRun(action);
  }

  /** Resolves when everything taken so far has been carried out. */
  async flush(): Promise<void> {
    if (this.#session !== null) {
      if (this.#events.length > 0) await this.sender.appendEvents(this.#session, this.#events);
      if (this.#commands.length > 0) await this.sender.logCommands(this.#session, this.#commands);
    }
    this.#events = [];
    this.#commands = [];
    this.#bytes = 0;
  }

  async #append(session: string, event: PlannedEvent): Promise<void> {
    await this.#makeRoom(session, event);
    this.#events.push(event);
  }

  async #log(session: string, command: PlannedCommand): Promise<void> {
    await this.#makeRoom(session, command);
    this.#commands.push(command);
  }

  async #makeRoom(session: string, item: PlannedEvent | PlannedCommand): Promise<void> {
    const bytes = Buffer.byteLength(JSON.stringify(item));
    const isFull =
      this.#events.length === EVENTS_MAX_PER_CALL ||
      this.#commands.length === COMMANDS_MAX_PER_CALL ||
      this.#bytes + bytes > CALL_BYTES;
    if (isFull || session !== this.#session) await this.flush();
    this.#session = session;
    this.#bytes += bytes;
  }
}
