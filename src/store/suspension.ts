import type { Session } from '../database/client.js';
import { NotResumableError } from '../domain/errors.js';
import { changeSession, type NotedChange } from './change.js';
import { lockOpenSession, moveSession } from './lifecycle.js';
import { openStateOf } from './savedState.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

/** Puts a live session to sleep, and its saved state with it. @throws IllegalTransitionError */
export function suspendSession(
  store: Store,
  caller: Caller,
  input: NotedChange,
): Promise<{ session: Session; position: bigint }> {
  return changeSession(store, caller, input, async (tx, session) => {
    const suspended = await moveSession(tx, session, 'suspend', { note: input.note });
    if (suspended !== session) await markState(tx, session.id, 'ACTIVE', 'SUSPENDED');
    return suspended;
  });
}

/**
 * Wakes a suspended session; of two callers one wins.
 * @throws NotResumableError where it is not suspended, or its saved state has expired.
 */
export async function resumeSession(
  store: Store,
  caller: Caller,
  { sessionId }: { sessionId: string },
): Promise<{ session: Session; position: bigint }> {
  return transact(store, caller, async (tx) => {
    const session = await lockOpenSession(tx, sessionId);
    const { state } = session;
    if (state !== 'SUSPENDED') throw new NotResumableError({ sessionId, state, reason: `it is ${state}` });
    const saved = await openStateOf(tx, sessionId);
    if (saved?.expiresAt && saved.expiresAt <= tx.now) {
      const reason = `its saved state expired at ${saved.expiresAt.toISOString()}`;
      throw new NotResumableError({ sessionId, state, reason });
    }
    tx.showLife(sessionId);
    const resumed = await moveSession(tx, session, 'resume');
    await markState(tx, sessionId, 'SUSPENDED', 'ACTIVE');
    return { session: resumed };
  });
}

async function markState(
  tx: Transaction,
  sessionId: string,
  from: 'ACTIVE' | 'SUSPENDED',
  to: 'ACTIVE' | 'SUSPENDED',
): Promise<void> {
  await tx.db.$executeRaw`
    UPDATE saved_states SET status = ${to}::saved_state_status, updated_at = ${tx.now}
    WHERE project_id = ${tx.projectId}::uuid AND session_id = ${sessionId}::uuid
      AND status = ${from}::saved_state_status`;
}
