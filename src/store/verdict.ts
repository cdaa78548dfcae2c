// A verdict is given under the lock on the session and its pulse, on what is true of it there: a heartbeat, an answer or an
// end that comes before it wins. Most are given to many at once, by sets, and only what is left singly.
import { encodeId } from '../domain/id.js';
import { nextState } from '../domain/lifecycle.js';
import { judge } from '../domain/verdict.js';
import { escalateLocked, isOwnMatter, tellRaised, type Raised } from './escalation.js';
import {
  eventOfMove,
  holdSuspects,
  idsOf,
  moveHeld,
  moveSuspects,
  VERDICT_MAX_MS,
  type Ids,
  type Move,
} from './held.js';
import { lockSession, moveSession, TOLD } from './lifecycle.js';
import { settleRuns } from './run.js';
import { serviceIn, type Store } from './store.js';
import { readLife, type Found, type Place } from './suspect.js';
import { transact, type Transaction } from './transaction.js';

interface Raise extends Raised {
  session: Found;
}

/** What verdicts come to. */
export interface Given {
  verdicts: number;
  /** Those that have to be judged singly. */
  left: readonly Found[];
}

/**
 * Gives the verdicts that are due on suspects of one project, many with one commit. Nobody is waited for: whoever is held by
 * somebody, or has changed since it was found, is left, and so are all where that fails.
 */
export async function judgeTogether(
  store: Store,
  suspects: readonly [Found, ...Found[]],
  hearingSince: Date,
): Promise<Given> {
  const due = { moves: [] as Move[], deaths: [] as Move[], raises: [] as Raise[] };
  for (const suspect of suspects) {
    const verdict = judge(suspect, suspect.now, hearingSince);
    if (verdict.action === 'escalate') due.raises.push({ session: suspect, level: verdict.level });
    else if (verdict.action !== 'none') {
      const { action, evidence } = verdict;
      const next = nextState(suspect.state, action);
      if (typeof next === 'string') continue;
      // A death may be the end of a run, which has to be looked at under the lock on it.
      const kind = action === 'die' && suspect.runId !== null ? 'deaths' : 'moves';
      due[kind].push({ session: suspect, action, to: next.to, evidence });
    }
  }
  const [{ projectId }] = suspects;
  const done = new Set<string>();
  try {
    for (const id of await moveHeld(store, projectId, due.moves)) done.add(id);
    for (const id of await transactHeld(store, projectId, due)) done.add(id);
  } catch (error) {
    store.log.warn({ err: error, projectId }, 'the watchdog could not judge many at once: it judges one by one');
  }
  const all = [...due.moves, ...due.deaths, ...due.raises].map(({ session }) => session);
  const left = all.filter(({ id }) => !done.has(id)).toSorted((one, other) => (one.id < other.id ? -1 : 1));
  return { verdicts: done.size, left };
}

/** Gives those verdicts that one statement cannot. Answers with the ids of the sessions. */
async function transactHeld(
  store: Store,
  projectId: string,
  { deaths, raises }: { deaths: readonly Move[]; raises: readonly Raise[] },
): Promise<string[]> {
  const own = raises.filter(isOwnMatter);
  if (deaths.length + own.length === 0) return [];
  const { ids } = await transact(
    store,
    serviceIn(projectId),
    async (tx) => ({ ids: [...(await killHeld(tx, deaths)), ...(await raiseHeld(tx, own))] }),
    { timeoutMs: VERDICT_MAX_MS },
  );
  return ids;
}

async function killHeld(tx: Transaction, deaths: readonly Move[]): Promise<string[]> {
  if (deaths.length === 0) return [];
  const moved = await tx.db.$queryRaw<Ids>`
    WITH ${moveSuspects(tx.projectId, deaths)}, pulse AS (
      UPDATE pulses p SET ${TOLD} FROM s WHERE p.project_id = s.project_id AND p.session_id = s.id
    )
    SELECT json_agg(s.id)::text AS "ids" FROM s`;
  const done = among(deaths, moved);
  for (const move of done) tx.record(eventOfMove(move));
  await settleRuns(tx, [...new Set(done.flatMap(({ session: { runId } }) => runId ?? []))]);
  return done.map(({ session }) => session.id);
}

/** Raises the levels of those to whom nothing has happened. Answers with their ids. */
async function raiseHeld(tx: Transaction, raises: readonly Raise[]): Promise<string[]> {
  if (raises.length === 0) return [];
  const raised = await tx.db.$queryRaw<Ids>`
    WITH ${holdSuspects(tx.projectId, raises, ({ level }) => ({ level }))}, s AS (
      UPDATE sessions SET escalation_level = h.level, version = version + 1 FROM held h
      WHERE sessions.project_id = ${tx.projectId}::uuid AND sessions.id = h.id
      RETURNING sessions.id
    )
    SELECT json_agg(s.id)::text AS "ids" FROM s`;
  const done = among(raises, raised);
  await tellRaised(tx, done);
  return done.map(({ session }) => session.id);
}

function among<Due extends { session: Found }>(due: readonly Due[], [{ ids }]: Ids): Due[] {
  const found = new Set(idsOf(ids));
  return due.filter(({ session }) => found.has(session.id));
}

/** Whether the session was changed. Where that fails, as on one that was purged meanwhile, it is left to the next sweep. */
export async function judgeOne(store: Store, { projectId, id }: Place, hearingSince: Date): Promise<boolean> {
  try {
    const { changed } = await transact(
      store,
      serviceIn(projectId),
      async (tx) => ({ changed: await judgeLocked(tx, id, hearingSince) }),
      { timeoutMs: VERDICT_MAX_MS },
    );
    return changed;
  } catch (error) {
    store.log.warn(
      { err: error, projectId, sessionId: encodeId('Session', id) },
      'the watchdog could not judge a session',
    );
    return false;
  }
}

/** Gives the verdict that is due on a session, from what is true of it under its lock. Answers whether that changed it. */
async function judgeLocked(tx: Transaction, id: string, hearingSince: Date): Promise<boolean> {
  const session = await lockSession(tx, id);
  const { now, ...life } = await readLife(tx, session);
  const verdict = judge({ ...session, ...life }, now, hearingSince);
  switch (verdict.action) {
    case 'none':
      return false;
    case 'escalate':
      return (await escalateLocked(tx, session, verdict.level)) !== session;
    case 'stall':
    case 'die':
      return (await moveSession(tx, session, verdict.action, { evidence: verdict.evidence })) !== session;
  }
}
