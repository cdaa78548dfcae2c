// Suspects that are held: those of many whom nobody else has locked, and to whom nothing has happened since they were found.
// Nobody is waited for, so that this is part of no deadlock, and a slow transaction holds up no verdict but its own session's.
import { Prisma } from '../database/client.js';
import type { LifecycleState } from '../domain/session.js';
import type { Evidence } from '../domain/verdict.js';
import { entering, moveEvent, TOLD } from './lifecycle.js';
import { draft, inserting, type NewEvent } from './log.js';
import { jsonColumn, unlessEmpty, uuids } from './parameter.js';
import { retrying } from './retry.js';
import type { Store } from './store.js';
import type { Found } from './suspect.js';

/** Where somebody holds what a verdict needs for longer, the next sweep judges it. Who closes a server waits no longer either. */
export const VERDICT_MAX_MS = 3_000;

export interface Move {
  session: Found;
  action: 'stall' | 'die';
  to: LifecycleState;
  evidence: Evidence;
}

/** Of sessions, as JSON: one row costs less than as many as they are. Null where there are none. */
export type Ids = [{ ids: string | null }];

export function idsOf(ids: string | null): string[] {
  return JSON.parse(ids ?? '[]') as string[];
}

export const eventOfMove = ({ session, action, to, evidence }: Move): NewEvent => ({
  ...moveEvent(session, action, { from: session.state, to }, { evidence }),
  isOwn: true,
});

/**
 * Moves suspects of one project that can be held, with their events, and answers with their ids: one statement, which
 * waits for no longer than a verdict may.
 */
export async function moveHeld(store: Store, projectId: string, moves: readonly Move[]): Promise<string[]> {
  if (moves.length === 0) return [];
  const [{ ids, position }] = await retrying(store, () =>
    store.database.writer.$transaction(
      async (db) => {
        const limited = db.$queryRaw`SELECT set_config('statement_timeout', ${`${VERDICT_MAX_MS}`}, true)`;
        // The database answers while the events are made up.
        const events = moves.map((move) => draft(projectId, eventOfMove(move)));
        await limited;
        return db.$queryRawAndCommit<[Ids[0] & { position: bigint | null }]>`
      WITH ${moveSuspects(projectId, moves)}, counted AS (
        UPDATE pulses p SET ${TOLD}, event_sequence = p.event_sequence + 1
        FROM s WHERE p.project_id = s.project_id AND p.session_id = s.id
        RETURNING p.session_id, p.event_sequence - 1 AS base, s.run_id, s.conversation_id
      ), head AS (
        UPDATE projects SET log_position = log_position + (SELECT count(*) FROM counted)
        WHERE id = ${projectId}::uuid AND EXISTS (SELECT FROM counted)
        RETURNING log_position - (SELECT count(*) FROM counted) AS base
      ), placed AS (
        ${inserting(projectId, events, OF_THE_HELD)}
      )
      SELECT json_agg(c.session_id)::text AS "ids", max(h.base) + count(*) AS "position"
      FROM counted c CROSS JOIN head h`;
      },
      { timeoutMs: VERDICT_MAX_MS },
    ),
  );
  if (position !== null) store.bus.announce(projectId, Number(position));
  return idsOf(ids);
}

/** One event of each: in the order of all, without those that are not held. */
const OF_THE_HELD = {
  position: Prisma.sql`h.base + row_number() OVER (ORDER BY i.ordinal)`,
  runId: Prisma.sql`c.run_id`,
  conversationId: Prisma.sql`c.conversation_id`,
  from: Prisma.sql`CROSS JOIN head h JOIN counted c ON c.session_id = i.session_id`,
};

/** Begins a statement: moves those that can be held, and has them as they stand then as `s`. */
export const moveSuspects = (projectId: string, moves: readonly Move[]): Prisma.Sql => Prisma.sql`
  ${holdSuspects(projectId, moves, ({ to, evidence }) => ({ next: to, evidence }))}, s AS (
    UPDATE sessions SET ${entering(Prisma.sql`h.next`, Prisma.sql`h.evidence`)} FROM held h
    WHERE sessions.project_id = ${projectId}::uuid AND sessions.id = h.id
    RETURNING sessions.*
  )`;

/**
 * Begins a statement: has those that can be held, with what is due on each, as `held`, locked with their pulses. An event of
 * theirs would have moved the sequence, and a beat their last activity. What somebody else has just committed is looked at
 * again under the lock, so that nothing that came first is overseen.
 */
export function holdSuspects<Due extends { session: Found }>(
  projectId: string,
  due: readonly Due[],
  what: (due: Due) => { next?: LifecycleState; evidence?: Evidence; level?: number },
): Prisma.Sql {
  const sessions = due.map(({ session }) => session);
  const verdicts = due.map(what);
  const evidence = verdicts.map(({ evidence }) => (evidence ? JSON.stringify(evidence) : null));
  return Prisma.sql`given AS MATERIALIZED (
      SELECT * FROM unnest(${uuids(sessions.map(({ id }) => id))},
        ${sessions.map(({ state }) => state)}::lifecycle_state[],
        ${sessions.map(({ eventSequence }) => eventSequence)}::bigint[],
        ${sessions.map(({ lastActivityAt }) => lastActivityAt.toISOString())}::timestamptz[],
        ${unlessEmpty(verdicts.map(({ next = null }) => next))}::lifecycle_state[],
        ${unlessEmpty(verdicts.map(({ level = null }) => level))}::int[], ${jsonColumn(unlessEmpty(evidence))}::jsonb[])
        AS g (id, state, sequence, active, next, level, evidence)
    ), held AS MATERIALIZED (
      SELECT g.id, g.next, g.level, g.evidence FROM given g
      JOIN sessions s ON s.project_id = ${projectId}::uuid AND s.id = g.id AND s.state = g.state
      JOIN pulses p ON p.project_id = s.project_id AND p.session_id = s.id
        AND p.event_sequence = g.sequence AND p.last_activity_at = g.active
      FOR NO KEY UPDATE OF s, p SKIP LOCKED
    )`;
}
