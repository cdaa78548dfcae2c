// Heartbeats outnumber all other writes. One that changes nothing but the pulse is a single statement without a
// transaction; only one that has something to tell the log goes the long way, under the lock on its session.
import type { Session, Signal } from '../database/client.js';
import { checkRange, checkTitle, Issues } from '../domain/limits.js';
import { recommend, type RecommendedAction } from '../domain/signal.js';
import { lockOpenSession, moveSession } from './lifecycle.js';
import { redactedText } from './redacted.js';
import { SESSION_COLUMNS } from './row.js';
import { pendingSignals } from './signal.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

export interface HeartbeatInput {
  sessionId: string;
  contextPercent?: number | null;
  currentEpic?: string | null;
  activity?: string | null;
  processAlive?: boolean | null;
}

/** The log tells of the context where it has moved by so much since it last told. */
const CONTEXT_STEP_PERCENT = 5;

/**
 * Takes one sign of life, or, where `processAlive` is false, evidence of death, and answers with what is wanted of the
 * session. Absent fields keep what is known.
 * @throws SessionEndedError
 */
export async function heartbeat(
  store: Store,
  caller: Caller,
  input: HeartbeatInput,
): Promise<{ session: Session; recommendedAction: RecommendedAction; signals: Signal[] }> {
  const issues = new Issues();
  checkRange(issues, 'input.contextPercent', input.contextPercent, 0, 100);
  checkTitle(issues, 'input.currentEpic', input.currentEpic);
  checkTitle(issues, 'input.activity', input.activity);
  issues.throwIfAny();
  const { currentEpic, activity } = input;
  const said = { ...input, currentEpic: redactedText(currentEpic), activity: redactedText(activity) };
  const beat = (await plainBeat(store, caller, said)) ?? (await tellingBeat(store, caller, said));
  const { session, contextPercent, isWanted } = beat;
  const signals = isWanted ? await pendingSignals(store.database.prisma, caller.projectId, input.sessionId) : [];
  const kinds = signals.map(({ kind }) => kind);
  return { session, recommendedAction: recommend(kinds, contextPercent), signals };
}

interface Beat {
  session: Session;
  contextPercent: number | null;
  /** Whether signals may be pending: seldom, and only then is it worth another statement. */
  isWanted: boolean;
}

/** The beat that the log need not know of; null where there may be more to it. */
async function plainBeat({ database }: Store, { projectId }: Caller, input: HeartbeatInput): Promise<Beat | null> {
  if (input.processAlive === false) return null;
  const { sessionId, contextPercent = null, currentEpic = null, activity = null } = input;
  const [row] = await database.prisma.$queryRaw<(Session & Omit<Beat, 'session'>)[]>`
    UPDATE pulses p SET last_heartbeat_at = now(), last_activity_at = now(), watched = true,
      context_percent = coalesce(${contextPercent}::float8, p.context_percent),
      current_epic = coalesce(${currentEpic}, p.current_epic), activity = coalesce(${activity}, p.activity)
    FROM sessions s
    WHERE p.project_id = ${projectId}::uuid AND p.session_id = ${sessionId}::uuid
      AND s.project_id = p.project_id AND s.id = p.session_id AND p.steady
      AND (s.kind <> 'SUPERVISOR' OR p.heartbeat_recorded_at > now() - interval '1 minute')
      AND coalesce(abs(${contextPercent}::float8 - coalesce(p.recorded_context, -100)) < ${CONTEXT_STEP_PERCENT}, true)
      AND (${currentEpic}::text IS NULL OR ${currentEpic} IS NOT DISTINCT FROM p.current_epic)
    RETURNING ${SESSION_COLUMNS}, p.context_percent AS "contextPercent", EXISTS (
      SELECT FROM signals w WHERE w.project_id = s.project_id AND w.session_id = s.id
        AND w.acknowledged_at IS NULL AND w.cancelled_at IS NULL) AS "isWanted"`;
  if (!row) return null;
  const { contextPercent: context, isWanted, ...session } = row;
  return { session, contextPercent: context, isWanted };
}

/** The beat that changes a state, or that the log is due to hear of. */
async function tellingBeat(store: Store, caller: Caller, input: HeartbeatInput): Promise<Beat> {
  return transact(store, caller, async (tx) => {
    const session = await lockOpenSession(tx, input.sessionId);
    if (input.processAlive === false) {
      return { session: await condemn(tx, session), contextPercent: null, isWanted: true };
    }

    const alive = await contradictVerdict(tx, await moveSession(tx, session, 'activity'));
    const due = await beatPulse(tx, alive, input);
    const { contextPercent, currentEpic } = due;
    if (due.context) {
      tx.record({ type: 'CONTEXT_WINDOW_UPDATED', session: alive, data: { contextPercent } });
    }
    if (due.epic) {
      const { version } = alive;
      tx.record({ type: 'SESSION_UPDATED', session: alive, data: { changed: ['currentEpic'], version, currentEpic } });
    }
    if (due.heartbeat) {
      tx.record({ type: 'INSTANCE_HEARTBEAT', session: alive, level: 'DEBUG', data: { contextPercent, currentEpic } });
    }
    return { session: alive, contextPercent, isWanted: true };
  });
}

/** An observer saw no process. It is no sign of life of the session: its pulse stays as it was. */
function condemn(tx: Transaction, session: Session): Promise<Session> {
  return moveSession(tx, session, 'die', { evidence: { processAlive: false, reportedBy: tx.caller.name } });
}

/** A beat of a zombie revives nothing: somebody has to look. Recorded once per verdict. */
async function contradictVerdict(tx: Transaction, session: Session): Promise<Session> {
  const evidence = (session.evidence ?? {}) as Record<string, unknown>;
  if (session.state !== 'ZOMBIE' || evidence.contradictedAt) return session;
  const [contradicted] = await tx.db.session.updateManyAndReturn({
    where: { projectId: session.projectId, id: session.id },
    data: {
      evidence: { ...evidence, contradictedAt: tx.now.toISOString() },
      version: { increment: 1 },
    },
  });
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
  contextPercent: number | null;
  currentEpic: string | null;
}

/** Writes the beat, and says what of it the log is due to hear: the statement that asks also notes that it was told. */
async function beatPulse(tx: Transaction, session: Session, input: HeartbeatInput): Promise<Due> {
  const { contextPercent = null, currentEpic = null, activity = null } = input;
  const [due] = await tx.db.$queryRaw<Due[]>`
    UPDATE pulses p SET last_heartbeat_at = now(), last_activity_at = now(), watched = true,
      context_percent = coalesce(${contextPercent}::float8, p.context_percent),
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
    RETURNING o.context, o.epic, o.heartbeat, p.context_percent AS "contextPercent", p.current_epic AS "currentEpic"`;
  if (!due) throw new Error('a session has no pulse');
  return due;
}
