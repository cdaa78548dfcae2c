import type { Approval, Queryable } from '../database/client.js';
import type { ApprovalResolution, ApprovalType } from '../domain/approval.js';
import { AlreadyResolvedError, NotFoundError } from '../domain/errors.js';
import { encodeId, newId } from '../domain/id.js';
import { checkJson } from '../domain/json.js';
import { checkKey, checkName, checkNote, checkRange, Issues, JSON_MAX_BYTES } from '../domain/limits.js';
import { transactOnce, type Once } from './idempotency.js';
import { lockOpenSession, lockSession } from './lifecycle.js';
import { redacted } from './redacted.js';
import { APPROVALS } from './row.js';
import type { Caller, Store } from './store.js';
import { transact } from './transaction.js';

export interface RequestApprovalInput {
  idempotencyKey?: string | null;
  sessionId: string;
  type: ApprovalType;
  question: string;
  context?: unknown;
  timeoutSeconds: number;
}

const TIMEOUT_MAX_SECONDS = 30 * 24 * 60 * 60;

/** Asks a person; while the question is open, the session is waiting and not stalled. */
export async function requestApproval(
  store: Store,
  caller: Caller,
  input: RequestApprovalInput,
): Promise<Once<{ approval: Approval }>> {
  const issues = new Issues();
  checkKey(issues, 'input.idempotencyKey', input.idempotencyKey);
  checkNote(issues, 'input.question', input.question);
  if (input.question === '') issues.add('input.question', 'must not be empty');
  checkRange(issues, 'input.timeoutSeconds', input.timeoutSeconds, 1, TIMEOUT_MAX_SECONDS);
  checkJson(issues, 'input.context', input.context, { limitBytes: JSON_MAX_BYTES, shape: 'object' });
  issues.throwIfAny();
  const request = { mutation: 'requestApproval', input, rows: { approval: readApproval } };
  return transactOnce(store, caller, request, async (tx) => {
    const session = await lockOpenSession(tx, input.sessionId);
    const { type, question, timeoutSeconds } = input;
    const approval = await APPROVALS.insert(tx.db, {
      projectId: tx.projectId,
      id: newId(),
      sessionId: session.id,
      type,
      question,
      context: redacted(input.context ?? {}),
      createdAt: tx.now,
      expiresAt: new Date(tx.now.getTime() + timeoutSeconds * 1000),
    });
    const approvalId = encodeId('Approval', approval.id);
    tx.record({ type: 'APPROVAL_REQUESTED', session, data: { approvalId, type, question, timeoutSeconds } });
    return { approval };
  });
}

export interface ResolveApprovalInput {
  approvalId: string;
  resolution: ApprovalResolution;
  result?: unknown;
  by?: string | null;
}

/**
 * Answers a question, once.
 * @throws AlreadyResolvedError with the first resolution, or with none where its time has passed.
 */
export async function resolveApproval(
  store: Store,
  caller: Caller,
  input: ResolveApprovalInput,
): Promise<{ approval: Approval; position: bigint }> {
  const issues = new Issues();
  checkName(issues, 'input.by', input.by);
  checkJson(issues, 'input.result', input.result, { limitBytes: JSON_MAX_BYTES, shape: 'any' });
  issues.throwIfAny();
  const { approvalId, resolution } = input;
  return transact(store, caller, async (tx) => {
    const { projectId } = tx;
    const { sessionId } = await readApproval(tx.db, projectId, approvalId);
    // Where the session has ended its question is closed: that is no late write, but an answer that nobody waits for.
    const session = await lockSession(tx, sessionId);
    const resolvedBy = input.by ?? caller.name;
    const result = input.result == null ? null : JSON.stringify(redacted(input.result));
    const [approval] = await tx.db.$queryRaw<Approval[]>`
      UPDATE approvals a SET status = 'RESOLVED', resolution = ${resolution}::approval_resolution, result = ${result}::jsonb,
        resolved_by = ${resolvedBy}, resolved_at = ${tx.now}
      WHERE a.project_id = ${projectId}::uuid AND a.id = ${approvalId}::uuid
        AND a.status = 'PENDING' AND a.expires_at > ${tx.now}
      RETURNING ${APPROVALS.columns('a')}`;
    if (!approval) {
      const { resolution: first } = await readApproval(tx.db, projectId, approvalId);
      throw new AlreadyResolvedError({ approvalId, resolution: first });
    }
    const data = { approvalId: encodeId('Approval', approvalId), status: 'RESOLVED', resolution, by: resolvedBy };
    tx.record({ type: 'APPROVAL_RESOLVED', session, data });
    return { approval };
  });
}

/** An approval as it stands. */
export async function readApproval(db: Queryable, projectId: string, id: string): Promise<Approval> {
  const approval = await APPROVALS.find(db, { projectId, id });
  if (!approval) throw new NotFoundError({ kind: 'Approval', ref: encodeId('Approval', id) });
  return approval;
}
