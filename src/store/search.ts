// Full text in the log. PostgreSQL's parser cuts texts and queries into words alike, and nothing is stemmed: what is found
// holds every word and every number of the query, as it stands, in upper or lower case.
import { Prisma, type Event } from '../database/client.js';
import type { EventLevel, EventType } from '../domain/event.js';
import type { Caller, Store } from './store.js';

/** An event has to match all that is given, and one of each list. */
export interface EventSearch {
  /** The words that its data has to hold. */
  text: string;
  types?: readonly EventType[] | null;
  levels?: readonly EventLevel[] | null;
  toolName?: string | null;
  since?: Date | null;
  until?: Date | null;
}

/** Whose events, and which of those that are found: up to `take` beyond a sequence or position, the nearest first. */
export type Owner = keyof typeof OWNERS;
export interface SearchStretch {
  from: bigint | null;
  backwards: boolean;
  take: number;
}

const OWNERS = {
  session: { id: Prisma.raw('e.session_id'), place: Prisma.raw('e.sequence') },
  run: { id: Prisma.raw('e.run_id'), place: Prisma.raw('e.position') },
} as const;

/** Where an event that is found stands, and what it weighs. */
export type FoundEvent = Pick<Event, 'id' | 'sequence' | 'position' | 'sizeBytes'>;

/** The events that are found, by the ids of those whose they are: one statement for all of them. */
export async function searchEvents(
  { database }: Store,
  { projectId }: Caller,
  owner: Owner,
  ids: readonly string[],
  search: EventSearch,
  { from, backwards, take }: SearchStretch,
): Promise<Map<string, FoundEvent[]>> {
  const { id, place } = OWNERS[owner];
  const beyond = backwards ? Prisma.sql`${place} < ${from}` : Prisma.sql`${place} > ${from}`;
  const rows = await database.prisma.$queryRaw<(FoundEvent & { ownerId: string })[]>`
    SELECT o.id AS "ownerId", e.id, e.sequence, e.position, e.size_bytes AS "sizeBytes" FROM unnest(${[...ids]}::uuid[]) AS o (id) CROSS JOIN LATERAL (
      SELECT * FROM events e
      WHERE e.project_id = ${projectId}::uuid AND ${id} = o.id AND ${conditions(search)}
        ${from === null ? Prisma.empty : Prisma.sql`AND ${beyond}`}
      ORDER BY ${place} ${Prisma.raw(backwards ? 'DESC' : 'ASC')} LIMIT ${take}
    ) e
    ORDER BY o.id, ${place} ${Prisma.raw(backwards ? 'DESC' : 'ASC')}`;
  const found = new Map<string, FoundEvent[]>(ids.map((known) => [known, []]));
  for (const { ownerId, ...event } of rows) found.get(ownerId)?.push(event);
  return found;
}

/** How many events are found, by the ids of those whose they are. */
export async function countEvents(
  { database }: Store,
  { projectId }: Caller,
  owner: Owner,
  ids: readonly string[],
  search: EventSearch,
): Promise<Map<string, number>> {
  const { id } = OWNERS[owner];
  const rows = await database.prisma.$queryRaw<{ ownerId: string; count: number }[]>`
    SELECT ${id} AS "ownerId", count(*)::int AS "count" FROM events e
    WHERE e.project_id = ${projectId}::uuid AND ${id} = ANY (${[...ids]}::uuid[]) AND ${conditions(search)}
    GROUP BY 1`;
  return new Map(rows.map(({ ownerId, count }) => [ownerId, count]));
}

function conditions({ text, types, levels, toolName, since, until }: EventSearch): Prisma.Sql {
  return Prisma.join(
    [
      // As the index has it, to the letter.
      Prisma.sql`jsonb_to_tsvector('simple', e.data, '["string", "numeric"]') @@ plainto_tsquery('simple', ${text})`,
      types && Prisma.sql`e.type = ANY (${[...types]}::event_type[])`,
      levels && Prisma.sql`e.level = ANY (${[...levels]}::event_level[])`,
      toolName != null && Prisma.sql`e.tool_name = ${toolName}`,
      since && Prisma.sql`e.occurred_at >= ${since}`,
      until && Prisma.sql`e.occurred_at < ${until}`,
    ].filter((condition) => !!condition),
    ' AND ',
  );
}
