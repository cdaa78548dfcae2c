// What hangs on a session does not outlive it: with its end its saved state is completed or expired, its open approvals,
// signals and handoff are cancelled.
import type { Session } from '../database/client.js';
import { encodeId } from '../domain/id.js';
import type { Transaction } from './transaction.js';

/** Settles all that hangs on a session that ends in this transaction, in one statement. */
export async function settle(tx: Transaction, ended: Session): Promise<void> {
  const { projectId, id: sessionId } = ended;
  const status = ended.endReason === 'EXPIRED' ? 'EXPIRED' : 'COMPLETED';
  const cancelled = await tx.db.$queryRaw<{ id: string }[]>`
    WITH states AS (
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
    )
    UPDATE approvals SET status = 'CANCELLED', resolved_at = now()
    WHERE project_id = ${projectId}::uuid AND session_id = ${sessionId}::uuid AND status = 'PENDING'
    RETURNING id`;
  for (const { id } of cancelled) {
    tx.record({
      type: 'APPROVAL_RESOLVED',
      session: ended,
      data: { approvalId: encodeId('Approval', id), status: 'CANCELLED', resolution: null },
    });
  }
}
