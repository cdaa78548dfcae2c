import { Prisma, type Database, type Event } from '../database/client.js';
import { ValidationError } from '../domain/errors.js';
import type { EventLevel, EventType } from '../domain/event.js';
import { JsonText } from '../domain/jsonText.js';
import { EVENTS } from './row.js';

/** What of the log is wanted: an event has to match all that is given, and one of each list. */
export interface LogFilter {
  types?: readonly EventType[] | null;
  levels?: readonly EventLevel[] | null;
  sessionIds?: readonly string[] | null;
  runId?: string | null;
  conversationId?: string | null;
}

/** A stretch of the log, in order. */
export interface LogBatch {
  events: Event[];
  /** What to pass as `after` to go on. */
  position: bigint;
  /** Nothing newer had been committed. */
  caughtUp: boolean;
  /** The first position that is left, where some after the one asked for have been removed. */
  trimmedBefore: bigint | null;
}

/** Of an event, its position first, the values of some fields; at last, of the page, where the log begins, ends and was read to. */
type Line = readonly [position: bigint | null, ...values: unknown[]];
/** As `trimmedBefore`, the last position that the read looks at, and the last of the log. */
type Bounds = readonly [left: bigint | null, end: bigint, head: bigint];

/** From JSON. */
function boundsOf(text: string): Bounds {
  const [left, end, head] = JSON.parse(text) as [number | null, number, number];
  return [left === null ? null : BigInt(left), BigInt(end), BigInt(head)];
}

export type EventField = keyof Event;

/** By these an event is placed and weighed, whatever is wanted of it. */
const ALWAYS = ['position', 'sizeBytes'] as const;
const ALL = fieldsFrom(Object.values(Prisma.EventScalarFieldEnum));

// 500 events of 256 KiB each would be 128 MB in one answer.
export const BATCH_BYTES = 4 * 1024 * 1024;
/** How many entries are looked at for those that match: a filter that matches nothing must not read the whole log. */
export const WINDOW_ENTRIES = 20_000;

interface Stretch {
  readonly after: bigint;
  readonly first: number;
  readonly filter?: LogFilter | null | undefined;
  readonly fields?: readonly EventField[] | null | undefined;
}

/**
 * Reads the log after a position: at most `first` events and about 4 MiB. Without a filter it has at least one where there is
 * one; with a filter it looks at 20,000 entries at most, and may be empty before the log ends. Where `fields` are given, the
 * events have hardly more than those, and their JSON as `JsonText`.
 * @throws ValidationError where `after` is no position of this log: beyond its head, say.
 */
export async function readLog(
  { database }: { database: Pick<Database, 'lines'> },
  projectId: string,
  { after, first, filter = {}, fields = null }: Stretch,
): Promise<LogBatch> {
  const told = fields ? fieldsFrom(fields) : ALL;
  // One statement, so that head, start and events are of one moment. The sum runs over sizes alone: what it cuts off is
  // never unpacked. The window begins at the first entry that is left, so that no page is spent on what was purged. PostgreSQL
  // would sort by position what comes in that order anyway, wide as it is.
  const lines = (await database.lines(Prisma.sql`
    SELECT ${fields ? EVENTS.columnsOfText('e', told) : EVENTS.columns('e', told)},
      CASE WHEN coalesce(e.before, 0) = 0 THEN json_build_array(s.left, w.end, p.log_position)::text END
    FROM projects p CROSS JOIN LATERAL (
      SELECT CASE WHEN p.log_purged > ${after} THEN (
        SELECT coalesce(min(r.position), p.log_position + 1) FROM events r
        WHERE r.project_id = p.id AND r.position > ${after}) END AS left
    ) s CROSS JOIN LATERAL (
      SELECT least(p.log_position, coalesce(s.left - 1, ${after}) + ${WINDOW_ENTRIES}) AS end
    ) w LEFT JOIN LATERAL (
      SELECT sized.*,
        sum(sized.size_bytes) OVER (ORDER BY sized.position ROWS UNBOUNDED PRECEDING) - sized.size_bytes AS before
      FROM (
        SELECT * FROM events e
        WHERE e.project_id = p.id AND e.position > ${after} AND e.position <= w.end ${conditions(filter)}
        ORDER BY e.position LIMIT ${first}
      ) sized
    ) e ON e.before < ${BATCH_BYTES}
    WHERE p.id = ${projectId}::uuid`)) as readonly Line[];
  const bounds = lines.map((line) => line.at(-1) as string | null).find((text) => text !== null);
  if (bounds === undefined) throw new Error(`there is no project ${projectId}`);
  const [left, end, head] = boundsOf(bounds);
  if (after < 0n || after > head) {
    const message = `must be from 0 to ${head}, the log's newest position: it names an entry that this log does not have`;
    throw new ValidationError({ issues: [{ path: 'after', message }] });
  }
  // A window without an event is a line all the same, of nulls.
  const found = lines[0]?.[0] === null ? [] : lines;
  const events = found.map(fields ? partOf(told) : eventOf).sort((one, other) => Number(one.position - other.position));
  const last = events.at(-1)?.position ?? after;
  // A page that is full, by count or by bytes, may have left something out; any other has seen all of its window.
  const isFull = events.length === first || sizeOf(events) >= BATCH_BYTES;
  const position = isFull ? last : end;
  return {
    events,
    position,
    caughtUp: position === head,
    trimmedBefore: left,
  };
}

/** Written out: an object that is made name by name costs ten times as much. */
function eventOf(line: Line): Event {
  const [
    position,
    projectId,
    id,
    sessionId,
    sequence,
    runId,
    conversationId,
    type,
    name,
    level,
    toolName,
    data,
    metadata,
    causeId,
    dedupeKey,
    occurredAt,
    recordedAt,
    sizeBytes,
  ] = line;
  return {
    projectId,
    position,
    id,
    sessionId,
    sequence,
    runId,
    conversationId,
    type,
    name,
    level,
    toolName,
    data,
    metadata,
    causeId,
    dedupeKey,
    occurredAt,
    recordedAt,
    sizeBytes,
  } as Event;
}

/** A few of the fields: all that whoever asked for them looks at. */
function partOf(fields: readonly EventField[]): (line: Line) => Event {
  const places = fields.map((field) => ({ field, isJson: EVENTS.isJson(field) }));
  const sizeAt = fields.indexOf('sizeBytes');
  return (line) => {
    const part: Partial<Record<EventField, unknown>> = {};
    for (const [index, { field, isJson }] of places.entries()) {
      part[field] = isJson ? jsonOf(line[index] as string, Number(line[sizeAt])) : line[index];
    }
    return part as Event;
  };
}

/** PostgreSQL writes numbers out, and 1e308 with all its digits: what has grown by that is read, and written as it came. */
function jsonOf(text: string, sizeBytes: number): unknown {
  return text.length > 2 * sizeBytes ? JSON.parse(text) : new JsonText(text);
}

function fieldsFrom(wanted: readonly EventField[]): readonly EventField[] {
  return [...new Set<EventField>(['position', ...wanted, ...ALWAYS])];
}

/** The bytes of the events' documents. */
export function sizeOf(events: readonly Event[]): number {
  return events.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function conditions(filter: LogFilter | null): Prisma.Sql {
  const { types, levels, sessionIds, runId, conversationId } = filter ?? {};
  return Prisma.join(
    [
      Prisma.empty,
      types && Prisma.sql`e.type = ANY (${[...types]}::event_type[])`,
      levels && Prisma.sql`e.level = ANY (${[...levels]}::event_level[])`,
      sessionIds && Prisma.sql`e.session_id = ANY (${[...sessionIds]}::uuid[])`,
      runId && Prisma.sql`e.run_id = ${runId}::uuid`,
      conversationId && Prisma.sql`e.conversation_id = ${conversationId}::uuid`,
    ].filter((condition) => !!condition),
    ' AND ',
  );
}

/** The same question asked of an event at hand. */
export function matches(event: Event, filter: LogFilter | null | undefined): boolean {
  const { types, levels, sessionIds, runId, conversationId } = filter ?? {};
  return (
    (!types || types.includes(event.type)) &&
    (!levels || levels.includes(event.level)) &&
    (!sessionIds || (event.sessionId !== null && sessionIds.includes(event.sessionId))) &&
    (!runId || event.runId === runId) &&
    (!conversationId || event.conversationId === conversationId)
  );
}
