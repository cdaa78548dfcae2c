import type { Session } from '../database/client.js';
import { IllegalTransitionError } from '../domain/errors.js';
import { changeSession, type NotedChange } from './change.js';
import { moveSession } from './lifecycle.js';
import type { Caller, Store } from './store.js';

/**
 * Takes a verdict of death back, where the session has proved it wrong.
 * @throws IllegalTransitionError without a heartbeat newer than the verdict.
 */
export function reviveSession(
  store: Store,
  caller: Caller,
  input: NotedChange,
): Promise<{ session: Session; position: bigint }> {
  return changeSession(store, caller, input, async (tx, session) => {
    const { id: sessionId, state, zombieSince } = session;
    if (zombieSince) {
      const [pulse] = await tx.db.$queryRaw<{ hasProof: boolean }[]>`
        SELECT coalesce(last_heartbeat_at > ${zombieSince}, false) AS "hasProof" FROM pulses
        WHERE project_id = ${tx.projectId}::uuid AND session_id = ${sessionId}::uuid`;
      if (!pulse?.hasProof) throw new IllegalTransitionError({ from: state, to: 'WORKING', allowed: ['COMPLETED'] });
    }
    return moveSession(tx, session, 'revive', { note: input.note });
  });
}
