import type { Checkpoint, Session } from '../database/client.js';
import { checkKey, checkName, Issues } from '../domain/limits.js';
import { RetryTransaction } from './conflict.js';
import { readCheckpoint } from './checkpoint.js';
import { recordLoaded } from './handoff.js';
import { transactOnce, type Once } from './idempotency.js';
import { endLocked, lockSession } from './lifecycle.js';
import { lockConversation, lockHolders, lockLine, lockName, newestAt, type Place } from './place.js';
import { readSession } from './session.js';
import type { Caller, Store } from './store.js';
import { checkNext, startSuccessor, type NextSession } from './successor.js';
import type { Transaction } from './transaction.js';

export interface RestoreCheckpointInput {
  idempotencyKey?: string | null;
  checkpointId: string;
  fork: boolean;
  agentName?: string | null;
  next?: NextSession | null;
}

/**
 * Begins a session from a checkpoint. Without `fork` it is the next of the chain at the place of the checkpoint's session:
 * whatever is open there ends (RESTORED). With it, it is another child of that session and stands at a place of its own.
 * @throws SessionAlreadyOpenError where `agentName` is held by another.
 */
export async function restoreCheckpoint(
  store: Store,
  caller: Caller,
  input: RestoreCheckpointInput,
): Promise<Once<{ session: Session; checkpoint: Checkpoint }>> {
  const issues = new Issues();
  checkKey(issues, 'input.idempotencyKey', input.idempotencyKey);
  checkName(issues, 'input.agentName', input.agentName);
  checkNext(issues, 'input.next', input.next);
  issues.throwIfAny();
  const request = { mutation: 'restoreCheckpoint', input, rows: { session: readSession, checkpoint: readCheckpoint } };
  return transactOnce(store, caller, request, async (tx) => {
    const { fork, agentName, next } = input;
    const checkpoint = await readCheckpoint(tx.db, tx.projectId, input.checkpointId);
    const origin = await readSession(tx.db, tx.projectId, checkpoint.sessionId);
    const session = fork
      ? await startSuccessor(tx, await lockSession(tx, origin.id), {
          startReason: 'FORKED',
          next,
          place: { conversationId: null, agentName: agentName ?? null },
        })
      : await startSuccessor(tx, await endPlace(tx, origin), {
          startReason: 'RESTORED',
          next,
          ...(agentName != null && { place: { conversationId: origin.conversationId, agentName } }),
        });
    recordLoaded(tx, session, checkpoint.id);
    return { session, checkpoint };
  });
}

/** The newest session at the place of this one or in its line; whatever is open there is ended. */
async function endPlace(tx: Transaction, origin: Session): Promise<Session> {
  const place = await lockPlaceOf(tx, origin);
  for (const open of await lockHolders(tx, place)) {
    await endLocked(tx, open, { reason: 'RESTORED', outcome: 'UNKNOWN', by: tx.caller.name });
  }
  const newest = await newestAt(tx, place);
  if (!newest?.endedAt) throw new RetryTransaction();
  return newest;
}

/** Its line counts too: it may have gone on under another name. */
async function lockPlaceOf(tx: Transaction, { conversationId, agentName, id }: Session): Promise<Place> {
  if (conversationId) await lockConversation(tx, { id: conversationId });
  else if (agentName) await lockName(tx, agentName);
  return { conversationId, agentName: conversationId ? null : agentName, lineId: await lockLine(tx, id) };
}
