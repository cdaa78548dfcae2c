import { LIFECYCLE_STATES, type LifecycleState } from '../domain/session.js';
import { batched } from './batch.js';
import type { Context } from './context.js';

interface Counts {
  total: number;
  states: Partial<Record<LifecycleState, number>>;
  workersFinished: boolean;
}

/** Counts as the schema tells them: every state, in order. */
export function byState(counts: Partial<Record<LifecycleState, number>> = {}) {
  return LIFECYCLE_STATES.map((state) => ({ state, count: counts[state] ?? 0 }));
}

/** The sessions of a run, counted; undefined where it has none. One statement for all runs of a page. */
export const runCounts = batched(async (runIds: string[], { store, caller }: Context) => {
  // The coordinator's own sessions are told by its name and by its chain, as when the log is told of finished workers.
  const rows = await store.database.prisma.$queryRaw<
    { runId: string; state: LifecycleState; total: number; workers: number }[]
  >`
    SELECT s.run_id AS "runId", s.state::text, count(*)::int AS total,
      count(*) FILTER (WHERE (s.agent_name = r.coordinator_name) IS NOT TRUE
        AND s.chain_root_id IS DISTINCT FROM c.chain_root_id)::int AS workers
    FROM sessions s
    JOIN runs r ON r.project_id = s.project_id AND r.id = s.run_id
    LEFT JOIN sessions c ON c.project_id = r.project_id AND c.id = r.coordinator_session_id
    WHERE s.project_id = ${caller.projectId}::uuid AND s.run_id = ANY (${runIds}::uuid[])
    GROUP BY s.run_id, s.state`;
  const counts = new Map<string, Counts>();
  for (const runId of new Set(rows.map((row) => row.runId))) {
    const states = rows.filter((row) => row.runId === runId);
    const workers = states.filter((row) => row.workers > 0);
    counts.set(runId, {
      total: states.reduce((sum, row) => sum + row.total, 0),
      states: Object.fromEntries(states.map(({ state, total }) => [state, total])),
      workersFinished: workers.length > 0 && workers.every(({ state }) => state === 'COMPLETED' || state === 'ZOMBIE'),
    });
  }
  return counts;
});
