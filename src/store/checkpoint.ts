import type { Checkpoint, Queryable, Session } from '../database/client.js';
import type { CheckpointTrigger, CheckpointType } from '../domain/checkpoint.js';
import { NotFoundError } from '../domain/errors.js';
import { encodeId, newId } from '../domain/id.js';
import { checkJson } from '../domain/json.js';
import {
  checkKey,
  checkPast,
  checkRange,
  checkSummary,
  checkTexts,
  checkTitle,
  DOCUMENT_MAX_BYTES,
  Issues,
  JSON_MAX_BYTES,
} from '../domain/limits.js';
import { redactText } from '../domain/redaction.js';
import { transactOnce, type Once } from './idempotency.js';
import { lockOpenSession, moveSession } from './lifecycle.js';
import { redacted } from './redacted.js';
import { CHECKPOINTS } from './row.js';
import { earlier } from './run.js';
import { takeSequences } from './sequence.js';
import type { Caller, Store } from './store.js';
import type { Transaction } from './transaction.js';

/** The picture itself. */
export interface Picture {
  workState: unknown;
  summary?: string | null;
  pendingWork?: readonly string[] | null;
  filesModified?: readonly string[] | null;
  branchName?: string | null;
  contextPercent?: number | null;
  metadata?: unknown;
}

export interface CreateCheckpointInput extends Picture {
  idempotencyKey?: string | null;
  sessionId: string;
  type: CheckpointType;
  trigger: CheckpointTrigger;
  occurredAt?: Date | null;
}

/** Takes a checkpoint of an open session: a sign of life. */
export async function createCheckpoint(
  store: Store,
  caller: Caller,
  input: CreateCheckpointInput,
): Promise<Once<{ checkpoint: Checkpoint }>> {
  const issues = new Issues();
  checkKey(issues, 'input.idempotencyKey', input.idempotencyKey);
  checkPast(issues, 'input.occurredAt', input.occurredAt, store.now());
  checkPicture(issues, 'input', input);
  issues.throwIfAny();
  const request = { mutation: 'createCheckpoint', input, rows: { checkpoint: readCheckpoint } };
  return transactOnce(store, caller, request, async (tx) => {
    const session = await lockOpenSession(tx, input.sessionId);
    const { type, trigger, occurredAt } = input;
    return { checkpoint: await takeCheckpoint(tx, session, input, { type, trigger, occurredAt }) };
  });
}

/** Takes a checkpoint of a locked, open session, with its event. */
export async function takeCheckpoint(
  tx: Transaction,
  session: Session,
  picture: Picture,
  { type, trigger, occurredAt }: { type: CheckpointType; trigger: CheckpointTrigger; occurredAt?: Date | null },
): Promise<Checkpoint> {
  const { projectId, id: sessionId } = session;
  tx.showLife(sessionId);
  const alive = await moveSession(tx, session, 'activity');
  const { first: sequence, eventSequence } = await takeSequences(tx, sessionId, 'checkpoint', 1);
  const workState = redacted(picture.workState);
  const checkpoint = await CHECKPOINTS.insert(tx.db, {
    projectId,
    id: newId(),
    sessionId,
    sequence,
    type,
    trigger,
    workState,
    contextPercent: picture.contextPercent,
    summary: picture.summary == null ? null : redactText(picture.summary).text,
    pendingWork: (picture.pendingWork ?? []).map((step) => redactText(step).text),
    filesModified: [...(picture.filesModified ?? [])],
    branchName: picture.branchName,
    metadata: redacted(picture.metadata ?? {}),
    eventSequence,
    sizeBytes: Buffer.byteLength(JSON.stringify(workState)),
    ...(occurredAt && { createdAt: earlier(occurredAt, tx.now) }),
  });
  tx.record({
    type: 'CHECKPOINT_CREATED',
    session: alive,
    occurredAt,
    data: { checkpointId: encodeId('Checkpoint', checkpoint.id), sequence: Number(sequence), type, trigger },
  });
  return checkpoint;
}

/** A checkpoint as it stands. */
export async function readCheckpoint(db: Queryable, projectId: string, id: string): Promise<Checkpoint> {
  const checkpoint = await CHECKPOINTS.find(db, { projectId, id });
  if (!checkpoint) throw new NotFoundError({ kind: 'Checkpoint', ref: encodeId('Checkpoint', id) });
  return checkpoint;
}

export function checkPicture(issues: Issues, path: string, picture: Picture): void {
  checkSummary(issues, `${path}.summary`, picture.summary);
  checkTitle(issues, `${path}.branchName`, picture.branchName);
  checkTexts(issues, `${path}.pendingWork`, picture.pendingWork);
  checkTexts(issues, `${path}.filesModified`, picture.filesModified);
  checkRange(issues, `${path}.contextPercent`, picture.contextPercent, 0, 100);
  checkJson(issues, `${path}.workState`, picture.workState, { limitBytes: DOCUMENT_MAX_BYTES, shape: 'object' });
  checkJson(issues, `${path}.metadata`, picture.metadata, { limitBytes: JSON_MAX_BYTES, shape: 'object' });
}
