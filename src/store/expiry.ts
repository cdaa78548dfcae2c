// What has a time ends when it has passed, whether or not anybody asks: open questions, saved states, idempotency keys.
// Each one goes by compare-and-set in a transaction of its own, so any number of servers may sweep at once.
import { encodeId } from '../domain/id.js';
import { KEPT_MS } from './idempotency.js';
import { endLocked, lockSession } from './lifecycle.js';
import { serviceIn, type Store } from './store.js';
import { transact } from './transaction.js';

// So many of a kind in one sweep: the next one goes on where it stopped.
const AT_ONCE = 500;

interface Due {
  projectId: string;
  id: string;
  sessionId: string;
}

/** Closes the questions whose time has passed. Answers with how many. */
export async function expireApprovals(store: Store): Promise<number> {
  const due = await store.database.prisma.$queryRaw<Due[]>`
    SELECT project_id AS "projectId", id, session_id AS "sessionId" FROM approvals
    WHERE status = 'PENDING' AND expires_at <= now() ORDER BY expires_at LIMIT ${AT_ONCE}`;
  for (const { projectId, id, sessionId } of due) {
    await transact(store, serviceIn(projectId), async (tx) => {
      const session = await lockSession(tx, sessionId);
      const count = await tx.db.$executeRaw`
        UPDATE approvals SET status = 'EXPIRED', resolved_at = ${tx.now}
        WHERE project_id = ${projectId}::uuid AND id = ${id}::uuid AND status = 'PENDING'`;
      const data = { approvalId: encodeId('Approval', id), status: 'EXPIRED', resolution: null };
      if (count > 0) tx.record({ type: 'APPROVAL_RESOLVED', session, data });
      return {};
    });
  }
  return due.length;
}

/** Expires the saved states whose time has passed, and ends the session of a suspended one. Answers with how many. */
export async function expireSavedStates(store: Store): Promise<number> {
  const due = await store.database.prisma.$queryRaw<Due[]>`
    SELECT project_id AS "projectId", id, session_id AS "sessionId" FROM saved_states
    WHERE status IN ('ACTIVE', 'SUSPENDED') AND expires_at <= now() ORDER BY expires_at LIMIT ${AT_ONCE}`;
  for (const { projectId, id, sessionId } of due) {
    const caller = serviceIn(projectId);
    await transact(store, caller, async (tx) => {
      const session = await lockSession(tx, sessionId);
      // Read again under the lock: a save may have come in time. By the clock that found it due, of which ours is an estimate.
      const expired = await tx.db.$executeRaw`
        UPDATE saved_states SET status = 'EXPIRED', updated_at = now()
        WHERE project_id = ${projectId}::uuid AND id = ${id}::uuid AND status IN ('ACTIVE', 'SUSPENDED')
          AND expires_at <= now()`;
      if (expired > 0 && session.state === 'SUSPENDED') {
        await endLocked(tx, session, { reason: 'EXPIRED', outcome: 'UNKNOWN', by: caller.name });
      }
      return {};
    });
  }
  return due.length;
}

/** Forgets the idempotency keys that are no longer answered for. Answers with how many. */
export async function forgetKeys(store: Store): Promise<number> {
  const before = new Date(store.now().getTime() - KEPT_MS);
  return store.database.writer.$executeRaw`DELETE FROM idempotency_keys WHERE created_at < ${before}`;
}
