// The plain beat, which changes nothing but the pulse and which the log need not know of: very many in one statement.
import type { Beat, Bus } from '../bus/bus.js';
import type { Database } from '../database/client.js';
import { unavailable } from './conflict.js';

/** What a sign of life says: null is what it does not mention. */
export interface Sign {
  projectId: string;
  sessionId: string;
  contextPercent: number | null;
  currentEpic: string | null;
  activity: string | null;
}

/** A beat that was taken: the pulse as it stands then. */
export interface Taken extends Beat {
  /** Whether signals may be pending: seldom, and only then is it worth another statement. */
  isWanted: boolean;
}

/** The log tells of the context where it has moved by so much since it last told. */
export const CONTEXT_STEP_PERCENT = 5;

/** What two signs of one session come to: the later one, and what only the earlier one mentions. */
export function foldSigns(earlier: Sign, later: Sign): Sign {
  return {
    ...later,
    contextPercent: later.contextPercent ?? earlier.contextPercent,
    currentEpic: later.currentEpic ?? earlier.currentEpic,
    activity: later.activity ?? earlier.activity,
  };
}

/**
 * Takes signs of life, at most one of a session, whatever their projects, and tells the bus of them: null for each that there
 * may be more to.
 * @throws UnavailableError
 */
export async function takePlain(
  { database, bus }: { database: Database; bus: Bus },
  signs: readonly Sign[],
): Promise<(Taken | null)[]> {
  const column = <Field extends keyof Sign>(field: Field) => signs.map((sign) => sign[field]);
  // Rows that somebody else has locked are left out, since a statement that never waits is part of no deadlock, and one slow
  // transaction holds up no beats but its own session's. What it may lock is judged as it stands then, not as it was when
  // the statement began: a verdict that was given meanwhile is seen. The answers are one row, which costs a fraction of many.
  const [answer] = await database.writer.$queryRaw<[{ at: Date; rows: string | null; wanted: string | null }]>`
    WITH said AS MATERIALIZED (
      SELECT * FROM unnest(${column('projectId')}::uuid[], ${column('sessionId')}::uuid[],
        ${column('contextPercent')}::float8[], ${column('currentEpic')}::text[], ${column('activity')}::text[])
        WITH ORDINALITY AS i (project_id, session_id, context, epic, activity, ordinal)
    ), free AS MATERIALIZED (
      SELECT i.* FROM said i JOIN pulses p ON p.project_id = i.project_id AND p.session_id = i.session_id
      FOR NO KEY UPDATE OF p SKIP LOCKED
    ), beaten AS (
      UPDATE pulses p SET last_heartbeat_at = now(), last_activity_at = now(), watched = true,
        context_percent = coalesce(i.context, p.context_percent),
        current_epic = coalesce(i.epic, p.current_epic), activity = coalesce(i.activity, p.activity)
      FROM free i, sessions s
      WHERE p.project_id = i.project_id AND p.session_id = i.session_id
        AND s.project_id = p.project_id AND s.id = p.session_id AND p.steady
        AND (s.kind <> 'SUPERVISOR' OR p.heartbeat_recorded_at > now() - interval '1 minute')
        AND coalesce(abs(i.context - coalesce(p.recorded_context, -100)) < ${CONTEXT_STEP_PERCENT}, true)
        AND (i.epic IS NULL OR i.epic IS NOT DISTINCT FROM p.current_epic)
      RETURNING i.ordinal, p.context_percent, p.current_epic, p.activity
    )
    SELECT now()::timestamptz(3) AS "at",
      (SELECT json_agg(json_build_array(ordinal, context_percent, current_epic, activity))::text FROM beaten) AS "rows",
      (SELECT json_agg(DISTINCT w.session_id)::text FROM said i JOIN signals w
        ON w.project_id = i.project_id AND w.session_id = i.session_id
        AND w.acknowledged_at IS NULL AND w.cancelled_at IS NULL) AS "wanted"`.catch((error: unknown) => {
    throw unavailable(error) ?? error;
  });
  const at = answer.at.toISOString();
  const found = new Map((JSON.parse(answer.rows ?? '[]') as Row[]).map(([ordinal, ...row]) => [ordinal, row]));
  const wanted = new Set(JSON.parse(answer.wanted ?? '[]') as string[]);
  const told = new Map<string, Beat[]>();
  const taken = signs.map(({ projectId, sessionId }, index) => {
    const row = found.get(index + 1);
    if (!row) return null;
    const [contextPercent, currentEpic, activity] = row;
    const beat = { sessionId, at, contextPercent, currentEpic, activity };
    const beats = told.get(projectId);
    if (beats) beats.push(beat);
    else told.set(projectId, [beat]);
    return { ...beat, isWanted: wanted.has(sessionId) };
  });
  for (const [projectId, beats] of told) bus.tellBeats(projectId, beats);
  return taken;
}

type Row = [ordinal: number, contextPercent: number | null, currentEpic: string | null, activity: string | null];
