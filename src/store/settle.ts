// What hangs on a session does not outlive it: with its end its saved state is completed or expired, its open approvals,
// signals and handoff are cancelled.
import { Prisma, type Session } from '../database/client.js';
import { encodeId } from '../domain/id.js';
import type { EndReason } from '../domain/session.js';
import type { Transaction } from './transaction.js';

/** Parts of the statement that ends a session: they settle all that hangs on it, and `cancelled` are the ids of its approvals. */
export function settlementOf(tx: Transaction, sessionId: string, reason: EndReason): Prisma.Sql {
  const { projectId } = tx;
  const status = reason === 'EXPIRED' ? 'EXPIRED' : 'COMPLETED';
  return Prisma.sql`states AS (
      UPDATE saved_states SET status = ${status}::saved_state_status, updated_at = now()
      WHERE project_id = ${projectId}::uuid AND session_id = ${sessionId}::uuid AND status IN ('ACTIVE', 'SUSPENDED')
    ), handoff AS (
      UPDATE handoffs SET cancelled_at = now()
      WHERE project_id = ${projectId}::uuid AND from_id = ${sessionId}::uuid
        AND completed_at IS NULL AND cancelled_at IS NULL
    ), signal AS (
      UPDATE signals SET cancelled_at = now()
      WHERE project_id = ${projectId}::uuid AND session_id = ${sessionId}::uuid
        AND acknowledged_at IS NULL AND cancelled_at IS NULL
    ), cancelled AS (
      UPDATE approvals SET status = 'CANCELLED', resolved_at = now()
      WHERE project_id = ${projectId}::uuid AND session_id = ${sessionId}::uuid AND status = 'PENDING'
      RETURNING id
    )`;
}

/** Tells the log of the approvals that were cancelled with a session's end. */
export function recordCancelled(tx: Transaction, ended: Session, approvalIds: readonly string[]): void {
  for (const id of approvalIds) {
    tx.record({
      type: 'APPROVAL_RESOLVED',
      session: ended,
      data: { approvalId: encodeId('Approval', id), status: 'CANCELLED', resolution: null },
    });
  }
}
