// The one writer of events. What a transaction records is collected, and written by one statement at its end: the row lock
// on the project is held for that statement and the commit, and so positions are gapless and in the order of commit.
import { Prisma, type Event, type OpenTransaction } from '../database/client.js';
import type { EventLevel, EventType } from '../domain/event.js';
import { newId } from '../domain/id.js';
import { jsonColumn, unlessEmpty, uuid, uuids } from './parameter.js';
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
  /** Whether no caller has said anything of the data: then there is no secret in it, and nobody looks for one. */
  isOwn?: boolean;
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

/** Rows that change with what is told of them. */
export interface Along {
  statement: Prisma.Sql;
  rows: number;
}

/** The time of an event that is not told: the statement that writes it gives it one. */
const UNTOLD = new Date(NaN);

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
    data: event.isOwn ? (event.data ?? {}) : redactedObject(event.data),
    metadata: redactedObject(event.metadata),
    causeId: event.causeId ?? null,
    dedupeKey: event.dedupeKey ?? null,
    occurredAt: event.occurredAt ?? UNTOLD,
    recordedAt: UNTOLD,
    sizeBytes: 0,
  };
}

const redactedObject = (object: object | undefined): Prisma.JsonObject =>
  object ? (redacted(object) as Prisma.JsonObject) : {};

/** Where a statement finds what its events `i` are given, in the rows `c` of their sessions and otherwise. */
interface Source {
  position: Prisma.Sql;
  runId: Prisma.Sql;
  conversationId: Prisma.Sql;
  from: Prisma.Sql;
  /** Where a draft's data does not yet say all, with the size that it then has. */
  filled?: { data: Prisma.Sql; sizeBytes: Prisma.Sql };
}

/**
 * The part of a statement that inserts drafts: each has its place among those of its session as `i.nth`, after
 * `c.base`, and among all as `i.ordinal`. Notes the sizes of the drafts.
 */
export function inserting(projectId: string, drafts: readonly Event[], source: Source): Prisma.Sql {
  const data = drafts.map((event) => JSON.stringify(event.data));
  const metadata = drafts.map((event) => JSON.stringify(event.metadata));
  for (const [index, event] of drafts.entries()) {
    event.sizeBytes = Buffer.byteLength(data[index] ?? '') + Buffer.byteLength(metadata[index] ?? '');
  }
  const { data: filledData = Prisma.sql`i.data`, sizeBytes = Prisma.sql`i.size_bytes` } = source.filled ?? {};
  // As columns, each of them one text: as JSON of all rows it costs PostgreSQL twice as much to read. The answer of such a
  // statement is what the sessions were given: what follows from it is not worth a row for each event.
  return Prisma.sql`INSERT INTO events (
        project_id, position, id, session_id, sequence, run_id, conversation_id, type, name, level, tool_name, data,
        metadata, cause_id, dedupe_key, occurred_at, size_bytes)
      SELECT ${projectId}::uuid, ${source.position}, i.id, i.session_id, c.base + i.nth, ${source.runId},
        ${source.conversationId}, i.type, i.name, i.level, i.tool_name, ${filledData}, i.metadata, i.cause_id, i.dedupe_key,
        least(i.occurred_at, now()), ${sizeBytes}
      FROM unnest(${uuids(drafts.map(({ id }) => id))}, ${column(drafts, 'sessionId')}::uuid[],
        ${column(drafts, 'runId')}::uuid[], ${column(drafts, 'conversationId')}::uuid[], ${ranks(drafts)}::int[],
        ${column(drafts, 'type')}::event_type[], ${column(drafts, 'name')}::text[],
        ${column(drafts, 'level')}::event_level[], ${column(drafts, 'toolName')}::text[], ${jsonColumn(data)}::jsonb[],
        ${jsonColumn(metadata)}::jsonb[], ${column(drafts, 'causeId')}::uuid[], ${column(drafts, 'dedupeKey')}::text[],
        ${times(drafts)}::timestamptz[], ${drafts.map(({ sizeBytes }) => sizeBytes)}::int[]) WITH ORDINALITY
        AS i (id, session_id, run_id, conversation_id, nth, type, name, level, tool_name, data, metadata, cause_id,
          dedupe_key, occurred_at, size_bytes, ordinal)
      ${source.from}`;
}

type TextField =
  'sessionId' | 'runId' | 'conversationId' | 'type' | 'name' | 'level' | 'toolName' | 'causeId' | 'dedupeKey';

const column = (drafts: readonly Event[], field: TextField) => unlessEmpty(drafts.map((event) => event[field]));

const times = (drafts: readonly Event[]) =>
  unlessEmpty(drafts.map(({ occurredAt }) => (isTold(occurredAt) ? occurredAt : null)));

const isTold = (instant: Date): boolean => !Number.isNaN(instant.getTime());

/** For each draft, which of its session's it is, from 1 on. */
function ranks(drafts: readonly Event[]): number[] {
  const counts = new Map<string | null, number>();
  return drafts.map(({ sessionId }) => {
    const rank = (counts.get(sessionId) ?? 0) + 1;
    counts.set(sessionId, rank);
    return rank;
  });
}

/** Completes a draft that was written: the earlier one of its own time and of `recordedAt` is when it happened. */
export function complete(
  event: Event,
  given: Pick<Event, 'position' | 'sequence' | 'runId' | 'conversationId' | 'recordedAt'>,
): void {
  const { occurredAt } = event;
  Object.assign(event, given);
  if (!(occurredAt < given.recordedAt)) event.occurredAt = given.recordedAt;
}

/**
 * Writes the events in their order, commits, and answers with the position of the last one. `alive` are the sessions that
 * this is a sign of life of. `along` changes so many rows before anything of the log is locked; where it finds other than
 * those, nothing at all is written.
 */
export async function writeLog(
  db: OpenTransaction,
  projectId: string,
  events: readonly Event[],
  alive: ReadonlySet<string>,
  { remembered, along }: { remembered: Remembered | null; along: Along | null },
): Promise<bigint> {
  const { key = null, mutation = null, inputHash = null, answer = null } = remembered ?? {};
  // Division by none is what fails the statement.
  const first = along ? Prisma.sql`AND (SELECT 1 / (count(*) = ${along.rows})::int FROM along) = 1` : Prisma.empty;

  const counts = countBySession(events);
  const project = uuid(projectId);

  // Locks: the sessions' pulses by id, then the project, which therefore waits for nobody while it is held. Both updates
  // see the newest row, since each finds it through the lock that it waited for.
  const [placed] = await db.$queryRawAndCommit<Placed[]>`
    WITH ${along ? Prisma.sql`along AS (${along.statement} RETURNING 1), ` : Prisma.empty}pulse AS MATERIALIZED (
      SELECT p.session_id, n.count
      FROM unnest(${uuids([...counts.keys()])}, ${[...counts.values()]}::int[]) AS n (session_id, count)
      JOIN pulses p ON p.project_id = ${project} AND p.session_id = n.session_id ${first}
      ORDER BY p.session_id FOR NO KEY UPDATE OF p
    ), counted AS (
      UPDATE pulses p SET
        event_sequence = p.event_sequence + n.count,
        watched = p.watched OR p.session_id = ANY (${[...alive]}::uuid[]),
        last_activity_at = CASE WHEN p.session_id = ANY (${[...alive]}::uuid[]) THEN now() ELSE p.last_activity_at END
      FROM pulse n
      WHERE p.project_id = ${project} AND p.session_id = n.session_id
      RETURNING p.session_id, p.event_sequence - n.count AS base
    ), head AS (
      UPDATE projects SET log_position = log_position + ${events.length}
      WHERE id = ${project} AND (SELECT count(*) FROM counted) >= 0
      RETURNING log_position - ${events.length} AS base
    ), remembered AS (
      INSERT INTO idempotency_keys (project_id, key, mutation, input_hash, answer, position)
      SELECT ${project}, ${key}, ${mutation}, ${inputHash}, ${JSON.stringify(answer)}::jsonb,
        base + ${events.length}
      FROM head WHERE ${key}::text IS NOT NULL
    ), placed AS (
      ${inserting(projectId, events, AS_TOLD)}
    )
    SELECT now()::timestamptz(3) AS "recordedAt", h.base,
      (SELECT json_object_agg(c.session_id, c.base) FROM counted c)::text AS "sequences"
    FROM head h`;
  if (!placed) throw new Error('the log of a project that is not there was written');
  const { base, recordedAt } = placed;
  const sequences = new Map(Object.entries(JSON.parse(placed.sequences ?? '{}') as Record<string, number>));
  for (const [index, event] of events.entries()) {
    const { sessionId, runId, conversationId } = event;
    const sequence = sessionId === null ? null : (sequences.get(sessionId) ?? 0) + 1;
    if (sessionId !== null && sequence !== null) sequences.set(sessionId, sequence);
    complete(event, {
      position: base + BigInt(index + 1),
      sequence: sequence === null ? null : BigInt(sequence),
      runId,
      conversationId,
      recordedAt,
    });
  }
  return base + BigInt(events.length);
}

/** Of a transaction's events each knows its own run and conversation, and some have no session. */
const AS_TOLD: Source = {
  position: Prisma.sql`h.base + i.ordinal`,
  runId: Prisma.sql`i.run_id`,
  conversationId: Prisma.sql`i.conversation_id`,
  from: Prisma.sql`CROSS JOIN head h LEFT JOIN counted c ON c.session_id = i.session_id`,
};

interface Placed {
  recordedAt: Date;
  /** The position before the first. */
  base: bigint;
  /** By session, as JSON, the sequence before the first. */
  sequences: string | null;
}

function countBySession(events: readonly Event[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { sessionId } of events) if (sessionId !== null) counts.set(sessionId, (counts.get(sessionId) ?? 0) + 1);
  return counts;
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
