// The plain beat, which changes nothing but the pulse and which the log need not know of: very many in one statement.
import type { Beat, Bus } from '../bus/bus.js';
import { Prisma, type Database } from '../database/client.js';
import { unavailable } from './conflict.js';
import { unlessEmpty, uuids } from './parameter.js';

/** What a sign of life says: null is what it does not mention. */
export interface Sign {
  projectId: string;
  sessionId: string;
  contextPercent: number | null;
  currentEpic: string | null;
  activity: string | null;
}

/** What a heartbeat that was taken is answered by. */
export interface Taken {
  /** As the pulse has it then; null too where the heartbeat is evidence of death. */
  contextPercent: number | null;
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
  const column = (field: keyof Sign) => unlessEmpty(signs.map((sign) => sign[field]));
  const sessionIds = uuids(signs.map(({ sessionId }) => sessionId));
  const first = signs[0]?.projectId;
  // Mostly all are of one project, which is then said once.
  const projectIds = signs.every(({ projectId }) => projectId === first)
    ? Prisma.sql`array_fill(${first}::uuid, ARRAY[${signs.length}::int])`
    : Prisma.sql`${column('projectId')}::uuid[]`;
  // Rows that somebody else has locked are left out, since a statement that never waits is part of no deadlock, and one slow
  // transaction holds up no beats but its own session's. What it may lock is judged as it stands then, not as it was when
  // the statement began: a verdict that was given meanwhile is seen. Its place on the page leads to a row sooner than its key
  // does, but not to one that was changed since the statement began: that is seldom, and its sign goes alone. The answers
  // are one row, which costs a fraction of many, and say only what the signs do not.
  const [answer] = await database.writer.$queryRaw<[Answer]>`
    WITH beaten AS (
      UPDATE pulses p SET last_heartbeat_at = now(), last_activity_at = now(), watched = true,
        context_percent = coalesce(i.context, p.context_percent),
        current_epic = coalesce(i.epic, p.current_epic), activity = coalesce(i.activity, p.activity)
      FROM (
        SELECT i.*, p.ctid AS place
        FROM unnest(${projectIds}, ${sessionIds},
          ${column('contextPercent')}::float8[], ${column('currentEpic')}::text[], ${column('activity')}::text[])
          WITH ORDINALITY AS i (project_id, session_id, context, epic, activity, ordinal)
        JOIN pulses p ON p.project_id = i.project_id AND p.session_id = i.session_id
        WHERE p.steady AND (p.quiet OR p.heartbeat_recorded_at > now() - interval '1 minute')
          AND coalesce(abs(i.context - coalesce(p.recorded_context, -100)) < ${CONTEXT_STEP_PERCENT}, true)
          AND (i.epic IS NULL OR i.epic IS NOT DISTINCT FROM p.current_epic)
        FOR NO KEY UPDATE OF p SKIP LOCKED
      ) i
      WHERE p.ctid = i.place AND p.project_id = i.project_id AND p.session_id = i.session_id
      RETURNING i.ordinal, CASE WHEN i.context IS NULL THEN p.context_percent END AS context,
        CASE WHEN i.epic IS NULL THEN p.current_epic END AS epic, CASE WHEN i.activity IS NULL THEN p.activity END AS activity
    )
    SELECT now()::timestamptz(3) AS "at", json_agg(ordinal)::text AS "taken",
      (json_agg(json_build_array(ordinal, context, epic, activity))
        FILTER (WHERE num_nonnulls(context, epic, activity) > 0))::text AS "kept",
      (SELECT json_agg(DISTINCT w.session_id)::text FROM signals w
        JOIN unnest(${projectIds}, ${sessionIds}) AS i (project_id, session_id)
          ON w.project_id = i.project_id AND w.session_id = i.session_id
        WHERE w.acknowledged_at IS NULL AND w.cancelled_at IS NULL) AS "wanted"
    FROM beaten`.catch((error: unknown) => {
    throw unavailable(error) ?? error;
  });
  const at = answer.at.toISOString();
  const kept = new Map((JSON.parse(answer.kept ?? '[]') as Kept[]).map((each) => [each[0], each]));
  const wanted = new Set(JSON.parse(answer.wanted ?? '[]') as string[]);
  const taken = new Array<Taken | null>(signs.length).fill(null);
  const told = new Map<string, Beat[]>();
  for (const ordinal of JSON.parse(answer.taken ?? '[]') as number[]) {
    const sign = signs[ordinal - 1];
    if (!sign) throw new Error('a beat was taken that nobody gave');
    const { projectId, sessionId } = sign;
    const [, context, epic, activity] = kept.get(ordinal) ?? NOTHING_KEPT;
    const beat = {
      sessionId,
      at,
      contextPercent: sign.contextPercent ?? context,
      currentEpic: sign.currentEpic ?? epic,
      activity: sign.activity ?? activity,
    };
    taken[ordinal - 1] = { contextPercent: beat.contextPercent, isWanted: wanted.has(sessionId) };
    const beats = told.get(projectId);
    if (beats) beats.push(beat);
    else told.set(projectId, [beat]);
  }
  for (const [projectId, beats] of told) bus.tellBeats(projectId, beats);
  return taken;
}

interface Answer {
  at: Date;
  /** The ordinals of the signs that were taken, from 1 on. */
  taken: string | null;
  /** What is known and the sign did not mention. */
  kept: string | null;
  /** The sessions of whom something may be wanted. */
  wanted: string | null;
}

type Kept = readonly [
  ordinal: number,
  contextPercent: number | null,
  currentEpic: string | null,
  activity: string | null,
];
const NOTHING_KEPT: Kept = [0, null, null, null];
