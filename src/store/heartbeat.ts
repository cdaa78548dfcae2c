// Heartbeats outnumber all other writes. Those that change nothing but the pulse go together, as many as there are, in a
// single statement without a transaction; only one that has something to tell the log goes the long way.
import type { Signal } from '../database/client.js';
import { checkCount, checkRange, checkTitle, HEARTBEATS_MAX_PER_CALL, Issues } from '../domain/limits.js';
import { recommend, type RecommendedAction } from '../domain/signal.js';
import type { Sign, Taken } from './beat.js';
import { redactedText } from './redacted.js';
import { pendingSignals } from './signal.js';
import type { Caller, Store } from './store.js';
import { takeEvidence, takeTelling } from './tellingBeat.js';

export interface HeartbeatInput {
  sessionId: string;
  contextPercent?: number | null;
  currentEpic?: string | null;
  activity?: string | null;
  processAlive?: boolean | null;
}

/** What is wanted of the session that a heartbeat was of. */
export interface HeartbeatAnswer {
  sessionId: string;
  recommendedAction: RecommendedAction;
  signals: Signal[];
}

/**
 * Takes one sign of life, or, where `processAlive` is false, evidence of death, and answers with what is wanted of the
 * session. Absent fields keep what is known.
 * @throws NotFoundError, SessionEndedError, UnavailableError
 */
export async function heartbeat(store: Store, caller: Caller, input: HeartbeatInput): Promise<HeartbeatAnswer> {
  const [outcome] = await hear(store, caller, [input], () => 'input');
  if (!outcome) throw new Error('a heartbeat has no outcome');
  if (outcome.status === 'rejected') throw outcome.reason;
  return outcome.value;
}

/**
 * 1 to 1,000 heartbeats, each taken or refused on its own, and answered in the order of the input. Those of one session
 * are taken in their order; several in a row count as one that says the last of all that they say.
 * @throws ValidationError where there are none or too many.
 */
export async function heartbeats(
  store: Store,
  caller: Caller,
  inputs: readonly HeartbeatInput[],
): Promise<PromiseSettledResult<HeartbeatAnswer>[]> {
  const issues = new Issues();
  checkCount(issues, 'inputs', inputs, HEARTBEATS_MAX_PER_CALL);
  issues.throwIfAny();
  return hear(store, caller, inputs, (index) => `inputs.${index}`);
}

/** One heartbeat of a call. */
interface Hearing {
  readonly input: HeartbeatInput;
  /** Null until it is taken or refused. */
  outcome: PromiseSettledResult<Taken> | null;
}

async function hear(
  store: Store,
  caller: Caller,
  inputs: readonly HeartbeatInput[],
  pathOf: (index: number) => string,
): Promise<PromiseSettledResult<HeartbeatAnswer>[]> {
  const hearings = inputs.map((input, index): Hearing => ({ input, outcome: refusalOf(input, pathOf(index)) }));
  const plain: Hearing[] = [];
  // Of these sessions, signs of life and evidence of death are told apart by their order alone.
  const disputed = new Map<string, Hearing[]>();
  for (const { sessionId, processAlive } of inputs) if (processAlive === false) disputed.set(sessionId, []);
  for (const hearing of hearings) {
    if (!hearing.outcome) (disputed.get(hearing.input.sessionId) ?? plain).push(hearing);
  }
  const taking = takeSigns(store, caller, plain);
  const inOrder = Array.from(disputed.values(), (some) => takeInOrder(store, caller, some));
  await (inOrder.length > 0 ? Promise.all([taking, ...inOrder]) : taking);
  const wanted = hearings.filter(({ outcome }) => outcome?.status === 'fulfilled' && outcome.value.isWanted);
  const ids = wanted.map(({ input }) => input.sessionId);
  const pending = ids.length > 0 ? await pendingSignals(store.database.prisma, caller.projectId, { in: ids }) : [];
  return hearings.map((hearing) => answered(hearing, pending));
}

async function takeSigns(store: Store, caller: Caller, hearings: readonly Hearing[]): Promise<void> {
  const signs = hearings.map(({ input }) => signOf(caller, input));
  const outcomes = await store.beats.put(signs, (sign) => takeTelling(store, caller, sign));
  for (const [index, hearing] of hearings.entries()) hearing.outcome = outcomes[index] ?? null;
}

async function takeInOrder(store: Store, caller: Caller, hearings: readonly Hearing[]): Promise<void> {
  let signs: Hearing[] = [];
  for (const hearing of hearings) {
    if (hearing.input.processAlive !== false) {
      signs.push(hearing);
      continue;
    }
    await takeSigns(store, caller, signs);
    signs = [];
    [hearing.outcome] = await Promise.allSettled([takeEvidence(store, caller, hearing.input.sessionId)]);
  }
  await takeSigns(store, caller, signs);
}

/** Null where the input is right. */
function refusalOf(input: HeartbeatInput, path: string): PromiseRejectedResult | null {
  const issues = new Issues();
  checkRange(issues, `${path}.contextPercent`, input.contextPercent, 0, 100);
  checkTitle(issues, `${path}.currentEpic`, input.currentEpic);
  checkTitle(issues, `${path}.activity`, input.activity);
  const { error: reason } = issues;
  return reason && { status: 'rejected', reason };
}

function signOf({ projectId }: Caller, input: HeartbeatInput): Sign {
  const { sessionId, contextPercent = null, currentEpic = null, activity = null } = input;
  return { projectId, sessionId, contextPercent, currentEpic: cleanText(currentEpic), activity: cleanText(activity) };
}

// Agents say the same in one beat after the other, and to look for secrets in it costs as much as to write it.
const CLEAN_TEXTS_MAX = 2_000;
const cleanTexts = new Set<string>();

/** As `redactedText`. What has been found to hold no secret is known for a while. */
function cleanText(text: string | null): string | null {
  if (text === null || cleanTexts.has(text)) return text;
  const clean = redactedText(text);
  if (cleanTexts.size === CLEAN_TEXTS_MAX) cleanTexts.clear();
  if (clean === text) cleanTexts.add(text);
  return clean;
}

/** The outcome with what is wanted of the session, among all that is pending. */
function answered(
  { input: { sessionId }, outcome }: Hearing,
  pending: readonly Signal[],
): PromiseSettledResult<HeartbeatAnswer> {
  if (!outcome) throw new Error('a heartbeat was neither taken nor refused');
  if (outcome.status === 'rejected') return outcome;
  const signals = pending.filter((signal) => signal.sessionId === sessionId);
  const kinds = signals.map(({ kind }) => kind);
  const recommendedAction = recommend(kinds, outcome.value.contextPercent);
  return { status: 'fulfilled', value: { sessionId, recommendedAction, signals } };
}
