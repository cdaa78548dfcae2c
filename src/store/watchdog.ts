// The watchdog looks at every live session from time to time and gives its verdict on those that have been silent for too
// long. It never ends one. Any number of servers may look: one at a time does, and a heartbeat that arrives meanwhile wins.
import type { Session } from '../database/client.js';
import { judge, type Suspect } from '../domain/verdict.js';
import { escalateLocked } from './escalation.js';
import { lockSession, moveSession } from './lifecycle.js';
import { serviceIn, type Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

// Any number will do, as long as nobody else in this database takes the same.
const LOCK = 7_361_529;
// A sweep over very many suspects may take its time; the lock goes with it in any case.
const SWEEP_MAX_MS = 120_000;
/** Without a tick anywhere for so many intervals the service was away, and could not hear. */
const MISSED_TICKS = 3;

/** What a sweep did: verdicts are the changes that it made. */
export interface Sweep {
  suspects: number;
  verdicts: number;
}

/** Looks at all live sessions of all projects once; null where another server is at it. */
export async function sweep(store: Store, { intervalMs }: { intervalMs: number }): Promise<Sweep | null> {
  return store.database.prisma.$transaction(
    async (db) => {
      const [lock] = await db.$queryRaw<{ mine: boolean }[]>`SELECT pg_try_advisory_xact_lock(${LOCK}) AS "mine"`;
      if (!lock?.mine) return null;
      const awaySeconds = (MISSED_TICKS * intervalMs) / 1000;
      const [tick] = await db.$queryRaw<{ hearingSince: Date }[]>`
        INSERT INTO watchdog AS w (id) VALUES (1)
        ON CONFLICT (id) DO UPDATE SET ticked_at = now(), hearing_since = CASE
          WHEN w.ticked_at < now() - make_interval(secs => ${awaySeconds}) THEN now() ELSE w.hearing_since END
        RETURNING hearing_since AS "hearingSince"`;
      if (!tick) throw new Error('the tick of the watchdog answered with no row');
      const { hearingSince } = tick;
      // By the clock alone: who of them waits for a person, or has spoken meanwhile, is found out one by one.
      const suspects = await db.$queryRaw<{ projectId: string; id: string }[]>`
        SELECT s.project_id AS "projectId", s.id FROM sessions s
        JOIN pulses p ON p.project_id = s.project_id AND p.session_id = s.id
        WHERE s.ended_at IS NULL AND s.state IN ('BOOTING', 'WORKING', 'STALLED') AND p.watched
          AND (greatest(p.last_activity_at, ${hearingSince}) < now() - make_interval(secs =>
              CASE WHEN s.state = 'STALLED' THEN s.zombie_after_seconds
                ELSE least(s.stall_after_seconds, s.zombie_after_seconds) END)
            OR (s.state = 'STALLED' AND s.escalation_level < s.max_escalation_level))`;
      let verdicts = 0;
      for (const { projectId, id } of suspects) {
        const { changed } = await transact(store, serviceIn(projectId), async (tx) => ({
          changed: await judgeLocked(tx, id, hearingSince),
        }));
        if (changed) verdicts += 1;
      }
      return { suspects: suspects.length, verdicts };
    },
    { timeout: SWEEP_MAX_MS },
  );
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
      EXISTS (SELECT FROM approvals a WHERE a.project_id = p.project_id AND a.session_id = p.session_id
        AND a.status = 'PENDING' AND a.expires_at > now()) AS "waiting",
      (SELECT max(coalesce(a.resolved_at, a.expires_at)) FROM approvals a
        WHERE a.project_id = p.project_id AND a.session_id = p.session_id
          AND (a.status <> 'PENDING' OR a.expires_at <= now())) AS "answeredAt"
    FROM pulses p WHERE p.project_id = ${projectId}::uuid AND p.session_id = ${id}::uuid FOR NO KEY UPDATE`;
  if (!life) throw new Error('a session has no pulse');
  return life;
}
