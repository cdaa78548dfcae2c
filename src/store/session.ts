import { Prisma, type Queryable, type Session } from '../database/client.js';
import { continueChain, depthBelow } from '../domain/chain.js';
import { NotFoundError, ValidationError, VersionConflictError } from '../domain/errors.js';
import { encodeId, newId } from '../domain/id.js';
import { checkJson } from '../domain/json.js';
import {
  checkInstanceId,
  checkKey,
  checkName,
  checkNote,
  checkPast,
  checkRange,
  checkTitle,
  Issues,
  JSON_MAX_BYTES,
} from '../domain/limits.js';
import { mergePatch } from '../domain/patch.js';
import { checkPolicy, defaultPolicy, mergePolicy, type LivenessPolicyOverride } from '../domain/liveness.js';
import {
  defaultStartReason,
  type EndReason,
  type Outcome,
  type SessionKind,
  type StartReason,
} from '../domain/session.js';
import { checkWorkspace, NO_WORKSPACE, type Workspace } from '../domain/workspace.js';
import { RetryTransaction } from './conflict.js';
import { transactOnce, type Once } from './idempotency.js';
import { endLocked, lockOpenSession, lockSession, successorOf, TOLD } from './lifecycle.js';
import { lockHolders, lockName, newestAt, openConversation, refuseHolder, type ConversationKey } from './place.js';
import { redacted, redactedText } from './redacted.js';
import { SESSION_COLUMNS, SESSIONS } from './row.js';
import { earlier, inheritedRun, requireActiveRun } from './run.js';
import type { Caller, Store } from './store.js';
import type { Given } from './table.js';
import { transact, type Transaction } from './transaction.js';

export interface StartSessionInput {
  idempotencyKey?: string | null;
  occurredAt?: Date | null;
  kind: SessionKind;
  agentName?: string | null;
  capability?: string | null;
  instanceId?: string | null;
  externalId?: string | null;
  providerSessionId?: string | null;
  assistant?: string | null;
  taskId?: string | null;
  title?: string | null;
  workspace?: Workspace | null;
  metadata?: unknown;
  conversation?: ConversationKey | null;
  runId?: string | null;
  spawnedById?: string | null;
  parentId?: string | null;
  startReason?: StartReason | null;
  contextPercent?: number | null;
  currentEpic?: string | null;
  liveness?: LivenessPolicyOverride | null;
  takeOver: boolean;
}

interface Started {
  session: Session;
  /** The holder of the place that made way. */
  superseded: Session | null;
}

/**
 * Begins a session in its place, continuing the chain of `parentId`, else of the place's newest session.
 * @throws SessionAlreadyOpenError where the place is held and `takeOver` is not set; RunNotActiveError.
 */
export async function startSession(store: Store, caller: Caller, input: StartSessionInput): Promise<Once<Started>> {
  checkStart(input, store.now());
  const { projectId } = caller;
  const request = { mutation: 'startSession', input, rows: { session: readSession, superseded: readSession } };
  return transactOnce<Started>(store, caller, request, async (tx) => {
    await requireFreeHandles(tx, input);
    const conversation = input.conversation ? await openConversation(tx, input.conversation) : null;
    const place = { conversationId: conversation?.id ?? null, agentName: input.agentName ?? null };

    if (input.takeOver && place.agentName !== null) await lockName(tx, place.agentName);
    const holders = await lockHolders(tx, place);
    const [first] = holders;
    if (first && !input.takeOver) return refuseHolder(tx, first);
    let superseded: Session | null = null;
    for (const holder of holders) {
      superseded = await endLocked(tx, holder, { reason: 'SUPERSEDED', outcome: 'UNKNOWN', by: caller.name });
    }

    const parent = input.parentId ? await lockSession(tx, input.parentId) : await newestAt(tx, place);
    if (parent && !parent.endedAt) {
      // Whoever waited for the holder to end has not seen who came after.
      if (!input.parentId) throw new RetryTransaction();
      return refuseHolder(tx, parent);
    }
    const spawner = input.spawnedById ? await readSession(tx.db, projectId, input.spawnedById) : null;
    if (input.runId) await requireActiveRun(tx, input.runId);

    const id = newId();
    const session = await insertSession(
      tx,
      {
        projectId,
        id,
        kind: input.kind,
        ...place,
        ...continueChain(parent, id),
        ...input.workspace,
        ...mergePolicy(defaultPolicy(input), input.liveness),
        capability: input.capability,
        instanceId: input.instanceId,
        externalId: input.externalId,
        providerSessionId: input.providerSessionId,
        assistant: input.assistant,
        taskId: input.taskId,
        title: input.title,
        metadata: redacted(input.metadata ?? {}),
        runId: input.runId ?? (await inheritedRun(tx, spawner?.runId ?? null)),
        spawnedById: spawner?.id,
        depth: depthBelow(spawner),
        startReason: input.startReason ?? (superseded ? 'TAKEN_OVER' : await reasonBelow(tx, parent, input)),
      },
      input,
    );
    return { session, superseded };
  });
}

/** A parent that somebody continues already is forked by whoever continues it too. */
async function reasonBelow(tx: Transaction, parent: Session | null, input: StartSessionInput): Promise<StartReason> {
  if (parent && (await successorOf(tx, parent))) return 'FORKED';
  const { kind, spawnedById, conversation } = input;
  return defaultStartReason({ kind, spawned: !!spawnedById, conversation: !!conversation });
}

export type NewSession = Given<Session> &
  Pick<Session, 'projectId' | 'id' | 'kind' | 'startReason' | 'chainRootId' | 'chainIndex'>;

/** What is said of a session's beginning and is no column of its row. */
interface Beginning {
  occurredAt?: Date | null | undefined;
  contextPercent?: number | null;
  currentEpic?: string | null;
}

/** Adds a session with its pulse and its SESSION_STARTED. */
export async function insertSession(
  tx: Transaction,
  row: NewSession,
  { occurredAt, contextPercent = null, currentEpic: epic = null }: Beginning = {},
): Promise<Session> {
  const currentEpic = redactedText(epic);
  const startedAt = occurredAt ? { startedAt: earlier(occurredAt, tx.now) } : {};
  const [session] = await tx.db.$queryRaw<Session[]>`
    WITH s AS (${SESSIONS.insertOf({ ...row, ...startedAt })} RETURNING *), pulse AS (
      INSERT INTO pulses (project_id, session_id, context_percent, recorded_context, current_epic)
      SELECT s.project_id, s.id, ${contextPercent}::float8, ${contextPercent}::float8, ${currentEpic} FROM s
    )
    SELECT ${SESSION_COLUMNS} FROM s`;
  if (!session) throw new Error('the insert of a session answered with no row');
  const { parentId, spawnedById } = session;
  tx.record({
    type: 'SESSION_STARTED',
    session,
    occurredAt,
    data: {
      from: null,
      to: session.state,
      reason: session.startReason,
      parentId: parentId && encodeId('Session', parentId),
      spawnedById: spawnedById && encodeId('Session', spawnedById),
      contextPercent,
      currentEpic,
    },
  });
  return session;
}

export interface EndSessionInput {
  idempotencyKey?: string | null;
  sessionId: string;
  reason: EndReason;
  outcome: Outcome;
  note?: string | null;
  by?: string | null;
  occurredAt?: Date | null;
}

/** Ends a session, once: of a second call the first facts stay, and it says `alreadyEnded`. */
export async function endSession(
  store: Store,
  caller: Caller,
  input: EndSessionInput,
): Promise<Once<{ session: Session; alreadyEnded: boolean }>> {
  const issues = new Issues();
  checkKey(issues, 'input.idempotencyKey', input.idempotencyKey);
  checkNote(issues, 'input.note', input.note);
  checkName(issues, 'input.by', input.by);
  checkPast(issues, 'input.occurredAt', input.occurredAt, store.now());
  issues.throwIfAny();
  const request = { mutation: 'endSession', input, rows: { session: readSession } };
  return transactOnce(store, caller, request, async (tx) => {
    const session = await lockSession(tx, input.sessionId);
    if (session.endedAt) return { session, alreadyEnded: true };
    const { reason, outcome, note, by, occurredAt } = input;
    refuseEndBeforeStart(session, occurredAt);
    return {
      session: await endLocked(tx, session, { reason, outcome, note, by: by ?? caller.name, occurredAt }),
      alreadyEnded: false,
    };
  });
}

/** @throws ValidationError where a session is said to have ended before it started. */
export function refuseEndBeforeStart(session: Session, occurredAt: Date | null | undefined): void {
  if (!occurredAt || occurredAt >= session.startedAt) return;
  const message = `must not be before the session started, ${session.startedAt.toISOString()}`;
  throw new ValidationError({ issues: [{ path: 'input.occurredAt', message }] });
}

export interface UpdateSessionInput {
  sessionId: string;
  title?: string | null;
  taskId?: string | null;
  providerSessionId?: string | null;
  workspace?: Workspace | null;
  metadataPatch?: unknown;
  liveness?: LivenessPolicyOverride | null;
  expectedVersion?: number | null;
}

/**
 * Changes what of an open session may change: an absent field is left, a null clears it, which for `liveness` is back to its
 * kind's policy. `metadataPatch` is merged as RFC 7396 says.
 * @throws VersionConflictError where `expectedVersion` is not the session's.
 */
export async function updateSession(
  store: Store,
  caller: Caller,
  input: UpdateSessionInput,
): Promise<{ session: Session; position: bigint }> {
  const issues = new Issues();
  checkTitle(issues, 'input.title', input.title);
  checkName(issues, 'input.taskId', input.taskId);
  checkName(issues, 'input.providerSessionId', input.providerSessionId);
  checkWorkspace(issues, 'input.workspace', input.workspace);
  checkPolicy(issues, 'input.liveness', input.liveness);
  checkJson(issues, 'input.metadataPatch', input.metadataPatch, { limitBytes: JSON_MAX_BYTES, shape: 'object' });
  issues.throwIfAny();

  return transact(store, caller, async (tx) => {
    const session = await lockOpenSession(tx, input.sessionId);
    const { expectedVersion: expected } = input;
    if (expected != null && expected !== session.version) {
      throw new VersionConflictError({ expected, actual: session.version });
    }
    const data = changesOf(session, input);
    const changed = Object.keys(data);
    if (changed.length === 0) return { session };
    const { projectId, id } = session;
    const [updated] = await SESSIONS.update(tx.db, { projectId, id }, { ...data, version: Prisma.sql`version + 1` });
    if (!updated) throw new Error('the update of a locked session found no row');
    // The watchdog goes by what the pulse knows of the policy.
    if ('stallAfterSeconds' in data || 'zombieAfterSeconds' in data) {
      await tx.db.$executeRaw`
        UPDATE pulses p SET ${TOLD} FROM sessions s
        WHERE s.project_id = ${projectId}::uuid AND s.id = ${id}::uuid
          AND p.project_id = s.project_id AND p.session_id = s.id`;
    }
    tx.record({ type: 'SESSION_UPDATED', session: updated, data: { changed, version: updated.version } });
    return { session: updated };
  });
}

/** The columns that an update gives another value. */
function changesOf(session: Session, input: UpdateSessionInput): Given<Session> {
  const { title, taskId, providerSessionId, workspace, metadataPatch, liveness } = input;
  const place = workspace === null ? NO_WORKSPACE : workspace;
  const policy = liveness === null ? defaultPolicy(session) : mergePolicy(session, liveness);
  const wanted: Record<string, unknown> = { title, taskId, providerSessionId, ...place, ...policy };
  if (metadataPatch !== undefined) {
    const metadata = metadataPatch === null ? {} : redacted(mergePatch(session.metadata, metadataPatch));
    const issues = new Issues();
    checkJson(issues, 'input.metadataPatch', metadata, { limitBytes: JSON_MAX_BYTES, shape: 'object' });
    issues.throwIfAny();
    if (JSON.stringify(metadata) !== JSON.stringify(session.metadata)) wanted.metadata = metadata;
  }
  const current: Record<string, unknown> = session;
  return Object.fromEntries(
    Object.entries(wanted).filter(([field, value]) => value !== undefined && value !== current[field]),
  );
}

/** A session as it stands, not locked. */
export async function readSession(db: Queryable, projectId: string, id: string): Promise<Session> {
  const session = await SESSIONS.find(db, { projectId, id });
  if (!session) throw new NotFoundError({ kind: 'Session', ref: encodeId('Session', id) });
  return session;
}

/** A handle is the name of one session for ever; who asks for a taken one is told whose it is. */
async function requireFreeHandles(tx: Transaction, { instanceId, externalId }: StartSessionInput): Promise<void> {
  if (!instanceId && !externalId) return;
  const holders = await tx.db.$queryRaw<Pick<Session, 'id' | 'instanceId' | 'externalId'>[]>`
    SELECT s.id, s.instance_id AS "instanceId", s.external_id AS "externalId" FROM sessions s
    WHERE s.project_id = ${tx.projectId}::uuid AND s.instance_id = ${instanceId ?? null}
    UNION
    SELECT s.id, s.instance_id, s.external_id FROM sessions s
    WHERE s.project_id = ${tx.projectId}::uuid AND s.external_id = ${externalId ?? null}`;
  const issues = new Issues();
  for (const holder of holders) {
    const message = `is a handle of session ${encodeId('Session', holder.id)} already`;
    if (instanceId && holder.instanceId === instanceId) issues.add('input.instanceId', message);
    if (externalId && holder.externalId === externalId) issues.add('input.externalId', message);
  }
  issues.throwIfAny();
}

function checkStart(input: StartSessionInput, now: Date): void {
  const issues = new Issues();
  checkKey(issues, 'input.idempotencyKey', input.idempotencyKey);
  checkPast(issues, 'input.occurredAt', input.occurredAt, now);
  for (const field of ['agentName', 'capability', 'externalId', 'providerSessionId', 'assistant', 'taskId'] as const) {
    checkName(issues, `input.${field}`, input[field]);
  }
  checkInstanceId(issues, 'input.instanceId', input.instanceId);
  checkTitle(issues, 'input.title', input.title);
  checkTitle(issues, 'input.currentEpic', input.currentEpic);
  checkWorkspace(issues, 'input.workspace', input.workspace);
  checkConversationKey(issues, 'input.conversation', input.conversation);
  checkPolicy(issues, 'input.liveness', input.liveness);
  checkRange(issues, 'input.contextPercent', input.contextPercent, 0, 100);
  checkJson(issues, 'input.metadata', input.metadata, { limitBytes: JSON_MAX_BYTES, shape: 'object' });
  issues.throwIfAny();
}

export function checkConversationKey(issues: Issues, path: string, key: ConversationKey | null | undefined): void {
  checkName(issues, `${path}.platform`, key?.platform);
  checkName(issues, `${path}.externalId`, key?.externalId);
}
