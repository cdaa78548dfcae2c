// The watchdog looks at every live session from time to time and gives its verdict on those that have been silent for too
// long. It never ends one. Any number of servers may look: one at a time does, and a heartbeat that arrives meanwhile wins.
import { NIL } from 'uuid';
import { Prisma, type Session } from '../database/client.js';
import { encodeId } from '../domain/id.js';
import { judge, type Suspect } from '../domain/verdict.js';
import { escalateLocked } from './escalation.js';
import { keepTicking } from './hearing.js';
import { lockSession, moveSession } from './lifecycle.js';
import { serviceIn, type Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

// Any number will do, as long as nobody else in this database takes the same.
const LOCK = 7_361_529;
// For so long, and one verdict, a sweep keeps a connection for reads and the lock with it; then it takes both again.
const STRETCH_MS = 2_000;
// Each costs a transaction: more than a stretch has time for.
const AT_ONCE = 500;
// Where somebody holds a session for longer, the next sweep judges it. A server that is to close waits no longer either.
const VERDICT_MAX_MS = 3_000;

/** What a sweep did: suspects are those for whom something was due, verdicts the changes that it made. */
export interface Sweep {
  suspects: number;
  verdicts: number;
}

interface Options {
  intervalMs: number;
  /** Ends the sweep after the suspect that it is at. */
  signal?: AbortSignal;
}

/** Looks at all live sessions of all projects once; null where another server is at it. A suspect that fails is logged. */
export async function sweep(store: Store, { intervalMs, signal }: Options): Promise<Sweep | null> {
  const swept: Sweep = { suspects: 0, verdicts: 0 };
  let after: Due | null = NOBODY;
  while (after && !signal?.aborted) {
    const stretch: Stretch | null = await sweepStretch(store, after, { intervalMs, signal });
    // One that has taken the lock in between looks at all from the first on.
    if (!stretch) return after === NOBODY ? null : swept;
    swept.suspects += stretch.suspects;
    swept.verdicts += stretch.verdicts;
    after = stretch.last;
  }
  return swept;
}

interface Due {
  projectId: string;
  id: string;
}

/** Comes before all. */
const NOBODY: Due = { projectId: NIL, id: NIL };

interface Stretch extends Sweep {
  /** The last that it came to; null where none is left. */
  last: Due | null;
}

/** Judges those after `after` for as long as a stretch may take. Null without the lock. */
async function sweepStretch(store: Store, after: Due, { intervalMs, signal }: Options): Promise<Stretch | null> {
  // It holds the lock and reads; what is written goes by connections for writes, so that neither waits for the other.
  return store.database.prisma.$transaction(async (db) => {
    const [lock] = await db.$queryRaw<{ mine: boolean }[]>`SELECT pg_try_advisory_xact_lock(${LOCK}) AS "mine"`;
    if (!lock?.mine) return null;
    await using ticking = await keepTicking(store, intervalMs);
    const stretch: Stretch = { suspects: 0, verdicts: 0, last: null };
    if (!ticking.hearing().hasHeardEnough) return stretch;
    const due = await listDue(db, after, ticking.hearing().since);
    const until = performance.now() + STRETCH_MS;
    for (const suspect of due) {
      // Where the service was away meanwhile, as on a machine that slept, all that was due is so no longer.
      if (signal?.aborted || !ticking.hearing().hasHeardEnough) return stretch;
      stretch.suspects += 1;
      if (await judgeOne(store, suspect, ticking.hearing().since)) stretch.verdicts += 1;
      if (performance.now() > until) return { ...stretch, last: suspect };
    }
    return due.length < AT_ONCE ? stretch : { ...stretch, last: due.at(-1) ?? null };
  });
}

// Of a session `s` and its pulse `p`.
const IS_WAITING = Prisma.sql`EXISTS (SELECT FROM approvals a
  WHERE a.project_id = p.project_id AND a.session_id = p.session_id AND a.status = 'PENDING' AND a.expires_at > now())`;
const ANSWERED_AT = Prisma.sql`(SELECT max(coalesce(a.resolved_at, a.expires_at)) FROM approvals a
  WHERE a.project_id = p.project_id AND a.session_id = p.session_id
    AND (a.status <> 'PENDING' OR a.expires_at <= now()))`;

/** As `judge` has it: something is due on a session of which no silence counts from before `from`. */
const isDue = (from: Prisma.Sql): Prisma.Sql => Prisma.sql`(
  greatest(p.last_activity_at, ${from}) < now() - make_interval(secs =>
    CASE WHEN s.state = 'STALLED' THEN s.zombie_after_seconds
      ELSE least(s.stall_after_seconds, s.zombie_after_seconds) END)
  OR (s.state = 'STALLED' AND coalesce(s.escalation_level, 0) < s.max_escalation_level
    AND greatest(s.stalled_since, ${from}) <= now() - make_interval(secs =>
      (coalesce(s.escalation_level, 0) + 1.0) * s.escalate_every_seconds)))`;

/** The first of those after `after` on whom something is due. */
async function listDue(db: Prisma.TransactionClient, after: Due, hearingSince: Date): Promise<Due[]> {
  const hearing = Prisma.sql`${hearingSince}::timestamptz`;
  // Materialized, or the order would have the planner walk along all that have ever been. First by the clock alone, which
  // leaves few whose questions to a person must be looked at.
  return db.$queryRaw<Due[]>`
    WITH due AS MATERIALIZED (
      SELECT s.project_id, s.id FROM sessions s
      JOIN pulses p ON p.project_id = s.project_id AND p.session_id = s.id
      WHERE s.ended_at IS NULL AND s.state IN ('BOOTING', 'WORKING', 'STALLED') AND p.watched
        AND ${isDue(hearing)}
        AND NOT ${IS_WAITING} AND ${isDue(Prisma.sql`greatest(${hearing}, ${ANSWERED_AT})`)}
    )
    SELECT project_id AS "projectId", id FROM due
    WHERE (project_id, id) > (${after.projectId}::uuid, ${after.id}::uuid)
    ORDER BY project_id, id LIMIT ${AT_ONCE}`;
}

/** Whether the session was changed. Where that fails, as on one that was purged meanwhile, it is left to the next sweep. */
async function judgeOne(store: Store, { projectId, id }: Due, hearingSince: Date): Promise<boolean> {
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

type Life = Pick<Suspect, 'watched' | 'waiting' | 'lastHeartbeatAt' | 'lastActivityAt' | 'answeredAt'> & { now: Date };

/** The session's signs of life; its pulse is locked, so that a beat comes either before this or after the verdict. */
async function readLife(tx: Transaction, { projectId, id }: Session): Promise<Life> {
  const [life] = await tx.db.$queryRaw<Life[]>`
    SELECT p.watched, p.last_heartbeat_at AS "lastHeartbeatAt", p.last_activity_at AS "lastActivityAt",
      clock_timestamp() AS "now",
      ${IS_WAITING} AS "waiting", ${ANSWERED_AT} AS "answeredAt"
    FROM pulses p WHERE p.project_id = ${projectId}::uuid AND p.session_id = ${id}::uuid FOR NO KEY UPDATE`;
  if (!life) throw new Error('a session has no pulse');
  return life;
}
