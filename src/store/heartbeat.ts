// Heartbeats outnumber all other writes. Those that change nothing but the pulse go together, as many as there are, in a
// single statement without a transaction; only one that has something to tell the log goes the long way.
import type { Signal } from '../database/client.js';
import { checkCount, checkRange, checkTitle, HEARTBEATS_MAX_PER_CALL, Issues } from '../domain/limits.js';
import { recommend, type RecommendedAction } from '../domain/signal.js';
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
  check(input, 'input');
  const heard = await take(store, caller, input);
  return (await answerTo(store, caller, [heard]))(heard);
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
  const latest = new Map<string, { isEvidence: boolean; taken: Promise<Heard> }>();
  const hearings = inputs.map(async (input, index) => {
    check(input, `inputs.${index}`);
    const { sessionId } = input;
    const isEvidence = input.processAlive === false;
    const before = latest.get(sessionId);
    // A sign of life and evidence of death are told apart by their order alone.
    const mustWait = before && (isEvidence || before.isEvidence);
    const taken = mustWait
      ? before.taken.catch(() => undefined).then(() => take(store, caller, input))
      : take(store, caller, input);
    latest.set(sessionId, { isEvidence, taken });
    return taken;
  });
  const outcomes = await Promise.allSettled(hearings);
  const heard = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const answer = await answerTo(store, caller, heard);
  return outcomes.map((outcome) =>
    outcome.status === 'fulfilled' ? { status: 'fulfilled', value: answer(outcome.value) } : outcome,
  );
}

function check(input: HeartbeatInput, path: string): void {
  const issues = new Issues();
  checkRange(issues, `${path}.contextPercent`, input.contextPercent, 0, 100);
  checkTitle(issues, `${path}.currentEpic`, input.currentEpic);
  checkTitle(issues, `${path}.activity`, input.activity);
  issues.throwIfAny();
}

interface Heard {
  sessionId: string;
  contextPercent: number | null;
  isWanted: boolean;
}

async function take(store: Store, caller: Caller, input: HeartbeatInput): Promise<Heard> {
  const { sessionId, contextPercent = null, currentEpic = null, activity = null } = input;
  if (input.processAlive === false) {
    await takeEvidence(store, caller, sessionId);
    return { sessionId, contextPercent: null, isWanted: true };
  }
  const { projectId } = caller;
  const said = { currentEpic: cleanText(currentEpic), activity: cleanText(activity) };
  const sign = { projectId, sessionId, contextPercent, ...said };
  return store.beats.put(`${projectId}/${sessionId}`, sign, (folded) => takeTelling(store, caller, folded));
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

/** How to answer each of these: with one statement for all of whom something may be wanted. */
async function answerTo(
  store: Store,
  { projectId }: Caller,
  heard: readonly Heard[],
): Promise<(each: Heard) => HeartbeatAnswer> {
  const wanted = heard.flatMap(({ sessionId, isWanted }) => (isWanted ? [sessionId] : []));
  const pending = wanted.length > 0 ? await pendingSignals(store.database.prisma, projectId, { in: wanted }) : [];
  return ({ sessionId, contextPercent }) => {
    const signals = pending.filter((signal) => signal.sessionId === sessionId);
    const kinds = signals.map(({ kind }) => kind);
    return { sessionId, recommendedAction: recommend(kinds, contextPercent), signals };
  };
}
