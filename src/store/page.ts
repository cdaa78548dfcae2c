import { Prisma, type Database, type Event } from '../database/client.js';
import { ValidationError } from '../domain/errors.js';
import type { EventLevel, EventType } from '../domain/event.js';
import { PAGE_MAX_SIZE } from '../domain/limits.js';
import { EVENT_COLUMNS } from './row.js';

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

// 500 events of 256 KiB each would be 128 MB in one answer.
export const BATCH_BYTES = 4 * 1024 * 1024;

/**
 * Reads the log after a position: at most `first` events (up to 500) and about 4 MiB, at least one where there is one.
 * @throws ValidationError where `after` is no position of this log: beyond its head, say.
 */
export async function readLog(
  { database }: { database: Pick<Database, 'prisma'> },
  projectId: string,
  { after, first, filter = {} }: { after: bigint; first: number; filter?: LogFilter | null | undefined },
): Promise<LogBatch> {
  const limit = Math.min(first, PAGE_MAX_SIZE);
  // One statement, so that head, start and events are of one moment. The sum runs over sizes alone: what it cuts off is
  // never unpacked.
  const rows = await database.prisma.$queryRaw<(Event & { head: bigint; left: bigint | null; count: bigint | null })[]>`
    SELECT p.log_position AS "head", e.total AS "count", CASE WHEN p.log_purged > ${after} THEN (
        SELECT coalesce(min(r.position), p.log_position + 1) FROM events r
        WHERE r.project_id = p.id AND r.position > ${after}) END AS "left",
      ${EVENT_COLUMNS}
    FROM projects p LEFT JOIN LATERAL (
      SELECT sized.*, sum(sized.size_bytes) OVER (ORDER BY sized.position) - sized.size_bytes AS before,
        count(*) OVER () AS total
      FROM (
        SELECT * FROM events e
        WHERE e.project_id = p.id AND e.position > ${after} AND e.position <= p.log_position ${conditions(filter)}
        ORDER BY e.position LIMIT ${limit}
      ) sized
    ) e ON e.before < ${BATCH_BYTES}
    WHERE p.id = ${projectId}::uuid ORDER BY e.position`;
  const [row] = rows;
  if (!row) throw new Error(`there is no project ${projectId}`);
  const { head } = row;
  if (after < 0n || after > head) {
    const message = `must be from 0 to ${head}, the log's newest position: it names an entry that this log does not have`;
    throw new ValidationError({ issues: [{ path: 'after', message }] });
  }
  const events = rows.flatMap(({ head: _, left: __, count, ...event }) => (count === null ? [] : event));
  const last = events.at(-1)?.position ?? after;
  // A full page may have left something out; a page that was not filled has seen all there is.
  const complete = events.length < limit && BigInt(events.length) === (row.count ?? 0n);
  const position = complete ? head : last;
  return {
    events,
    position,
    caughtUp: position === head,
    trimmedBefore: row.left,
  };
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
