// While a session is stalled its escalation level rises, one by one: 1 nudges the agent, 2 asks the session that spawned it,
// or its nearest live ancestor, to look after it, 3 tells the agent to stop. Each rise is one event and at most one signal.
import { Prisma, type Session } from '../database/client.js';
import { IllegalTransitionError } from '../domain/errors.js';
import { encodeId } from '../domain/id.js';
import { allowedFrom } from '../domain/lifecycle.js';
import { checkNote, checkRange, Issues } from '../domain/limits.js';
import { ESCALATION_LEVEL_MAX } from '../domain/liveness.js';
import { isLive } from '../domain/session.js';
import { lockOpenSession, lockSession } from './lifecycle.js';
import { SESSIONS } from './row.js';
import { signalSession } from './signal.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

export interface EscalateSessionInput {
  sessionId: string;
  level: number;
  note?: string | null;
}

/**
 * Raises the escalation level of a stalled session; a level that it has reached already changes nothing.
 * @throws IllegalTransitionError where it is not stalled.
 */
export async function escalateSession(
  store: Store,
  caller: Caller,
  { sessionId, level, note }: EscalateSessionInput,
): Promise<{ session: Session; position: bigint }> {
  const issues = new Issues();
  checkRange(issues, 'input.level', level, 0, ESCALATION_LEVEL_MAX);
  checkNote(issues, 'input.note', note);
  issues.throwIfAny();
  return transact(store, caller, async (tx) => {
    const session = await lockOpenSession(tx, sessionId);
    const { state: from } = session;
    if (from !== 'STALLED') throw new IllegalTransitionError({ from, to: 'STALLED', allowed: allowedFrom(from) });
    return { session: await escalateLocked(tx, session, level, note) };
  });
}

/** Raises the level of a locked, stalled session step by step, with the event and the signal of each step. */
export async function escalateLocked(
  tx: Transaction,
  session: Session,
  level: number,
  note?: string | null,
): Promise<Session> {
  const current = session.escalationLevel ?? 0;
  if (level <= current) return session;
  const { projectId, id } = session;
  const [escalated] = await SESSIONS.update(
    tx.db,
    { projectId, id, state: 'STALLED' },
    { escalationLevel: level, version: Prisma.sql`version + 1` },
  );
  if (!escalated) throw new Error('the update of a locked session found no row');
  for (let step = current + 1; step <= level; step++) {
    const data = { level: step, by: tx.caller.name, ...(note && { note }) };
    tx.record({ type: 'SESSION_ESCALATED', level: 'WARN', session: escalated, data });
    await signalStep(tx, escalated, step);
  }
  return escalated;
}

async function signalStep(tx: Transaction, session: Session, level: number): Promise<void> {
  if (level === 1) {
    await signalSession(tx, session, { kind: 'NUDGE', note: 'Nothing was heard from you: say that you are alive.' });
  } else if (level === 2) {
    const ancestor = await nearestLiveAncestor(tx, session);
    if (!ancestor) return;
    const sessionId = encodeId('Session', session.id);
    const note = `The session ${sessionId} that you started has stalled: look after it.`;
    await signalSession(tx, ancestor, { kind: 'MESSAGE', note, payload: { sessionId } });
  } else if (level === 3) {
    await signalSession(tx, session, { kind: 'STOP', note: 'You have been silent for too long: stop.' });
  }
}

/** Up the spawn tree, the first session that is live, locked. */
async function nearestLiveAncestor(tx: Transaction, { projectId, spawnedById }: Session): Promise<Session | null> {
  for (let id = spawnedById; id;) {
    const ancestor = await SESSIONS.find(tx.db, { projectId, id });
    if (!ancestor) return null;
    if (isLive(ancestor.state)) {
      const locked = await lockSession(tx, id);
      if (isLive(locked.state)) return locked;
    }
    id = ancestor.spawnedById;
  }
  return null;
}
