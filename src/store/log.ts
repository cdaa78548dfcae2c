// The one writer of events. What a transaction records is collected, and written by one statement at its end: the row lock
// on the project is held for that statement and the commit, and so positions are gapless and in the order of commit.
import { Prisma, type Event, type OpenTransaction } from '../database/client.js';
import type { EventLevel, EventType } from '../domain/event.js';
import { newId } from '../domain/id.js';
import { redacted } from './redacted.js';

/** The session that an event belongs to: its run and conversation are the event's too. */
export interface Subject {
  id: string;
  runId: string | null;
  conversationId: string | null;
}

export interface NewEvent {
  type: EventType;
  session?: Subject;
  runId?: string | null;
  conversationId?: string | null;
  name?: string | null;
  level?: EventLevel;
  toolName?: string | null;
  data?: object;
  metadata?: object;
  causeId?: string | null;
  dedupeKey?: string | null;
  /** When it happened, at the latest now; the database's now where absent. */
  occurredAt?: Date | null;
}

/** The answer that an idempotency key stands for, to be kept with the change itself. */
export interface Remembered {
  key: string;
  mutation: string;
  inputHash: string;
  answer: object;
}

// JSON writes it as null: the time of an event that is not told, which the statement then gives.
const UNTOLD = new Date(NaN);

/** What the events were given, in their order. As JSON in one row, which costs less than as many rows. */
export interface Placed {
  recordedAt: Date;
  /** Null where nothing was written. */
  rows: string | null;
}

type Row = [
  position: number,
  sequence: number | null,
  runId: string | null,
  conversationId: string | null,
  occurredAtMs: number,
  sizeBytes: number,
];

/** The row of an event that is about to be written. Position, sequence and times are set by `writeLog`. */
export function draft(projectId: string, event: NewEvent): Event {
  const { session } = event;
  return {
    projectId,
    position: 0n,
    id: newId(),
    sessionId: session?.id ?? null,
    sequence: null,
    runId: event.runId ?? session?.runId ?? null,
    conversationId: event.conversationId ?? session?.conversationId ?? null,
    type: event.type,
    name: event.name ?? null,
    level: event.level ?? 'INFO',
    toolName: event.toolName ?? null,
    data: redacted(event.data ?? {}) as Prisma.JsonObject,
    metadata: redacted(event.metadata ?? {}) as Prisma.JsonObject,
    causeId: event.causeId ?? null,
    dedupeKey: event.dedupeKey ?? null,
    occurredAt: event.occurredAt ?? UNTOLD,
    recordedAt: UNTOLD,
    sizeBytes: 0,
  };
}

/** Drafts as JSON that a statement reads as rows of `DRAFT_FIELDS`, and of `run_id` and `conversation_id`. */
export function inputOf(events: readonly Event[]): string {
  const rows = events.map((event, index) => ({
    ordinal: index + 1,
    id: event.id,
    session_id: event.sessionId,
    run_id: event.runId,
    conversation_id: event.conversationId,
    type: event.type,
    name: event.name,
    level: event.level,
    tool_name: event.toolName,
    data: event.data,
    metadata: event.metadata,
    cause_id: event.causeId,
    dedupe_key: event.dedupeKey,
    occurred_at: event.occurredAt,
  }));
  return JSON.stringify(rows);
}

export const DRAFT_FIELDS = Prisma.raw(`
  ordinal int, id uuid, session_id uuid, type event_type, name text, level event_level, tool_name text, data json,
  metadata json, cause_id uuid, dedupe_key text, occurred_at timestamptz`);

/** Inserts a statement's `input` at the places that `head` has taken in the log, and `counted` in the sessions. */
export const PLACED = Prisma.sql`placed AS (
      INSERT INTO events (
        project_id, position, id, session_id, sequence, run_id, conversation_id, type, name, level, tool_name, data,
        metadata, cause_id, dedupe_key, occurred_at, size_bytes)
      SELECT h.project_id, h.base + i.ordinal, i.id, i.session_id,
        c.base + row_number() OVER (PARTITION BY i.session_id ORDER BY i.ordinal), i.run_id, i.conversation_id, i.type,
        i.name, i.level, i.tool_name, i.data::jsonb, i.metadata::jsonb, i.cause_id, i.dedupe_key,
        least(i.occurred_at, now()), octet_length(i.data::text) + octet_length(i.metadata::text)
      FROM input i CROSS JOIN head h LEFT JOIN counted c ON c.session_id = i.session_id
      ORDER BY i.ordinal
      RETURNING position, session_id, sequence, run_id, conversation_id, occurred_at, size_bytes
    )`;

/** Ends a statement: inserts its `input`, and tells of each event what `place` has to know. */
export const PLACE_INPUT = Prisma.sql`${PLACED}
    SELECT now()::timestamptz(3) AS "recordedAt", json_agg(json_build_array(position, sequence, run_id, conversation_id,
      round(extract(epoch FROM occurred_at) * 1000), size_bytes) ORDER BY position)::text AS "rows"
    FROM placed`;

/** Completes the drafts with what they were given, and answers with the position of the last; null where none was written. */
export function place(events: readonly Event[], [placed]: readonly Placed[]): bigint | null {
  if (!placed?.rows) return null;
  const { recordedAt } = placed;
  const rows = JSON.parse(placed.rows) as Row[];
  let last = 0n;
  for (const [index, event] of events.entries()) {
    const row = rows[index];
    if (!row) throw new Error('an event that was written has no place');
    const [position, sequence, runId, conversationId, occurredAtMs, sizeBytes] = row;
    last = BigInt(position);
    Object.assign(event, {
      position: last,
      sequence: sequence === null ? null : BigInt(sequence),
      runId,
      conversationId,
      occurredAt: new Date(occurredAtMs),
      recordedAt,
      sizeBytes,
    } satisfies Partial<Event>);
  }
  return last;
}

/**
 * Writes the events in their order, commits, and answers with the position of the last one. `alive` are the sessions that
 * this is a sign of life of.
 */
export async function writeLog(
  db: OpenTransaction,
  projectId: string,
  events: readonly Event[],
  alive: ReadonlySet<string>,
  remembered: Remembered | null,
): Promise<bigint> {
  const { key = null, mutation = null, inputHash = null, answer = null } = remembered ?? {};

  // Locks: the sessions' pulses by id, then the project, which therefore waits for nobody while it is held. Both updates
  // see the newest row, since each finds it through the lock that it waited for.
  const placed = await db.$queryRawAndCommit<Placed[]>`
    WITH input AS MATERIALIZED (
      SELECT * FROM json_to_recordset(${inputOf(events)}::json) AS i (run_id uuid, conversation_id uuid, ${DRAFT_FIELDS})
    ), pulse AS MATERIALIZED (
      SELECT p.session_id FROM pulses p
      WHERE p.project_id = ${projectId}::uuid AND p.session_id IN (SELECT i.session_id FROM input i)
      ORDER BY p.session_id FOR NO KEY UPDATE
    ), counted AS (
      UPDATE pulses p SET
        event_sequence = p.event_sequence + n.count,
        watched = p.watched OR p.session_id = ANY (${[...alive]}::uuid[]),
        last_activity_at = CASE WHEN p.session_id = ANY (${[...alive]}::uuid[]) THEN now() ELSE p.last_activity_at END
      FROM (SELECT session_id, count(*) AS count FROM input JOIN pulse USING (session_id) GROUP BY session_id) n
      WHERE p.project_id = ${projectId}::uuid AND p.session_id = n.session_id
      RETURNING p.session_id, p.event_sequence - n.count AS base
    ), head AS (
      UPDATE projects SET log_position = log_position + ${events.length}
      WHERE id = ${projectId}::uuid AND (SELECT count(*) FROM counted) >= 0
      RETURNING id AS project_id, log_position - ${events.length} AS base
    ), remembered AS (
      INSERT INTO idempotency_keys (project_id, key, mutation, input_hash, answer, position)
      SELECT ${projectId}::uuid, ${key}, ${mutation}, ${inputHash}, ${JSON.stringify(answer)}::jsonb,
        base + ${events.length}
      FROM head WHERE ${key}::text IS NOT NULL
    ), ${PLACE_INPUT}`;
  const last = place(events, placed);
  if (last === null) throw new Error('the log of a project that is not there was written');
  return last;
}

/** Commits a transaction that tells the log nothing, and answers with the position of the log. */
export async function readPosition(db: OpenTransaction, projectId: string): Promise<bigint> {
  const head = await db.$queryRawAndCommit<Head[]>`
    SELECT log_position AS "position" FROM projects WHERE id = ${projectId}::uuid`;
  return positionOf(head);
}

/** The same, where its answer is to be kept under an idempotency key. */
export async function writeRemembered(
  db: OpenTransaction,
  projectId: string,
  { key, mutation, inputHash, answer }: Remembered,
): Promise<bigint> {
  const head = await db.$queryRawAndCommit<Head[]>`
    INSERT INTO idempotency_keys (project_id, key, mutation, input_hash, answer, position)
    SELECT id, ${key}, ${mutation}, ${inputHash}, ${JSON.stringify(answer)}::jsonb, log_position
    FROM projects WHERE id = ${projectId}::uuid RETURNING position`;
  return positionOf(head);
}

interface Head {
  position: bigint;
}

function positionOf([head]: readonly Head[]): bigint {
  if (!head) throw new Error('there is no log: its project is not there');
  return head.position;
}
