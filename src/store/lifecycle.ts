// The one place where a session changes its state: under the lock on its row, by compare-and-set, with exactly one event
// in the same transaction.
import { Prisma, type Session } from '../database/client.js';
import { NotFoundError, SessionEndedError } from '../domain/errors.js';
import { encodeId } from '../domain/id.js';
import { eventOf, nextState, type LifecycleAction } from '../domain/lifecycle.js';
import type { EndReason, LifecycleState, Outcome } from '../domain/session.js';
import { RetryTransaction } from './conflict.js';
import type { NewEvent, Subject } from './log.js';
import { SESSION_COLUMNS, SESSIONS } from './row.js';
import { settleRun } from './run.js';
import { recordCancelled, settlementOf } from './settle.js';
import type { Transaction } from './transaction.js';

/** The session, locked against every other writer of it until the transaction ends. */
export async function lockSession(tx: Transaction, id: string): Promise<Session> {
  const [session] = await tx.db.$queryRaw<Session[]>`
    SELECT ${SESSION_COLUMNS} FROM sessions s
    WHERE s.project_id = ${tx.projectId}::uuid AND s.id = ${id}::uuid FOR NO KEY UPDATE`;
  if (!session) throw new NotFoundError({ kind: 'Session', ref: encodeId('Session', id) });
  return session;
}

/** The session, locked and open. @throws SessionEndedError, which also records the late write. */
export async function lockOpenSession(tx: Transaction, id: string): Promise<Session> {
  const session = await lockSession(tx, id);
  await refuseEnded(tx, session);
  return session;
}

/** @throws SessionEndedError with the session's successor, where it has ended. */
export async function refuseEnded(tx: Transaction, session: Session): Promise<void> {
  const { id: sessionId, endedAt, endReason } = session;
  if (!endedAt || !endReason) return;
  throw new SessionEndedError({ sessionId, endedAt, endReason, successorId: await successorOf(tx, session) });
}

/** The session that continues the chain of this one; a fork does not. */
export async function successorOf(tx: Transaction, { projectId, id }: Session): Promise<string | null> {
  const [successor] = await tx.db.$queryRaw<{ id: string }[]>`
    SELECT s.id FROM sessions s
    WHERE s.project_id = ${projectId}::uuid AND s.parent_id = ${id}::uuid AND s.start_reason <> 'FORKED'
    ORDER BY s.ordinal LIMIT 1`;
  return successor?.id ?? null;
}

/** What a move may change of a row that is known, since it is locked. */
const MOVED = [
  'state',
  'stateChangedAt',
  'version',
  'stalledSince',
  'zombieSince',
  'escalationLevel',
  'evidence',
  'endedAt',
  'endReason',
  'outcome',
  'endedBy',
  'endNote',
] as const;
const MOVED_COLUMNS = SESSIONS.columns('s', MOVED);

/** Why a session ended, or what a verdict rests on: each belongs to the action that it explains. */
export interface MoveFacts {
  end?: EndFacts;
  evidence?: object;
  note?: string | null | undefined;
}

export interface EndFacts {
  reason: EndReason;
  outcome: Outcome;
  by?: string | null | undefined;
  note?: string | null | undefined;
  /** When it ended, as the caller says; the database's now where absent. */
  occurredAt?: Date | null | undefined;
}

/** What an update of sessions sets where they enter a state: what is not of the new state is cleared with the old one. */
export const entering = (to: Prisma.Sql, evidence: Prisma.Sql): Prisma.Sql => Prisma.sql`
  state = ${to}, state_changed_at = now(), version = version + 1,
  stalled_since = CASE WHEN ${to} = 'STALLED' THEN now() END,
  zombie_since = CASE WHEN ${to} = 'ZOMBIE' THEN now() END,
  escalation_level = CASE WHEN ${to} = 'STALLED' THEN 0 END,
  evidence = ${evidence}`;

/**
 * What a pulse `p` is told where its session `s` has moved, in the same statement: a beat that waits for it, and the watchdog
 * while the silence is short, look at nothing else.
 */
export const TOLD = Prisma.sql`steady = s.state IN ('WORKING', 'SUSPENDED'),
        look_after_seconds = CASE WHEN s.state IN ('BOOTING', 'WORKING', 'STALLED')
          THEN least(s.stall_after_seconds, s.zombie_after_seconds) END`;

/** The event that tells of a move. */
export function moveEvent(
  session: Subject,
  action: LifecycleAction,
  { from, to }: { from: LifecycleState; to: LifecycleState },
  { end, evidence, note }: MoveFacts = {},
): NewEvent {
  return {
    type: eventOf(action, from),
    level: to === 'ZOMBIE' || to === 'STALLED' ? 'WARN' : 'INFO',
    session,
    occurredAt: end?.occurredAt ?? null,
    data: {
      from,
      to,
      ...(end && { reason: end.reason, outcome: end.outcome, by: end.by ?? null, note: end.note ?? null }),
      ...(evidence && { evidence }),
      ...(note && { note }),
    },
  };
}

/**
 * Does to a locked, open session what the action asks, with its event. Answers with the session as it stands then: the
 * same row where the action changes nothing.
 * @throws IllegalTransitionError where the action is not lawful from its state.
 */
export async function moveSession(
  tx: Transaction,
  session: Session,
  action: LifecycleAction,
  { end, evidence, note }: MoveFacts = {},
): Promise<Session> {
  const from = session.state;
  const next = nextState(from, action);
  if (typeof next === 'string') return session;
  const { to } = next;
  const state = Prisma.sql`${to}::lifecycle_state`;
  const settlement = end && settlementOf(tx, session.id, end.reason);
  const [change] = await tx.db.$queryRaw<(Pick<Session, (typeof MOVED)[number]> & { cancelled?: string[] })[]>`
    WITH s AS (
      UPDATE sessions SET
        ${entering(state, Prisma.sql`${evidence ? JSON.stringify(evidence) : null}::jsonb`)},
        ended_at = CASE WHEN ${to} = 'COMPLETED' THEN
          greatest(least(coalesce(${end?.occurredAt ?? null}::timestamptz, now()), now()), started_at) END,
        end_reason = ${end?.reason ?? null}::end_reason, outcome = ${end?.outcome ?? null}::outcome,
        ended_by = ${end?.by ?? null}, end_note = ${end?.note ?? null}
      WHERE project_id = ${tx.projectId}::uuid AND id = ${session.id}::uuid AND state = ${from}::lifecycle_state
      RETURNING *
    ), pulse AS (
      UPDATE pulses p SET ${TOLD} FROM s WHERE p.project_id = s.project_id AND p.session_id = s.id
    )${settlement ? Prisma.sql`, ${settlement}` : Prisma.empty}
    SELECT ${MOVED_COLUMNS}${end ? Prisma.sql`, ARRAY(SELECT id FROM cancelled) AS "cancelled"` : Prisma.empty} FROM s`;
  if (!change) throw new RetryTransaction();
  const { cancelled = [], ...facts } = change;
  const moved = { ...session, ...facts };
  tx.record(moveEvent(moved, action, { from, to }, { end, evidence, note }));
  if (to === 'COMPLETED' || to === 'ZOMBIE') await settleRun(tx, moved);
  recordCancelled(tx, moved, cancelled);
  return moved;
}

/** Ends a locked, open session and settles all that hangs on it. */
export function endLocked(tx: Transaction, session: Session, end: EndFacts): Promise<Session> {
  return moveSession(tx, session, 'end', { end });
}
