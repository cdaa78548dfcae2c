import { EVENTS_MAX_PER_CALL } from '../domain/limits.js';
import type { Action, PlannedEvent } from './action.js';
import type { Report } from './report.js';
import type { Sender } from './send.js';

/** What a call should weigh: far below what the service takes, so that it is soon carried out. */
const CALL_BYTES = 2 * 1024 * 1024;

/** Sends a stream of actions in its order, the events in as few calls as may be. */
export class Lane {
  #session: string | null = null;
  #events: PlannedEvent[] = [];
  #bytes = 0;

  constructor(
    private readonly sender: Sender,
    private readonly report: Report,
  ) {}

  /** Resolves when the next action may come: an event may still be waiting for others, until `flush`. */
  async take(action: Action): Promise<void> {
    if (action.kind === 'skip') return void this.report.skips.push(action);
    if (action.kind === 'appendEvent') return this.#append(action.session, action.event);
    await this.flush();
    if (action.kind === 'createRun') return this.sender.createRun(action);
    if (action.kind === 'startSession') return this.sender.startSession(action);
    if (action.kind === 'endSession') return this.sender.endSession(action);
    return this.sender.completeRun(action);
  }

  /** Resolves when everything taken so far has been carried out. */
  async flush(): Promise<void> {
    if (this.#session !== null && this.#events.length > 0) {
      await this.sender.appendEvents(this.#session, this.#events);
    }
    this.#events = [];
    this.#bytes = 0;
  }

  async #append(session: string, event: PlannedEvent): Promise<void> {
    const bytes = Buffer.byteLength(JSON.stringify(event));
    const full = this.#events.length === EVENTS_MAX_PER_CALL || this.#bytes + bytes > CALL_BYTES;
    if (full || session !== this.#session) await this.flush();
    this.#session = session;
    this.#events.push(event);
    this.#bytes += bytes;
  }
}
