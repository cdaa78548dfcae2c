import type { Session } from '../database/client.js';
import { IllegalTransitionError } from '../domain/errors.js';
import { checkNote, Issues } from '../domain/limits.js';
import { lockOpenSession, moveSession } from './lifecycle.js';
import type { Caller, Store } from './store.js';
import { transact } from './transaction.js';

export interface ReviveSessionInput {
  sessionId: string;
  note?: string | null;
}

/**
 * Takes a verdict of death back, where the session has proved it wrong.
 * @throws IllegalTransitionError without a heartbeat newer than the verdict.
 */
export async function reviveSession(
  store: Store,
  caller: Caller,
  { sessionId, note }: ReviveSessionInput,
): Promise<{ session: Session; position: bigint }> {
  const issues = new Issues();
  checkNote(issues, 'input.note', note);
  issues.throwIfAny();
  return transact(store, caller, async (tx) => {
    const session = await lockOpenSession(tx, sessionId);
    const { state, zombieSince } = session;
    if (zombieSince) {
      const pulse = await tx.db.pulse.findUniqueOrThrow({
        where: { projectId_sessionId: { projectId: tx.projectId, sessionId } },
        select: { lastHeartbeatAt: true },
      });
      const hasProof = pulse.lastHeartbeatAt !== null && pulse.lastHeartbeatAt > zombieSince;
      if (!hasProof) throw new IllegalTransitionError({ from: state, to: 'WORKING', allowed: ['COMPLETED'] });
    }
    return { session: await moveSession(tx, session, 'revive', { note }) };
  });
}
