// Deleting is an admin's, or the retention worker's: never the ordinary way. What is deleted goes in transactions of
// bounded size that lock nothing a writer needs, but for the last statement, which writes the log; the chains of those that
// stay are readable as before, only their edges to what is gone are cut.
import { Prisma, type Queryable } from '../database/client.js';
import { encodeId } from '../domain/id.js';
import { checkInstant, checkName, Issues } from '../domain/limits.js';
import type { LifecycleState } from '../domain/session.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

/** A session has to match all that is given. */
export interface PurgeFilter {
  sessionIds?: readonly string[] | null;
  agentName?: string | null;
  states?: readonly LifecycleState[] | null;
  endedBefore?: Date | null;
  /** Says that a filter of nothing else is meant. */
  all?: boolean | null;
}

export interface PurgeSessionsInput {
  filter: PurgeFilter;
  force: boolean;
  dryRun: boolean;
}

/** How many rows went, or would go. */
export interface Purged {
  sessions: number;
  events: number;
  checkpoints: number;
  commands: number;
}

// So many sessions go together, and no more than have so many records; but none is ever cut in two.
const SESSIONS_PER_TRANSACTION = 50;
const RECORDS_PER_TRANSACTION = 5_000;
// A session may have millions of events, and goes whole.
const TRANSACTION_MAX_MS = 15 * 60_000;

const NOTHING: Purged = { sessions: 0, events: 0, checkpoints: 0, commands: 0 };

/** Deletes ended sessions, with `force` open ones too, with all that hangs on them; with `dryRun` only counts them. */
export async function purgeSessions(
  store: Store,
  caller: Caller,
  { filter, force, dryRun }: PurgeSessionsInput,
): Promise<Purged & { dryRun: boolean; position: bigint }> {
  checkFilter(filter);
  const where = conditions(caller.projectId, filter, force);
  if (dryRun) {
    const look = async (tx: Transaction) => ({ ...(await count(tx.db, where)), dryRun });
    return transact(store, caller, look, { timeoutMs: TRANSACTION_MAX_MS });
  }
  const total = { ...NOTHING };
  for (;;) {
    const remove = async (tx: Transaction) => removeSessions(tx, await lockMatching(tx, where));
    const { position, ...purged } = await transact(store, caller, remove, { timeoutMs: TRANSACTION_MAX_MS });
    for (const kind of Object.keys(total) as (keyof Purged)[]) total[kind] += purged[kind];
    if (purged.sessions === 0) return { ...total, dryRun, position };
  }
}

/** The next sessions that match, the first to end first, locked against everybody who refers to them. */
async function lockMatching(tx: Transaction, where: Prisma.Sql): Promise<string[]> {
  // In the order of an index, so that the first of very many are found without looking at the others.
  const rows = await tx.db.$queryRaw<{ id: string }[]>`
    SELECT s.id FROM (
      SELECT m.id, sum(m.records) OVER (ORDER BY m.ended_at, m.id) - m.records AS before
      FROM (
        SELECT s.id, s.ended_at, p.event_sequence + p.checkpoint_sequence + p.command_sequence AS records
        FROM sessions s JOIN pulses p ON p.project_id = s.project_id AND p.session_id = s.id
        WHERE ${where} ORDER BY s.ended_at, s.id LIMIT ${SESSIONS_PER_TRANSACTION}
      ) m
    ) next JOIN sessions s ON s.id = next.id
    WHERE next.before < ${RECORDS_PER_TRANSACTION} AND ${where} ORDER BY s.ended_at, s.id FOR UPDATE OF s`;
  return rows.map(({ id }) => id);
}

/** Deletes sessions with all that hangs on them, and tells the log which. */
async function removeSessions(tx: Transaction, ids: readonly string[]): Promise<Purged> {
  if (ids.length === 0) return NOTHING;
  const { projectId } = tx;
  await allowDeletes(tx);
  // Foreign keys are checked when the statement ends, so its parts may go in any order.
  const [purged] = await tx.db.$queryRaw<(Purged & { newest: bigint | null })[]>`
    WITH doomed AS MATERIALIZED (SELECT unnest(${[...ids]}::uuid[]) AS id),
    doomed_checkpoint AS MATERIALIZED (
      SELECT id FROM checkpoints WHERE project_id = ${projectId}::uuid AND session_id IN (SELECT id FROM doomed)
    ), doomed_event AS MATERIALIZED (
      SELECT id FROM events WHERE project_id = ${projectId}::uuid AND session_id IN (SELECT id FROM doomed)
    ), command AS (
      DELETE FROM commands WHERE project_id = ${projectId}::uuid AND session_id IN (SELECT id FROM doomed) RETURNING 1
    ), state AS (
      DELETE FROM saved_states WHERE project_id = ${projectId}::uuid AND session_id IN (SELECT id FROM doomed)
    ), approval AS (
      DELETE FROM approvals WHERE project_id = ${projectId}::uuid AND session_id IN (SELECT id FROM doomed)
    ), signal AS (
      DELETE FROM signals WHERE project_id = ${projectId}::uuid AND session_id IN (SELECT id FROM doomed)
    ), taken AS (
      UPDATE handoffs SET to_id = NULL WHERE project_id = ${projectId}::uuid AND to_id IN (SELECT id FROM doomed)
        AND from_id NOT IN (SELECT id FROM doomed)
    ), given AS (
      DELETE FROM handoffs WHERE project_id = ${projectId}::uuid AND from_id IN (SELECT id FROM doomed)
    ), checkpoint AS (
      DELETE FROM checkpoints WHERE project_id = ${projectId}::uuid AND id IN (SELECT id FROM doomed_checkpoint)
      RETURNING 1
    ), effect AS (
      UPDATE events SET cause_id = NULL
      WHERE project_id = ${projectId}::uuid AND cause_id IN (SELECT id FROM doomed_event)
        AND (session_id IS NULL OR session_id NOT IN (SELECT id FROM doomed))
    ), event AS (
      DELETE FROM events WHERE project_id = ${projectId}::uuid AND session_id IN (SELECT id FROM doomed)
      RETURNING position
    ), run AS (
      UPDATE runs SET coordinator_session_id = NULL
      WHERE project_id = ${projectId}::uuid AND coordinator_session_id IN (SELECT id FROM doomed)
    ), relative AS (
      UPDATE sessions SET
        parent_id = CASE WHEN parent_id IN (SELECT id FROM doomed) THEN NULL ELSE parent_id END,
        spawned_by_id = CASE WHEN spawned_by_id IN (SELECT id FROM doomed) THEN NULL ELSE spawned_by_id END
      WHERE project_id = ${projectId}::uuid AND id NOT IN (SELECT id FROM doomed)
        AND (parent_id IN (SELECT id FROM doomed) OR spawned_by_id IN (SELECT id FROM doomed))
    ), session AS (
      DELETE FROM sessions WHERE project_id = ${projectId}::uuid AND id IN (SELECT id FROM doomed) RETURNING 1
    )
    SELECT (SELECT count(*) FROM session)::int AS "sessions", (SELECT count(*) FROM event)::int AS "events",
      (SELECT count(*) FROM checkpoint)::int AS "checkpoints", (SELECT count(*) FROM command)::int AS "commands",
      (SELECT max(position) FROM event) AS "newest"`;
  const { newest, ...counts } = purged ?? { ...NOTHING, newest: null };
  tx.record({
    type: 'SESSIONS_PURGED',
    level: 'WARN',
    data: { ...counts, sessionIds: ids.map((id) => encodeId('Session', id)), by: tx.caller.name },
  });
  await trimLog(tx, newest);
  return counts;
}

/** Lets this transaction, and no other, delete what is append-only. */
export async function allowDeletes(tx: Transaction): Promise<void> {
  await tx.db.$queryRaw`SELECT set_config('lifeline.purging', 'on', true)`;
  // A connection keeps the plans by which it checks foreign keys: those made while a table was small read all of it, once for
  // every row that is deleted now.
  await tx.db.$executeRaw`DISCARD PLANS`;
}

/** Notes up to where entries of the log have been removed, so that readers from before are told. */
export async function trimLog(tx: Transaction, newestRemoved: bigint | null): Promise<void> {
  if (newestRemoved === null) return;
  // Locked first: only a statement that begins under the lock sees all that others have written and removed until then.
  await tx.db.$queryRaw`SELECT p.id FROM projects p WHERE p.id = ${tx.projectId}::uuid FOR NO KEY UPDATE`;
  await tx.db.$executeRaw`
    UPDATE projects p SET log_purged = greatest(p.log_purged, ${newestRemoved}),
      log_start = coalesce(
        (SELECT min(e.position) FROM events e WHERE e.project_id = p.id AND e.position >= p.log_start),
        p.log_position + 1)
    WHERE p.id = ${tx.projectId}::uuid`;
}

async function count(db: Queryable, where: Prisma.Sql): Promise<Purged> {
  const [counts] = await db.$queryRaw<Purged[]>`
    WITH doomed AS MATERIALIZED (SELECT s.project_id, s.id AS session_id FROM sessions s WHERE ${where})
    SELECT (SELECT count(*) FROM doomed)::int AS "sessions",
      (SELECT count(*) FROM events JOIN doomed USING (project_id, session_id))::int AS "events",
      (SELECT count(*) FROM checkpoints JOIN doomed USING (project_id, session_id))::int AS "checkpoints",
      (SELECT count(*) FROM commands JOIN doomed USING (project_id, session_id))::int AS "commands"`;
  return counts ?? NOTHING;
}

function conditions(projectId: string, filter: PurgeFilter, force: boolean): Prisma.Sql {
  const { sessionIds, agentName, states, endedBefore } = filter;
  return Prisma.join(
    [
      Prisma.sql`s.project_id = ${projectId}::uuid`,
      !force && Prisma.sql`s.ended_at IS NOT NULL`,
      sessionIds && Prisma.sql`s.id = ANY (${[...sessionIds]}::uuid[])`,
      agentName != null && Prisma.sql`s.agent_name = ${agentName}`,
      states && Prisma.sql`s.state = ANY (${[...states]}::lifecycle_state[])`,
      endedBefore && Prisma.sql`s.ended_at < ${endedBefore}`,
    ].filter((condition) => !!condition),
    ' AND ',
  );
}

function checkFilter({ sessionIds, agentName, states, endedBefore, all }: PurgeFilter): void {
  const issues = new Issues();
  checkName(issues, 'input.filter.agentName', agentName);
  checkInstant(issues, 'input.filter.endedBefore', endedBefore);
  const isEmpty = !sessionIds && agentName == null && !states && !endedBefore;
  if (isEmpty && all !== true) issues.add('input.filter', 'must name what to purge; `all: true` means everything');
  issues.throwIfAny();
}
