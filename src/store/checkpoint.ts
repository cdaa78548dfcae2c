import type { Checkpoint, Queryable, Session } from '../database/client.js';
import type { CheckpointTrigger, CheckpointType } from '../domain/checkpoint.js';
import { NotFoundError } from '../domain/errors.js';
import { encodeId, newId } from '../domain/id.js';
import { checkDocument, checkJson } from '../domain/json.js';
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
import { transactOnce, type Once } from './idempotency.js';
import { lockOpenSession, moveSession } from './lifecycle.js';
import { Document, redacted, redactedText } from './redacted.js';
import { CHECKPOINTS } from './row.js';
import { earlier } from './run.js';
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
  const text = checkPicture(issues, 'input', input);
  issues.throwIfAny();
  const work = new Document(input.workState, text);
  const request = { mutation: 'createCheckpoint', input, rows: { checkpoint: readCheckpoint } };
  return transactOnce(store, caller, request, async (tx) => {
    const session = await lockOpenSession(tx, input.sessionId);
    const { type, trigger, occurredAt } = input;
    return { checkpoint: await takeCheckpoint(tx, session, { picture: input, work }, { type, trigger, occurredAt }) };
  });
}

const WITHOUT_WORK = CHECKPOINTS.columns('c', CHECKPOINTS.fieldsWithout(['workState']));

/** Takes a checkpoint of a locked, open session, with its event. */
export async function takeCheckpoint(
  tx: Transaction,
  session: Session,
  { picture, work }: { picture: Picture; work: Document },
  { type, trigger, occurredAt }: { type: CheckpointType; trigger: CheckpointTrigger; occurredAt?: Date | null },
): Promise<Checkpoint> {
  const { projectId, id: sessionId } = session;
  tx.showLife(sessionId);
  const alive = await moveSession(tx, session, 'activity');
  const createdAt = occurredAt ? earlier(occurredAt, tx.now) : null;
  // One statement takes the place of the checkpoint and puts it there. The lock on the session makes the sequence of its newest
  // event known before the log is written. The work itself is megabytes, and need not come back.
  const [taken] = await tx.db.$queryRaw<Omit<Checkpoint, 'workState'>[]>`
    WITH place AS (
      UPDATE pulses SET checkpoint_sequence = checkpoint_sequence + 1
      WHERE project_id = ${projectId}::uuid AND session_id = ${sessionId}::uuid
      RETURNING checkpoint_sequence AS sequence, event_sequence
    )
    INSERT INTO checkpoints AS c (
      project_id, id, session_id, sequence, type, trigger, context_percent, work_state, summary, pending_work,
      files_modified, branch_name, metadata, event_sequence, size_bytes, created_at)
    SELECT ${projectId}::uuid, ${newId()}::uuid, ${sessionId}::uuid, p.sequence, ${type}::checkpoint_type,
      ${trigger}::checkpoint_trigger, ${picture.contextPercent}::float8, ${work.stored},
      ${redactedText(picture.summary)}::text, ${(picture.pendingWork ?? []).map(redactedText)}::text[],
      ${picture.filesModified ?? []}::text[], ${picture.branchName}::text,
      ${JSON.stringify(redacted(picture.metadata ?? {}))}::jsonb, p.event_sequence + ${tx.recordedOf(sessionId)},
      ${Buffer.byteLength(work.text)}, coalesce(${createdAt}::timestamptz, now())
    FROM place p RETURNING ${WITHOUT_WORK}`;
  if (!taken) throw new Error('a session has no pulse');
  const checkpoint = { ...taken, workState: work.value };
  const { sequence } = checkpoint;
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

/** Answers with the text of the work; null where it is at fault. */
export function checkPicture(issues: Issues, path: string, picture: Picture): string | null {
  checkSummary(issues, `${path}.summary`, picture.summary);
  checkTitle(issues, `${path}.branchName`, picture.branchName);
  checkTexts(issues, `${path}.pendingWork`, picture.pendingWork);
  checkTexts(issues, `${path}.filesModified`, picture.filesModified);
  checkRange(issues, `${path}.contextPercent`, picture.contextPercent, 0, 100);
  checkJson(issues, `${path}.metadata`, picture.metadata, { limitBytes: JSON_MAX_BYTES, shape: 'object' });
  const { workState } = picture;
  return checkDocument(issues, `${path}.workState`, workState, { limitBytes: DOCUMENT_MAX_BYTES, shape: 'object' });
}
