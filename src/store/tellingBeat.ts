// The beat that changes a state, or that the log is due to hear of: a transaction of its own, under the lock on its session.
import { Prisma, type Session } from '../database/client.js';
import { CONTEXT_STEP_PERCENT, type Sign, type Taken } from './beat.js';
import { lockOpenSession, moveSession } from './lifecycle.js';
import { SESSIONS } from './row.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

/** Takes one sign of life, with all that there may be to it. @throws NotFoundError, SessionEndedError */
export async function takeTelling(store: Store, caller: Caller, sign: Sign): Promise<Taken> {
  const {
    position: _,
    at,
    ...pulse
  } = await transact(store, caller, async (tx) => {
    const session = await lockOpenSession(tx, sign.sessionId);
    const alive = await contradictVerdict(tx, await moveSession(tx, session, 'activity'));
    const { context, epic, heartbeat, ...pulse } = await beatPulse(tx, alive, sign);
    const { contextPercent, currentEpic } = pulse;
    if (context) {
      tx.record({ type: 'CONTEXT_WINDOW_UPDATED', session: alive, data: { contextPercent } });
    }
    if (epic) {
      const { version } = alive;
      tx.record({ type: 'SESSION_UPDATED', session: alive, data: { changed: ['currentEpic'], version, currentEpic } });
    }
    if (heartbeat) {
      tx.record({ type: 'INSTANCE_HEARTBEAT', session: alive, level: 'DEBUG', data: { contextPercent, currentEpic } });
    }
    return pulse;
  });
  const beat = { sessionId: sign.sessionId, at: at.toISOString(), ...pulse };
  store.bus.tellBeats(caller.projectId, [beat]);
  return { contextPercent: beat.contextPercent, isWanted: true };
}

/**
 * An observer saw no process. It is no sign of life of the session: its pulse stays as it was.
 * @throws NotFoundError, SessionEndedError, IllegalTransitionError
 */
export async function takeEvidence(store: Store, caller: Caller, sessionId: string): Promise<Taken> {
  await transact(store, caller, async (tx) => {
    const session = await lockOpenSession(tx, sessionId);
    return moveSession(tx, session, 'die', { evidence: { processAlive: false, reportedBy: caller.name } });
  });
  return { contextPercent: null, isWanted: true };
}

/** A beat of a zombie revives nothing: somebody has to look. Recorded once per verdict. */
async function contradictVerdict(tx: Transaction, session: Session): Promise<Session> {
  const evidence = (session.evidence ?? {}) as Record<string, unknown>;
  if (session.state !== 'ZOMBIE' || evidence.contradictedAt) return session;
  const [contradicted] = await SESSIONS.update(
    tx.db,
    { projectId: session.projectId, id: session.id },
    { evidence: { ...evidence, contradictedAt: tx.now.toISOString() }, version: Prisma.sql`version + 1` },
  );
  if (!contradicted) throw new Error('the update of a locked session found no row');
  tx.record({
    type: 'SESSION_CONTRADICTION',
    level: 'WARN',
    session: contradicted,
    data: { advice: 'investigate', by: tx.caller.name },
  });
  return contradicted;
}

interface Due {
  context: boolean;
  epic: boolean;
  heartbeat: boolean;
  at: Date;
  contextPercent: number | null;
  currentEpic: string | null;
  activity: string | null;
}

/** Writes the beat, and says what of it the log is due to hear: the statement that asks also notes that it was told. */
async function beatPulse(tx: Transaction, session: Session, sign: Sign): Promise<Due> {
  const { contextPercent, currentEpic, activity } = sign;
  const [due] = await tx.db.$queryRaw<Due[]>`
    UPDATE pulses p SET last_heartbeat_at = now(), last_activity_at = now(), watched = true,
      quiet = ${session.kind} <> 'SUPERVISOR', context_percent = coalesce(${contextPercent}::float8, p.context_percent),
      current_epic = coalesce(${currentEpic}, p.current_epic), activity = coalesce(${activity}, p.activity),
      recorded_context = CASE WHEN o.context THEN ${contextPercent}::float8 ELSE p.recorded_context END,
      heartbeat_recorded_at = CASE WHEN o.heartbeat THEN now() ELSE p.heartbeat_recorded_at END
    FROM (
      SELECT coalesce(abs(${contextPercent}::float8 - coalesce(recorded_context, -100)) >= ${CONTEXT_STEP_PERCENT}, false)
          AS context,
        ${currentEpic}::text IS NOT NULL AND ${currentEpic} IS DISTINCT FROM current_epic AS epic,
        ${session.kind} = 'SUPERVISOR' AND coalesce(heartbeat_recorded_at <= now() - interval '1 minute', true)
          AS heartbeat
      FROM pulses WHERE project_id = ${tx.projectId}::uuid AND session_id = ${session.id}::uuid FOR NO KEY UPDATE
    ) o
    WHERE p.project_id = ${tx.projectId}::uuid AND p.session_id = ${session.id}::uuid
    RETURNING o.context, o.epic, o.heartbeat, p.last_heartbeat_at AS "at", p.context_percent AS "contextPercent",
      p.current_epic AS "currentEpic", p.activity`;
  if (!due) throw new Error('a session has no pulse');
  return due;
}
