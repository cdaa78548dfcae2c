import { Prisma, type Checkpoint, type Queryable, type Session } from '../database/client.js';
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
import { isMisfit } from './conflict.js';
import { transactOnce, type Once } from './idempotency.js';
import { lockOpenSession, moveSession } from './lifecycle.js';
import { draft, inserting, type NewEvent, type Subject } from './log.js';
import { Document, redacted, redactedText } from './redacted.js';
import { retrying } from './retry.js';
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
  const taken = input.idempotencyKey == null ? await takeAtOnce(store, caller, input, work) : null;
  if (taken) return { ...taken, replayed: false };
  const request = { mutation: 'createCheckpoint', input, rows: { checkpoint: readCheckpoint } };
  return transactOnce(store, caller, request, async (tx) => {
    const session = await lockOpenSession(tx, input.sessionId);
    const { type, trigger, occurredAt } = input;
    return { checkpoint: await takeCheckpoint(tx, session, { picture: input, work, type, trigger, occurredAt }) };
  });
}

const WITHOUT_WORK = CHECKPOINTS.columns('c', CHECKPOINTS.fieldsWithout(['workState']));
type Taken = Omit<Checkpoint, 'workState'>;

interface Taking {
  picture: Picture;
  work: Document;
  type: CheckpointType;
  trigger: CheckpointTrigger;
  occurredAt?: Date | null | undefined;
}

/**
 * Inserts a checkpoint at the place that a statement's `place` has taken: its sequence, and that of its session's newest event.
 * The work itself is megabytes, and need not come back.
 */
function insertion(session: Pick<Session, 'projectId' | 'id'>, id: string, now: Date, taking: Taking): Prisma.Sql {
  const { picture, work, type, trigger, occurredAt } = taking;
  const createdAt = occurredAt ? earlier(occurredAt, now) : null;
  return Prisma.sql`
    INSERT INTO checkpoints AS c (
      project_id, id, session_id, sequence, type, trigger, context_percent, work_state, summary, pending_work,
      files_modified, branch_name, metadata, event_sequence, size_bytes, created_at)
    SELECT ${session.projectId}::uuid, ${id}::uuid, ${session.id}::uuid, p.sequence, ${type}::checkpoint_type,
      ${trigger}::checkpoint_trigger, ${picture.contextPercent}::float8, ${work.stored},
      ${redactedText(picture.summary)}::text, ${(picture.pendingWork ?? []).map(redactedText)}::text[],
      ${picture.filesModified ?? []}::text[], ${picture.branchName}::text,
      ${JSON.stringify(redacted(picture.metadata ?? {}))}::jsonb, p.event_sequence, ${Buffer.byteLength(work.text)},
      coalesce(${createdAt}::timestamptz, now())
    FROM place p RETURNING ${WITHOUT_WORK}`;
}

/** What the log tells of it. */
function eventOf(
  id: string,
  session: Subject,
  sequence: bigint | null,
  { type, trigger, occurredAt }: Taking,
): NewEvent {
  const known = sequence === null ? null : Number(sequence);
  const data = { checkpointId: encodeId('Checkpoint', id), sequence: known, type, trigger };
  return { type: 'CHECKPOINT_CREATED', session, occurredAt: occurredAt ?? null, data };
}

/** Takes a checkpoint of a locked, open session, with its event. */
export async function takeCheckpoint(tx: Transaction, session: Session, taking: Taking): Promise<Checkpoint> {
  const { projectId, id: sessionId } = session;
  tx.showLife(sessionId);
  const alive = await moveSession(tx, session, 'activity');
  const id = newId();
  // One statement takes the place of the checkpoint and puts it there. The lock on the session makes the sequence of its newest
  // event known before the log is written.
  const [taken] = await tx.db.$queryRaw<Taken[]>`
    WITH place AS (
      UPDATE pulses SET checkpoint_sequence = checkpoint_sequence + 1
      WHERE project_id = ${projectId}::uuid AND session_id = ${sessionId}::uuid
      RETURNING checkpoint_sequence AS sequence, event_sequence + ${tx.recordedOf(sessionId)} AS event_sequence
    ) ${insertion(session, id, tx.now, taking)}`;
  if (!taken) throw new Error('a session has no pulse');
  tx.record(eventOf(id, alive, taken.sequence, taking));
  return { ...taken, workState: taking.work.value };
}

/**
 * The ordinary checkpoint, in one statement that is its own transaction, as the plain append is: the lock on the project is
 * held for no round trip. Null, and nothing is done, where there is more to it: the session is not steady, or not there.
 */
async function takeAtOnce(
  store: Store,
  { projectId }: Caller,
  input: CreateCheckpointInput,
  work: Document,
): Promise<{ checkpoint: Checkpoint; position: bigint } | null> {
  const [id, taking] = [newId(), { ...input, picture: input, work }];
  const session = { projectId, id: input.sessionId, runId: null, conversationId: null };
  // Its run, its conversation and its sequence are the statement's to find.
  const event = draft(projectId, eventOf(id, session, null, taking));
  const taken = await retrying(store, async () => {
    const [row] = await store.database.writer.$queryRaw<(Taken & { position: bigint })[]>`
      WITH session AS MATERIALIZED (
        SELECT s.id, s.run_id, s.conversation_id FROM sessions s
        WHERE s.project_id = ${projectId}::uuid AND s.id = ${session.id}::uuid FOR NO KEY UPDATE
      ), counted AS (
        UPDATE pulses p SET event_sequence = p.event_sequence + 1, checkpoint_sequence = p.checkpoint_sequence + 1,
          watched = true, last_activity_at = now()
        FROM session s WHERE p.project_id = ${projectId}::uuid AND p.session_id = s.id AND p.steady
        RETURNING s.*, p.session_id, p.event_sequence - 1 AS base, p.checkpoint_sequence
      ), place AS (
        SELECT checkpoint_sequence AS sequence, base AS event_sequence FROM counted
      ), taken AS (${insertion(session, id, store.now(), taking)}), head AS (
        UPDATE projects SET log_position = log_position + 1
        WHERE id = ${projectId}::uuid AND EXISTS (SELECT FROM taken)
        RETURNING log_position AS position
      ), placed AS (
        ${inserting(projectId, [event], AS_TAKEN)}
      )
      SELECT h.position, t.* FROM taken t CROSS JOIN head h`.catch((error: unknown) => {
      if (isMisfit(error)) return [];
      throw error;
    });
    return row;
  });
  if (!taken) return null;
  const { position, ...facts } = taken;
  store.bus.announce(projectId, Number(position));
  return { checkpoint: { ...facts, workState: work.value }, position };
}

/** Its event has the run and the conversation of the session, and tells the sequence, in the place of `null`. */
const AS_TAKEN = {
  position: Prisma.sql`h.position`,
  runId: Prisma.sql`c.run_id`,
  conversationId: Prisma.sql`c.conversation_id`,
  from: Prisma.sql`CROSS JOIN head h JOIN counted c ON c.session_id = i.session_id`,
  filled: {
    data: Prisma.sql`jsonb_set(i.data, '{sequence}', to_jsonb(c.checkpoint_sequence))`,
    sizeBytes: Prisma.sql`i.size_bytes - length('null') + length(c.checkpoint_sequence::text)`,
  },
};

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
