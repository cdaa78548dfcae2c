// The plain append, of which the log need hear nothing but the events themselves: one statement that is its own
// transaction. The locks on the session and on the project are held for no round trip, however busy this process is.
import { Prisma, type Event } from '../database/client.js';
import { isMisfit } from './conflict.js';
import { DRAFT_FIELDS, inputOf, place, PLACE_INPUT, type Placed } from './log.js';
import { retrying } from './retry.js';
import type { Caller, Store } from './store.js';

export interface PlainAppend {
  sessionId: string;
  /** Drafts, at least one; no two of one `dedupeKey`. */
  events: readonly Event[];
  /** What they tell of the context, if anything. */
  contextPercent: number | null;
}

/**
 * Writes the events, as a sign of life, and answers with the position of the last one. Null, and nothing is written, where
 * there is more to it: the session is not steady, or an event is there already, or its cause is not.
 * @throws UnavailableError
 */
export async function appendPlain(store: Store, { projectId }: Caller, append: PlainAppend): Promise<bigint | null> {
  const position = await retrying(store, () => write(store, projectId, append));
  if (position !== null) store.bus.announce(projectId, Number(position));
  return position;
}

async function write(store: Store, projectId: string, append: PlainAppend): Promise<bigint | null> {
  const { sessionId, events, contextPercent } = append;
  // The session is locked first, as everybody does who decides by what its log says. The pulse is judged as it stands when
  // it is locked: whoever moved the session meanwhile has told it. A key that somebody else has just brought is not seen
  // here, but by the index.
  const placed = await store.database.writer.$queryRaw<Placed[]>`
    WITH session AS MATERIALIZED (
      SELECT s.id, s.run_id, s.conversation_id FROM sessions s
      WHERE s.project_id = ${projectId}::uuid AND s.id = ${sessionId}::uuid ${unlessKnown(projectId, append)}
      FOR NO KEY UPDATE
    ), input AS MATERIALIZED (
      SELECT i.*, s.run_id, s.conversation_id
      FROM json_to_recordset(${inputOf(events)}::json) AS i (${DRAFT_FIELDS}) CROSS JOIN session s
    ), counted AS (
      UPDATE pulses p SET event_sequence = p.event_sequence + ${events.length}, watched = true, last_activity_at = now(),
        context_percent = coalesce(${contextPercent}::float8, p.context_percent),
        recorded_context = coalesce(${contextPercent}::float8, p.recorded_context)
      WHERE p.project_id = ${projectId}::uuid AND p.session_id = (SELECT s.id FROM session s) AND p.steady
      RETURNING p.session_id, p.event_sequence - ${events.length} AS base
    ), head AS (
      UPDATE projects SET log_position = log_position + ${events.length}
      WHERE id = ${projectId}::uuid AND EXISTS (SELECT FROM counted)
      RETURNING id AS project_id, log_position - ${events.length} AS base
    ), ${PLACE_INPUT}`.catch((error: unknown) => {
    if (isMisfit(error)) return [];
    throw error;
  });
  return place(events, placed);
}

function unlessKnown(projectId: string, { sessionId, events }: PlainAppend): Prisma.Sql {
  const keys = events.flatMap(({ dedupeKey }) => dedupeKey ?? []);
  if (keys.length === 0) return Prisma.empty;
  return Prisma.sql`AND NOT EXISTS (
    SELECT FROM events e
    WHERE e.project_id = ${projectId}::uuid AND e.session_id = ${sessionId}::uuid AND e.dedupe_key = ANY (${keys}::text[]))`;
}
