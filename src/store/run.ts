import { Prisma, type Queryable, type Run, type Session } from '../database/client.js';
import { NotFoundError, RunAlreadyActiveError, RunNotActiveError, ValidationError } from '../domain/errors.js';
import { encodeId, newId } from '../domain/id.js';
import { checkJson } from '../domain/json.js';
import { checkKey, checkName, checkNote, checkPast, Issues, JSON_MAX_BYTES } from '../domain/limits.js';
import type { RunStatus } from '../domain/run.js';
import { transactOnce, type Once } from './idempotency.js';
import { uuids } from './parameter.js';
import { redacted } from './redacted.js';
import { RUN_COLUMNS, RUNS, SESSIONS } from './row.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

export interface CreateRunInput {
  idempotencyKey?: string | null;
  occurredAt?: Date | null;
  externalId?: string | null;
  description?: string | null;
  coordinatorName?: string | null;
  coordinatorSessionId?: string | null;
  metadata?: unknown;
}

/**
 * Begins a run.
 * @throws RunAlreadyActiveError where the coordinator has an active one.
 */
export async function createRun(store: Store, caller: Caller, input: CreateRunInput): Promise<Once<{ run: Run }>> {
  checkCreate(input, store.now());
  const { projectId } = caller;
  const { externalId, coordinatorName, coordinatorSessionId, occurredAt } = input;
  const request = { mutation: 'createRun', input, rows: { run: readRun } };
  return transactOnce(store, caller, request, async (tx) => {
    if (coordinatorSessionId) await requireSession(tx, coordinatorSessionId);
    if (externalId) await requireFreeExternalId(tx, externalId);
    if (coordinatorName) {
      const active = await findActive(tx, coordinatorName);
      if (active) throw new RunAlreadyActiveError({ runId: active.id, coordinatorName });
    }
    const run = await RUNS.insert(tx.db, {
      projectId,
      id: newId(),
      externalId,
      description: input.description,
      coordinatorName,
      coordinatorSessionId,
      metadata: redacted(input.metadata ?? {}),
      ...(occurredAt && { startedAt: earlier(occurredAt, tx.now) }),
    });
    tx.record({ type: 'RUN_STARTED', runId: run.id, occurredAt, data: { coordinatorName: coordinatorName ?? null } });
    return { run };
  });
}

export interface CompleteRunInput {
  runId: string;
  status: RunStatus;
  occurredAt?: Date | null;
}

/** Ends a run, once: a second call changes nothing and says `alreadyCompleted`. Its sessions go on as they are. */
export async function completeRun(
  store: Store,
  caller: Caller,
  input: CompleteRunInput,
): Promise<{ run: Run; alreadyCompleted: boolean; position: bigint }> {
  const issues = new Issues();
  checkPast(issues, 'input.occurredAt', input.occurredAt, store.now());
  if (input.status === 'ACTIVE') issues.add('input.status', 'must be COMPLETED or FAILED');
  issues.throwIfAny();
  return transact(store, caller, async (tx) => {
    const before = await lockRun(tx, input.runId);
    if (before.status !== 'ACTIVE') return { run: before, alreadyCompleted: true };
    const [run] = await tx.db.$queryRaw<Run[]>`
      UPDATE runs r SET status = ${input.status}::run_status,
        completed_at = greatest(least(coalesce(${input.occurredAt ?? null}::timestamptz, now()), now()), r.started_at)
      WHERE r.project_id = ${tx.projectId}::uuid AND r.id = ${input.runId}::uuid
      RETURNING ${RUN_COLUMNS}`;
    if (!run) throw new Error('the update of a locked run found no row');
    tx.record({ type: 'RUN_COMPLETED', runId: run.id, occurredAt: input.occurredAt, data: { status: run.status } });
    return { run, alreadyCompleted: false };
  });
}

/** @throws RunNotActiveError; the run stays active until the transaction ends. */
export async function requireActiveRun(tx: Transaction, runId: string): Promise<void> {
  const status = await statusOf(tx, runId);
  if (!status) throw new NotFoundError({ kind: 'Run', ref: encodeId('Run', runId) });
  if (status !== 'ACTIVE') throw new RunNotActiveError({ runId, status });
}

/** The run that is passed on to a session: null where it takes no more. */
export async function inheritedRun(tx: Transaction, runId: string | null): Promise<string | null> {
  return runId && (await statusOf(tx, runId)) === 'ACTIVE' ? runId : null;
}

async function statusOf(tx: Transaction, runId: string): Promise<RunStatus | undefined> {
  // Shared: many sessions join at once, only the completion of the run has to wait.
  const [run] = await tx.db.$queryRaw<{ status: RunStatus }[]>`
    SELECT r.status FROM runs r WHERE r.project_id = ${tx.projectId}::uuid AND r.id = ${runId}::uuid FOR SHARE`;
  return run?.status;
}

/** To be called where a session has ended or died: it may have been the last worker of its run. */
export async function settleRun(tx: Transaction, { runId }: Session): Promise<void> {
  if (runId) await settleRuns(tx, [runId]);
}

/** As `settleRun` does, for the runs of several sessions. */
export async function settleRuns(tx: Transaction, runIds: readonly string[]): Promise<void> {
  // Of two workers that end at once the second waits here, and then sees the first one's end.
  const locked = await tx.db.$queryRaw<Pick<Run, 'id' | 'workersFinishedAt'>[]>`
    SELECT r.id, r.workers_finished_at AS "workersFinishedAt" FROM runs r
    WHERE r.project_id = ${tx.projectId}::uuid AND r.id = ANY (${uuids(runIds)}) ORDER BY r.id FOR NO KEY UPDATE`;
  const going = locked.flatMap(({ id, workersFinishedAt }) => (workersFinishedAt ? [] : [id]));
  // Only at last: the session's successor, which joins the run in this transaction, is a worker too.
  if (going.length > 0) tx.atLast(`runs ${going.join()}`, () => finishWorkers(tx, going));
}

/** Records once per run that all its workers have finished, where they have. */
async function finishWorkers(tx: Transaction, runIds: readonly string[]): Promise<void> {
  const finished = await tx.db.$queryRaw<Pick<Run, 'id'>[]>`
    UPDATE runs r SET workers_finished_at = now()
    WHERE r.project_id = ${tx.projectId}::uuid AND r.id = ANY (${uuids(runIds)}) AND r.workers_finished_at IS NULL AND (
      SELECT coalesce(bool_and(s.state IN ('COMPLETED', 'ZOMBIE')), false) FROM sessions s
      WHERE s.project_id = r.project_id AND s.run_id = r.id
        AND (s.agent_name = r.coordinator_name) IS NOT TRUE AND s.chain_root_id IS DISTINCT FROM (
          SELECT c.chain_root_id FROM sessions c
          WHERE c.project_id = r.project_id AND c.id = r.coordinator_session_id)
    ) RETURNING r.id`;
  for (const { id } of finished) tx.record({ type: 'RUN_WORKERS_FINISHED', runId: id });
}

async function lockRun(tx: Transaction, runId: string): Promise<Run> {
  const [run] = await tx.db.$queryRaw<Run[]>`
    SELECT ${RUN_COLUMNS} FROM runs r
    WHERE r.project_id = ${tx.projectId}::uuid AND r.id = ${runId}::uuid FOR NO KEY UPDATE`;
  if (!run) throw new NotFoundError({ kind: 'Run', ref: encodeId('Run', runId) });
  return run;
}

/** A run as it stands, not locked. */
export async function readRun(db: Queryable, projectId: string, id: string): Promise<Run> {
  const run = await RUNS.find(db, { projectId, id });
  if (!run) throw new NotFoundError({ kind: 'Run', ref: encodeId('Run', id) });
  return run;
}

// Told to PostgreSQL as it is: it plans once for all values, and by a parameter it would not find the index of active runs.
const ACTIVE = Prisma.sql`'ACTIVE'`;

/** The coordinator's run that is active; null where it has none. */
export function findActive({ db, projectId }: Transaction, coordinatorName: string): Promise<Run | null> {
  return RUNS.find(db, { projectId, coordinatorName, status: ACTIVE });
}

async function requireSession(tx: Transaction, id: string): Promise<void> {
  const session = await SESSIONS.find(tx.db, { projectId: tx.projectId, id });
  if (!session) throw new NotFoundError({ kind: 'Session', ref: encodeId('Session', id) });
}

async function requireFreeExternalId(tx: Transaction, externalId: string): Promise<void> {
  const taken = await RUNS.find(tx.db, { projectId: tx.projectId, externalId });
  if (!taken) return;
  const message = `is the external id of run ${encodeId('Run', taken.id)} already`;
  throw new ValidationError({ issues: [{ path: 'input.externalId', message }] });
}

function checkCreate(input: CreateRunInput, now: Date): void {
  const issues = new Issues();
  checkKey(issues, 'input.idempotencyKey', input.idempotencyKey);
  checkPast(issues, 'input.occurredAt', input.occurredAt, now);
  checkName(issues, 'input.externalId', input.externalId);
  checkNote(issues, 'input.description', input.description);
  checkName(issues, 'input.coordinatorName', input.coordinatorName);
  checkJson(issues, 'input.metadata', input.metadata, { limitBytes: JSON_MAX_BYTES, shape: 'object' });
  issues.throwIfAny();
}

/** A caller's clock may run ahead of ours; what is stored never does. */
export function earlier(instant: Date, now: Date): Date {
  return instant < now ? instant : now;
}
