// Brings what another system recorded: all of a call or nothing, and a second time nothing at all. What is known by its
// external id is left as it is, whatever the call says of it.
import type { Run, Session } from '../database/client.js';
import { continueChain, depthBelow } from '../domain/chain.js';
import { RunAlreadyActiveError } from '../domain/errors.js';
import { encodeId, newId } from '../domain/id.js';
import { ancestorsFirst, checkImport, type ImportedRun, type ImportedSession } from '../domain/import.js';
import { Issues } from '../domain/limits.js';
import { defaultPolicy } from '../domain/liveness.js';
import { lockHolders, refuseHolder } from './place.js';
import { redacted } from './redacted.js';
import { RUNS, SESSIONS } from './row.js';
import { findActive } from './run.js';
import type { NewSession } from './session.js';
import type { Caller, Store } from './store.js';
import type { Given } from './table.js';
import { transact, type Transaction } from './transaction.js';

export interface ImportSessionsInput {
  /** The name of the other system. */
  source: string;
  runs: readonly ImportedRun[];
  sessions: readonly ImportedSession[];
}

/** Rows in the order of the input; `created` and `unchanged` count both kinds. */
export interface Imported {
  runs: Run[];
  sessions: Session[];
  created: number;
  unchanged: number;
}

/** Brings runs and sessions as they stood elsewhere. An open session is judged only from its first sign of life here. */
export async function importSessions(
  store: Store,
  caller: Caller,
  input: ImportSessionsInput,
): Promise<Imported & { position: bigint }> {
  const issues = new Issues();
  checkImport(issues, input, store.now());
  const ordered = ancestorsFirst(issues, input.sessions);
  issues.throwIfAny();
  const insert = async (tx: Transaction) => {
    await takeTurn(tx);
    const known = await readKnown(tx, input);
    refuseUnknownReferences(input, known);
    const newRuns = input.runs.filter(({ externalId }) => !known.runs.has(externalId));
    const newSessions = ordered.filter(({ externalId }) => !known.sessions.has(externalId));
    await refuseTakenInstances(tx, input.sessions, newSessions);
    const created = newRuns.length + newSessions.length;

    await insertRuns(tx, newRuns, known);
    await insertSessions(tx, newSessions, known, input.source);
    await nameCoordinators(tx, newRuns, known);
    return {
      runs: input.runs.flatMap(({ externalId }) => known.runs.get(externalId) ?? []),
      sessions: input.sessions.flatMap(({ externalId }) => known.sessions.get(externalId) ?? []),
      created,
      unchanged: input.runs.length + input.sessions.length - created,
    };
  };
  return transact(store, caller, insert, { timeoutMs: IMPORT_MAX_MS });
}

// Any number will do, as long as nobody else in this database takes the same.
const LOCK = 7_361_530;
// Thousands of rows, after another import of the same that has the turn.
const IMPORT_MAX_MS = 60_000;

/** Imports of a project take turns: what an equal one has brought meanwhile is known, and not in the way. */
async function takeTurn({ db, projectId }: Transaction): Promise<void> {
  await db.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK}::int, hashtext(${projectId}))`;
}

/** What is there, by external id; grows with what is made. */
interface Known {
  runs: Map<string, Run>;
  sessions: Map<string, Session>;
}

async function readKnown(tx: Transaction, { runs, sessions }: ImportSessionsInput): Promise<Known> {
  const { projectId } = tx;
  const runIds = new Set([...runs.map((run) => run.externalId), ...sessions.flatMap((s) => s.runExternalId ?? [])]);
  const sessionIds = new Set([
    ...runs.flatMap((run) => run.coordinatorExternalId ?? []),
    ...sessions.flatMap((s) => [s.externalId, s.parentExternalId ?? [], s.spawnedByExternalId ?? []].flat()),
  ]);
  const knownRuns = await RUNS.findAll(tx.db, { projectId, externalId: [...runIds] });
  const knownSessions = await SESSIONS.findAll(tx.db, { projectId, externalId: [...sessionIds] });
  return {
    runs: new Map(knownRuns.map((run) => [run.externalId ?? '', run])),
    sessions: new Map(knownSessions.map((session) => [session.externalId ?? '', session])),
  };
}

/** @throws ValidationError for each external id that neither the call nor the project knows. */
function refuseUnknownReferences({ runs, sessions }: ImportSessionsInput, known: Known): void {
  const runIds = new Set([...runs.map(({ externalId }) => externalId), ...known.runs.keys()]);
  const sessionIds = new Set([...sessions.map(({ externalId }) => externalId), ...known.sessions.keys()]);
  const issues = new Issues();
  const check = (ids: ReadonlySet<string>, path: string, id: string | null | undefined): void => {
    if (id != null && !ids.has(id)) issues.add(path, 'must name one of this call or of the project');
  };
  for (const [index, run] of runs.entries()) {
    check(sessionIds, `input.runs.${index}.coordinatorExternalId`, run.coordinatorExternalId);
  }
  for (const [index, session] of sessions.entries()) {
    check(runIds, `input.sessions.${index}.runExternalId`, session.runExternalId);
    check(sessionIds, `input.sessions.${index}.parentExternalId`, session.parentExternalId);
    check(sessionIds, `input.sessions.${index}.spawnedByExternalId`, session.spawnedByExternalId);
  }
  issues.throwIfAny();
}

/** @throws ValidationError for each new session whose instance id is another's of the project. */
async function refuseTakenInstances(
  { db, projectId }: Transaction,
  sessions: readonly ImportedSession[],
  added: readonly ImportedSession[],
): Promise<void> {
  const instanceIds = added.flatMap(({ instanceId }) => instanceId ?? []);
  if (instanceIds.length === 0) return;
  const holders = await SESSIONS.findAll(db, { projectId, instanceId: instanceIds });
  const issues = new Issues();
  for (const { id, instanceId } of holders) {
    const index = sessions.findIndex((session) => session.instanceId === instanceId);
    issues.add(`input.sessions.${index}.instanceId`, `is a handle of session ${encodeId('Session', id)} already`);
  }
  issues.throwIfAny();
}

async function insertRuns(tx: Transaction, runs: readonly ImportedRun[], known: Known): Promise<void> {
  const { projectId } = tx;
  for (const { coordinatorName, status } of runs) {
    if (coordinatorName == null || status !== 'ACTIVE') continue;
    const active = await findActive(tx, coordinatorName);
    if (active) throw new RunAlreadyActiveError({ runId: active.id, coordinatorName });
  }
  const rows = await RUNS.insertAll(
    tx.db,
    runs.map(({ coordinatorExternalId: _, ...run }) => ({ ...run, projectId, id: newId() })),
  );
  for (const run of rows) {
    known.runs.set(run.externalId ?? '', run);
    const data = { coordinatorName: run.coordinatorName, imported: true };
    tx.record({ type: 'RUN_STARTED', runId: run.id, occurredAt: run.startedAt, data });
    if (run.completedAt) {
      const { status, completedAt } = run;
      tx.record({ type: 'RUN_COMPLETED', runId: run.id, occurredAt: completedAt, data: { status, imported: true } });
    }
  }
}

/** The coordinator of a run may be a session of the same call, which is made after the run. */
async function nameCoordinators(tx: Transaction, runs: readonly ImportedRun[], known: Known): Promise<void> {
  for (const { externalId, coordinatorExternalId } of runs) {
    const coordinator = known.sessions.get(coordinatorExternalId ?? '');
    const run = known.runs.get(externalId);
    if (!coordinator || !run) continue;
    const { projectId, id } = run;
    const [named] = await RUNS.update(tx.db, { projectId, id }, { coordinatorSessionId: coordinator.id });
    if (named) known.runs.set(externalId, named);
  }
}

async function insertSessions(
  tx: Transaction,
  sessions: readonly ImportedSession[],
  known: Known,
  source: string,
): Promise<void> {
  const { projectId } = tx;
  // Lineage has to be known before the rows are: each entry holds what its descendants need of it.
  const lineage = new Map<string, Pick<Session, 'id' | 'chainRootId' | 'chainIndex' | 'depth'>>(known.sessions);
  const rows: NewSession[] = [];
  for (const session of sessions) {
    if (session.state !== 'COMPLETED' && session.agentName != null) {
      const [holder] = await lockHolders(tx, { conversationId: null, agentName: session.agentName });
      if (holder) await refuseHolder(tx, holder);
    }
    const id = newId();
    const spawner = lineage.get(session.spawnedByExternalId ?? '') ?? null;
    const link = continueChain(lineage.get(session.parentExternalId ?? '') ?? null, id);
    const depth = depthBelow(spawner);
    lineage.set(session.externalId, { id, ...link, depth });
    rows.push({
      ...rowOf(session),
      ...link,
      projectId,
      id,
      depth,
      spawnedById: spawner?.id,
      runId: known.runs.get(session.runExternalId ?? '')?.id,
    });
  }
  const inserted = await SESSIONS.insertAll(tx.db, rows);
  const byExternalId = new Map(inserted.map((row) => [row.externalId, row]));
  const lastSeen = sessions.map(({ lastActivityAt, endedAt, startedAt }) => lastActivityAt ?? endedAt ?? startedAt);
  await tx.db.$executeRaw`
    INSERT INTO pulses (project_id, session_id, last_activity_at, watched, steady, look_after_seconds)
    SELECT s.project_id, s.id, i.last_seen, false, s.state IN ('WORKING', 'SUSPENDED'),
      CASE WHEN s.state IN ('BOOTING', 'WORKING', 'STALLED') THEN 0 END
    FROM unnest(${sessions.map(({ externalId }) => externalId)}::text[], ${lastSeen}::timestamptz[])
      AS i (external_id, last_seen)
    JOIN sessions s ON s.project_id = ${projectId}::uuid AND s.external_id = i.external_id`;
  for (const session of sessions) {
    const row = byExternalId.get(session.externalId);
    if (!row) throw new Error('an inserted session did not come back');
    known.sessions.set(session.externalId, row);
    recordHistory(tx, row, source);
  }
}

/** The columns that an imported session says itself. */
function rowOf(session: ImportedSession) {
  const { workspace, metadata, lastActivityAt, stalledSince, escalationLevel, ...fields } = session;
  const { runExternalId: _run, spawnedByExternalId: _spawner, parentExternalId: _parent, ...own } = fields;
  const { state, startedAt, endedAt } = session;
  const lastSeen = lastActivityAt ?? startedAt;
  const since = { STALLED: stalledSince ?? lastSeen, ZOMBIE: lastSeen, COMPLETED: endedAt ?? lastSeen };
  return {
    ...own,
    ...workspace,
    ...defaultPolicy(session),
    startReason: session.startReason ?? 'IMPORTED',
    metadata: redacted(metadata ?? {}),
    stateChangedAt: state in since ? since[state as keyof typeof since] : startedAt,
    ...(state === 'STALLED' && { stalledSince: since.STALLED, escalationLevel: escalationLevel ?? 0 }),
    ...(state === 'ZOMBIE' && { zombieSince: since.ZOMBIE }),
    ...(state === 'COMPLETED' && { endReason: session.endReason ?? 'FINISHED', outcome: session.outcome ?? 'UNKNOWN' }),
  } satisfies Given<Session>;
}

const EVENT_OF_STATE = {
  SUSPENDED: 'SESSION_STATE_CHANGED',
  STALLED: 'SESSION_STALLED',
  ZOMBIE: 'SESSION_ZOMBIE',
  COMPLETED: 'SESSION_ENDED',
} as const;

/** The shortest history that ends in the state that the session is in. */
function recordHistory(tx: Transaction, session: Session, source: string): void {
  const { state, startedAt, stateChangedAt, endReason: reason, outcome, escalationLevel: level } = session;
  const imported = { imported: true, source };
  const first = state === 'BOOTING' ? 'BOOTING' : 'WORKING';
  tx.record({
    type: 'SESSION_STARTED',
    session,
    occurredAt: startedAt,
    data: {
      from: null,
      to: first,
      reason: session.startReason,
      parentId: session.parentId && encodeId('Session', session.parentId),
      spawnedById: session.spawnedById && encodeId('Session', session.spawnedById),
      contextPercent: null,
      currentEpic: null,
      ...imported,
    },
  });
  if (state === first) return;
  const type = EVENT_OF_STATE[state as keyof typeof EVENT_OF_STATE];
  const move = { from: first, to: state, ...(state === 'COMPLETED' && { reason, outcome }), ...imported };
  tx.record({ type, session, occurredAt: stateChangedAt, data: move });
  if (level)
    tx.record({ type: 'SESSION_ESCALATED', session, occurredAt: stateChangedAt, data: { level, ...imported } });
}
