// Retention removes what is older than its operator wants to keep. It goes in small steps, each of which holds its locks for
// a moment: a writer never waits for more than one of them.
import { allowDeletes, purgeSessions, trimLog } from './purge.js';
import { serviceIn, type Store } from './store.js';
import { transact } from './transaction.js';

/** For how many days to keep what; null is for ever. */
export interface Retention {
  sessionDays: number | null;
  eventDays: number | null;
  checkpointDays: number | null;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const ROWS_PER_TRANSACTION = 5_000;

/** Removes from every project what is older than it is to be kept. */
export async function retain(store: Store, { sessionDays, eventDays, checkpointDays }: Retention): Promise<void> {
  const before = (days: number): Date => new Date(store.now().getTime() - days * DAY_MS);
  const projects = await store.database.prisma.project.findMany({ select: { id: true } });
  for (const { id } of projects) {
    if (sessionDays !== null) {
      const filter = { endedBefore: before(sessionDays) };
      await purgeSessions(store, serviceIn(id), { filter, force: false, dryRun: false });
    }
    if (checkpointDays !== null) await removeCheckpoints(store, id, before(checkpointDays));
    if (eventDays !== null) await removeEvents(store, id, before(eventDays));
  }
}

/** Events of ended sessions, and those of none; an open session keeps its own, which tell how it came to stand as it does. */
async function removeEvents(store: Store, projectId: string, before: Date): Promise<void> {
  let cursor: bigint | null = 0n;
  while (cursor !== null) {
    const after: bigint = cursor;
    cursor = (
      await transact(store, serviceIn(projectId), async (tx) => {
        await allowDeletes(tx);
        // The stretch is found by position, along the primary key: the log is in the order of its recording.
        const [step] = await tx.db.$queryRaw<{ last: bigint | null; newest: bigint | null }[]>`
          WITH stretch AS MATERIALIZED (
            SELECT e.position, e.id, s.ended_at IS NOT NULL OR e.session_id IS NULL AS settled
            FROM (
              SELECT * FROM events WHERE project_id = ${projectId}::uuid AND position > ${after}
              ORDER BY position LIMIT ${ROWS_PER_TRANSACTION}
            ) e LEFT JOIN sessions s ON s.project_id = e.project_id AND s.id = e.session_id
            WHERE e.recorded_at < ${before}
          ), effect AS (
            UPDATE events SET cause_id = NULL
            WHERE project_id = ${projectId}::uuid AND cause_id IN (SELECT id FROM stretch WHERE settled)
              AND position NOT IN (SELECT position FROM stretch WHERE settled)
          ), removed AS (
            DELETE FROM events WHERE project_id = ${projectId}::uuid
              AND position IN (SELECT position FROM stretch WHERE settled)
            RETURNING position
          )
          SELECT (SELECT max(position) FROM stretch) AS "last", (SELECT max(position) FROM removed) AS "newest"`;
        await trimLog(tx, step?.newest ?? null);
        return { last: step?.last ?? null };
      })
    ).last;
  }
}

/** Checkpoints but for each session's newest, and those that a handoff refers to. */
async function removeCheckpoints(store: Store, projectId: string, before: Date): Promise<void> {
  for (let removed = ROWS_PER_TRANSACTION; removed === ROWS_PER_TRANSACTION;) {
    const step = await transact(store, serviceIn(projectId), async (tx) => {
      await allowDeletes(tx);
      const count = await tx.db.$executeRaw`
        DELETE FROM checkpoints WHERE project_id = ${projectId}::uuid AND id IN (
          SELECT c.id FROM checkpoints c
          WHERE c.project_id = ${projectId}::uuid AND c.created_at < ${before}
            AND EXISTS (
              SELECT FROM checkpoints n
              WHERE n.project_id = c.project_id AND n.session_id = c.session_id AND n.sequence > c.sequence)
            AND NOT EXISTS (SELECT FROM handoffs h WHERE h.project_id = c.project_id AND h.checkpoint_id = c.id)
          ORDER BY c.created_at LIMIT ${ROWS_PER_TRANSACTION})`;
      return { count };
    });
    removed = step.count;
  }
}
