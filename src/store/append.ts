// The plain append, of which the log need hear nothing but the events themselves: those of several sessions in one statement
// that is its own transaction. The locks on the sessions and on the project are held for no round trip, however busy this
// process is.
import { Prisma, type Database, type Event } from '../database/client.js';
import { isMisfit } from './conflict.js';
import { complete, inserting } from './log.js';
import { uuid, uuids } from './parameter.js';

export interface PlainAppend {
  sessionId: string;
  /** Drafts, at least one; no two of one `dedupeKey`. */
  events: readonly Event[];
  /** What they tell of the context, if anything. */
  contextPercent: number | null;
}

/**
 * Writes the events, as signs of life, and answers with the position of the last one of each append; no two of one session.
 * Null, and nothing of it is written, where there is more to it: the session is not steady, or somebody else has it locked,
 * or one of its events is there already; and of all of them where a cause is not there, or a key has just been brought.
 */
export async function writePlain(
  database: Database,
  projectId: string,
  appends: readonly PlainAppend[],
): Promise<(bigint | null)[]> {
  const drafts = appends.flatMap(({ events }) => events);
  const project = uuid(projectId);
  // The sessions are locked first, as everybody does who decides by what their logs say. Those that are locked already are
  // left out: one slow transaction holds up its own session's appends, and no others. A pulse is judged as it stands when it
  // is locked: whoever moved the session meanwhile has told it. A key that somebody else has just brought is not seen here,
  // but by the index.
  const [placed] = await database.writer.$queryRaw<Placed[]>`
    WITH session AS MATERIALIZED (
      SELECT s.id, s.run_id, s.conversation_id, a.count, a.context, a.ordinal
      FROM unnest(${uuids(appends.map(({ sessionId }) => sessionId))}, ${appends.map(({ events }) => events.length)}::int[],
        ${appends.map(({ contextPercent }) => contextPercent)}::float8[])
        WITH ORDINALITY AS a (session_id, count, context, ordinal)
      JOIN sessions s ON s.project_id = ${project} AND s.id = a.session_id ${unlessKnown(project, drafts)}
      ORDER BY s.id FOR NO KEY UPDATE OF s SKIP LOCKED
    ), counted AS (
      UPDATE pulses p SET event_sequence = p.event_sequence + s.count, watched = true, last_activity_at = now(),
        context_percent = coalesce(s.context, p.context_percent),
        recorded_context = coalesce(s.context, p.recorded_context)
      FROM session s WHERE p.project_id = ${project} AND p.session_id = s.id AND p.steady
      RETURNING s.*, p.event_sequence - s.count AS base
    ), total AS MATERIALIZED (
      SELECT sum(count) AS count FROM counted
    ), head AS (
      UPDATE projects p SET log_position = p.log_position + t.count FROM total t
      WHERE p.id = ${project} AND t.count > 0
      RETURNING p.log_position - t.count AS base
    ), called AS MATERIALIZED (
      SELECT c.*, (h.base + sum(c.count) OVER (ORDER BY c.ordinal) - c.count)::bigint AS head
      FROM counted c CROSS JOIN head h
    ), placed AS (
      ${inserting(projectId, drafts, AS_ITS_SESSION)}
    )
    SELECT now()::timestamptz(3) AS "recordedAt",
      json_agg(json_build_array(ordinal, head, base, run_id, conversation_id))::text AS "calls"
    FROM called`.catch((error: unknown) => {
    if (isMisfit(error)) return [];
    throw error;
  });
  const positions = new Array<bigint | null>(appends.length).fill(null);
  for (const [ordinal, head, base, runId, conversationId] of JSON.parse(placed?.calls ?? '[]') as Call[]) {
    const events = appends[ordinal - 1]?.events ?? [];
    const recordedAt = placed?.recordedAt ?? new Date(NaN);
    for (const [index, event] of events.entries()) {
      const [position, sequence] = [BigInt(head + index + 1), BigInt(base + index + 1)];
      complete(event, { position, sequence, runId, conversationId, recordedAt });
    }
    positions[ordinal - 1] = BigInt(head + events.length);
  }
  return positions;
}

interface Placed {
  recordedAt: Date;
  /** `Call`s as JSON; null where there are none. */
  calls: string | null;
}

/** What an append was given: by its place among all, from 1 on, its positions and its sequences come after `head` and `base`. */
type Call = [ordinal: number, head: number, base: number, runId: string | null, conversationId: string | null];

/** An append's events are of one session, whose run and conversation are theirs. */
const AS_ITS_SESSION = {
  position: Prisma.sql`c.head + i.nth`,
  runId: Prisma.sql`c.run_id`,
  conversationId: Prisma.sql`c.conversation_id`,
  from: Prisma.sql`JOIN called c ON c.id = i.session_id`,
};

function unlessKnown(project: Prisma.Sql, drafts: readonly Event[]): Prisma.Sql {
  const keyed = drafts.filter(({ dedupeKey }) => dedupeKey !== null);
  if (keyed.length === 0) return Prisma.empty;
  // Each key is looked up by itself, in an index that has it once: joined to a young log, of whose length nothing is known, all
  // of them would be compared with all of it.
  return Prisma.sql`AND NOT EXISTS (
        SELECT FROM unnest(${uuids(keyed.map(({ sessionId }) => sessionId))},
          ${keyed.map(({ dedupeKey }) => dedupeKey)}::text[]) AS k (session_id, dedupe_key)
        WHERE k.session_id = s.id AND (SELECT true FROM events e
          WHERE e.project_id = ${project} AND e.session_id = k.session_id AND e.dedupe_key = k.dedupe_key))`;
}
