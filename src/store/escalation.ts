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
import type { Subject } from './log.js';
import { SESSIONS, SIGNALS } from './row.js';
import { draftSignal, signalSession, type Wanted } from './signal.js';
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
  for (const step of stepsTo(level, current)) {
    recordStep(tx, escalated, step, note);
    await signalStep(tx, escalated, step);
  }
  return escalated;
}

export interface Raised {
  session: Subject & Pick<Session, 'escalationLevel' | 'spawnedById'>;
  level: number;
}

/** Whether the steps tell nobody but the session itself. */
export function isOwnMatter({ session, level }: Raised): boolean {
  return session.spawnedById === null || !stepsTo(level, session.escalationLevel).includes(TRIAGE);
}

/** The events and signals of sessions that are locked, whose levels were raised, and of whom that is an own matter. */
export async function tellRaised(tx: Transaction, raised: readonly Raised[]): Promise<void> {
  const signals = raised.flatMap(({ session, level }) =>
    stepsTo(level, session.escalationLevel).flatMap((step) => {
      recordStep(tx, session, step);
      const wanted = OWN_SIGNALS[step];
      return wanted ? [draftSignal(tx, session, wanted)] : [];
    }),
  );
  await SIGNALS.insertAll(tx.db, signals);
}

function stepsTo(level: number, current: number | null): number[] {
  const from = (current ?? 0) + 1;
  return Array.from({ length: level - from + 1 }, (_, index) => from + index);
}

function recordStep(tx: Transaction, session: Subject, level: number, note?: string | null): void {
  const data = { level, by: tx.caller.name, ...(note && { note }) };
  tx.record({ type: 'SESSION_ESCALATED', level: 'WARN', session, data });
}

const TRIAGE = 2;

/** What the session itself is told at a level. */
const OWN_SIGNALS: Readonly<Record<number, Wanted>> = {
  1: { kind: 'NUDGE', note: 'Nothing was heard from you: say that you are alive.' },
  3: { kind: 'STOP', note: 'You have been silent for too long: stop.' },
};

async function signalStep(tx: Transaction, session: Session, level: number): Promise<void> {
  const wanted = OWN_SIGNALS[level];
  if (wanted) await signalSession(tx, session, wanted);
  if (level !== TRIAGE) return;
  const ancestor = await nearestLiveAncestor(tx, session);
  if (!ancestor) return;
  const sessionId = encodeId('Session', session.id);
  const note = `The session ${sessionId} that you started has stalled: look after it.`;
  await signalSession(tx, ancestor, { kind: 'MESSAGE', note, payload: { sessionId } });
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
