import { setTimeout as delay } from 'node:timers/promises';
import { Caller, type CallerOptions } from './caller.js';
import {
  appendEvents,
  createCheckpoint,
  endSession,
  logCommands,
  startSession,
  transitionSession,
  updateSession,
} from './document.js';
import { Errands } from './errands.js';

/** The types of the events that writers append; one of them is what some subscribers filter for. */
const TYPES = ['PROGRESS', 'USER_MESSAGE', 'ASSISTANT_MESSAGE', 'RESULT'] as const;
export const FILTERED_TYPES = ['USER_MESSAGE', 'RESULT'] as const;

/** Between two writes of one writer, on average. */
const PAUSE_MS = 110;
/** How often it does something else than writing. */
const ERRANDS = 0.25;
const MOST_EVENTS = 8;
const MOST_COMMANDS = 3;

export interface WriterOptions extends CallerOptions {
  /** Those that several writers move on. */
  readonly conversations: readonly string[];
  /** The run that its short sessions join. */
  readonly runId: () => string;
  /** The sessions that signals are sent to. */
  readonly addressees: readonly string[];
}

/** Writes all that an agent writes, and keeps what it was told of it. */
export class Writer {
  readonly #options: WriterOptions;
  readonly #caller: Caller;
  /** What it does besides writing its log; there once it has begun. */
  errands!: Errands;
  /** The session that it writes to from beginning to end. */
  #own = '';
  /** By conversation, the session that was open when it last heard. */
  readonly #known = new Map<string, string>();

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#caller = new Caller(options);
  }

  /** Starts its own session, and answers with the id. */
  async begin(): Promise<string> {
    const id = await this.#start(`${this.#options.name}-own`, true);
    if (id === null) throw new Error('a session could not be started, though nothing had been broken yet');
    this.errands = new Errands({ ...this.#options, caller: this.#caller, own: id });
    return (this.#own = id);
  }

  /** Writes until the signal. */
  async work(signal: AbortSignal): Promise<void> {
    const { random } = this.#options;
    while (!signal.aborted) {
      await (random.chance(ERRANDS) ? this.errands.run(random.fraction()) : this.#act(random.fraction()));
      await delay(PAUSE_MS * 2 * random.fraction());
    }
  }

  /** Ends its sessions: the last that it writes. */
  async finish(): Promise<void> {
    await this.errands.finish();
    await this.#append(this.#own, true);
    await this.#end(this.#own, true);
  }

  async #act(choice: number): Promise<void> {
    const { random, conversations } = this.#options;
    if (choice < 0.5) return this.#append(this.#own);
    if (choice < 0.62) return this.#append(this.#known.get(random.pick(conversations)) ?? this.#own);
    if (choice < 0.72) return this.#transition(random.pick(conversations));
    if (choice < 0.78) return this.#live();
    if (choice < 0.84) return this.#checkpoint();
    if (choice < 0.9) return this.#command();
    if (choice < 0.96) return this.errands.beat(this.#own);
    return this.#rename();
  }

  async #start(agentName: string, insist = false, runId?: string): Promise<string | null> {
    const mark = this.#caller.mark();
    const input = { agentName, metadata: { mark }, idempotencyKey: mark, ...(runId && { runId }) };
    const answer = await this.#caller.call(startSession, input, { insist });
    const id = answer.payload?.session.id;
    this.#caller.claim('session', mark, answer, { id });
    return id ?? null;
  }

  async #end(sessionId: string, insist = false): Promise<void> {
    const input = { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' } as const;
    const answer = await this.#caller.call(endSession, input, { insist });
    this.#caller.claim('end', sessionId, answer);
  }

  async #append(sessionId: string, insist = false): Promise<void> {
    const { random } = this.#options;
    const events = Array.from({ length: random.integer(1, MOST_EVENTS) }, () => {
      const mark = this.#caller.mark();
      return { type: random.pick(TYPES), data: { mark }, dedupeKey: mark };
    });
    const answer = await this.#caller.call(appendEvents, { sessionId, events }, { insist });
    for (const [index, { dedupeKey }] of events.entries()) {
      this.#caller.claim('event', dedupeKey, answer, answer.payload?.events[index]);
    }
  }

  async #transition(externalId: string): Promise<void> {
    const mark = this.#caller.mark();
    const answer = await this.#caller.call(transitionSession, {
      conversation: { platform: 'delivery', externalId },
      trigger: 'CONTEXT_COMPACTED',
      next: { metadata: { mark } },
      idempotencyKey: mark,
    });
    const id = answer.payload?.session.id;
    this.#caller.claim('session', mark, answer, { id });
    if (id !== undefined) this.#known.set(externalId, id);
  }

  /** A whole life, as short as they come. */
  async #live(): Promise<void> {
    const sessionId = await this.#start(this.#caller.mark(), false, this.#options.runId());
    if (sessionId === null) return;
    await this.#append(sessionId);
    await this.#end(sessionId);
  }

  async #checkpoint(): Promise<void> {
    const mark = this.#caller.mark();
    const input = { sessionId: this.#own, workState: { step: mark }, metadata: { mark }, idempotencyKey: mark };
    const answer = await this.#caller.call(createCheckpoint, input);
    this.#caller.claim('checkpoint', mark, answer, { id: answer.payload?.checkpoint.id });
  }

  async #command(): Promise<void> {
    const commands = Array.from({ length: this.#options.random.integer(1, MOST_COMMANDS) }, () => {
      const mark = this.#caller.mark();
      return { commandType: 'delivery', action: mark, dedupeKey: mark };
    });
    const answer = await this.#caller.call(logCommands, { sessionId: this.#own, commands });
    for (const [index, { action }] of commands.entries()) {
      this.#caller.claim('command', action, answer, { id: answer.payload?.commands[index]?.id });
    }
  }

  async #rename(): Promise<void> {
    await this.#caller.call(updateSession, { sessionId: this.#own, title: this.#caller.mark() });
  }
}
