import { now } from '../support/commit.js';
import type { Caller } from './caller.js';
import {
  acknowledgeSignals,
  completeRun,
  createRun,
  endSession,
  heartbeat,
  requestApproval,
  resolveApproval,
  reviveSession,
  sendSignal,
  startSession,
} from './document.js';
import type { Ledger } from './ledger.js';
import type { Random } from './random.js';

/** Short enough to be called stalled, to escalate and to be called dead within a trial, where the watchdog looks often. */
const IMPATIENT = { stallAfterSeconds: 1, escalateEverySeconds: 1, zombieAfterSeconds: 5 };
const MOST_SILENT = 2;
/** So that some questions expire, and others wait until somebody answers or the session ends. */
const SOON_S = 1;
const LATE_S = 600;

export interface ErrandsOptions {
  readonly caller: Caller;
  readonly random: Random;
  readonly ledger: Ledger;
  /** The session of whoever runs them. */
  readonly own: string;
  /** The sessions that signals are sent to. */
  readonly addressees: readonly string[];
}

/** What an agent does besides writing its log: it asks people, signals others, hears signals, lives on, and has workers that fall silent. */
export class Errands {
  readonly #options: ErrandsOptions;
  /** The signals that it has got and not acknowledged. */
  readonly #inbox: string[] = [];
  /** The sessions that say nothing. */
  readonly #silent: string[] = [];

  constructor(options: ErrandsOptions) {
    this.#options = options;
  }

  async run(choice: number): Promise<unknown> {
    const { random, own, addressees } = this.#options;
    if (choice < 0.25) return this.#ask();
    if (choice < 0.45) return this.signal(random.pick(addressees));
    if (choice < 0.6) return this.#acknowledge();
    if (choice < 0.7) return this.beat(own);
    if (this.#silent.length < MOST_SILENT) return this.#fallSilent();
    return this.#disturb(choice);
  }

  /** Takes a signal in, to be acknowledged some time. */
  hear(signalId: string): void {
    this.#inbox.push(signalId);
  }

  async beat(sessionId: string): Promise<void> {
    const { caller, random, ledger } = this.#options;
    const activity = caller.mark();
    const said = ledger.activities.get(sessionId) ?? new Set();
    ledger.activities.set(sessionId, said.add(activity));
    const { payload } = await caller.call(heartbeat, { sessionId, activity, contextPercent: random.integer(0, 100) });
    if (!payload) return;
    ledger.beats.push({ sessionId, at: payload.session.liveness.lastHeartbeatAt, answeredAt: now() });
  }

  /** Answers with what the signal says, which no other says. */
  async signal(sessionId: string, insist = false): Promise<string> {
    const { caller } = this.#options;
    const mark = caller.mark();
    const input = { sessionId, kind: 'MESSAGE', note: mark, idempotencyKey: mark } as const;
    const answer = await caller.call(sendSignal, input, { insist });
    caller.claim('signal', mark, answer, { id: answer.payload?.signal.id });
    return mark;
  }

  /** Answers with the id of a run. */
  async beginRun(): Promise<string> {
    const { caller } = this.#options;
    const mark = caller.mark();
    const { payload } = await caller.call(createRun, { description: mark, idempotencyKey: mark }, { insist: true });
    if (!payload) throw new Error('a run could not be created, though nothing had been broken yet');
    return payload.run.id;
  }

  async endRun(runId: string): Promise<void> {
    await this.#options.caller.call(completeRun, { runId }, { insist: true });
  }

  async finish(): Promise<void> {
    for (const sessionId of this.#silent.splice(0)) await this.#end(sessionId, true);
  }

  async #ask(): Promise<void> {
    const { caller, random, own: sessionId } = this.#options;
    const mark = caller.mark();
    const timeoutSeconds = random.chance(0.4) ? SOON_S : LATE_S;
    const input = { sessionId, question: mark, timeoutSeconds, idempotencyKey: mark };
    const asked = await caller.call(requestApproval, input);
    const approvalId = asked.payload?.approval.id;
    caller.claim('approval', mark, asked, { id: approvalId });
    if (approvalId === undefined || random.chance(timeoutSeconds === SOON_S ? 0.7 : 0.2)) return;
    const resolution = random.pick(['APPROVED', 'REJECTED'] as const);
    const answered = await caller.call(resolveApproval, { approvalId, resolution });
    // An answer is given once: where it was sent again, what refuses it may be itself.
    const outcome = answered.outcome === 'refused' && answered.retried ? 'unknown' : answered.outcome;
    caller.claim('answer', approvalId, { ...answered, outcome });
  }

  async #acknowledge(): Promise<void> {
    const signalIds = this.#inbox.splice(0);
    if (signalIds.length === 0) return;
    const { caller, own: sessionId } = this.#options;
    const { outcome } = await caller.call(acknowledgeSignals, { sessionId, signalIds });
    if (outcome === 'unknown') this.#inbox.push(...signalIds);
  }

  async #fallSilent(): Promise<void> {
    const { caller, own: spawnedById } = this.#options;
    const mark = caller.mark();
    const metadata = { mark };
    const input = { agentName: mark, metadata, spawnedById, liveness: IMPATIENT, idempotencyKey: mark };
    const answer = await caller.call(startSession, input);
    const id = answer.payload?.session.id;
    caller.claim('session', mark, answer, { id });
    if (id === undefined) return;
    this.#silent.push(id);
    // Only who has been heard once can be missed.
    await this.beat(id);
  }

  /** Has one that was silent speak, be revived or end. */
  async #disturb(choice: number): Promise<unknown> {
    const { caller, random } = this.#options;
    const sessionId = random.pick(this.#silent);
    if (choice < 0.8) return this.beat(sessionId);
    if (choice < 0.92) return caller.call(reviveSession, { sessionId, note: caller.mark() });
    this.#silent.splice(this.#silent.indexOf(sessionId), 1);
    return this.#end(sessionId);
  }

  async #end(sessionId: string, insist = false): Promise<void> {
    const { caller } = this.#options;
    const answer = await caller.call(endSession, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' }, { insist });
    caller.claim('end', sessionId, answer);
  }
}
