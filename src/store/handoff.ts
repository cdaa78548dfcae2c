import type { Handoff, Queryable, Session } from '../database/client.js';
import { NotFoundError, NotResumableError, ValidationError } from '../domain/errors.js';
import type { HandoffReason } from '../domain/handoff.js';
import { encodeId, newId } from '../domain/id.js';
import { checkKey, checkNote, Issues } from '../domain/limits.js';
import { checkPicture, takeCheckpoint, type Picture } from './checkpoint.js';
import { transactOnce, type Once } from './idempotency.js';
import { endLocked, lockOpenSession, lockSession } from './lifecycle.js';
import { lockConversation } from './place.js';
import { Document } from './redacted.js';
import { HANDOFFS } from './row.js';
import { readSession } from './session.js';
import type { Caller, Store } from './store.js';
import { checkNext, startSuccessor, type NextSession } from './successor.js';
import { transact, type Transaction } from './transaction.js';

export interface InitiateHandoffInput {
  idempotencyKey?: string | null;
  sessionId: string;
  reason: HandoffReason;
  note?: string | null;
  checkpoint: Picture;
}

/** Offers a session's work to the next one: takes a checkpoint and leaves the giver open. At most one is pending. */
export async function initiateHandoff(
  store: Store,
  caller: Caller,
  input: InitiateHandoffInput,
): Promise<Once<{ handoff: Handoff }>> {
  const issues = new Issues();
  checkKey(issues, 'input.idempotencyKey', input.idempotencyKey);
  checkNote(issues, 'input.note', input.note);
  const text = checkPicture(issues, 'input.checkpoint', input.checkpoint);
  issues.throwIfAny();
  const work = new Document(input.checkpoint.workState, text);
  const request = { mutation: 'initiateHandoff', input, rows: { handoff: readHandoff } };
  return transactOnce(store, caller, request, async (tx) => {
    const { projectId } = tx;
    const { reason, note } = input;
    const session = await lockOpenSession(tx, input.sessionId);
    await refuseSecond(tx, session);
    const type = reason === 'MANUAL' ? 'MANUAL' : 'AUTOMATIC';
    const checkpoint = await takeCheckpoint(tx, session, { picture: input.checkpoint, work, type, trigger: 'HANDOFF' });
    const given = { fromId: session.id, checkpointId: checkpoint.id, reason, note };
    const handoff = await HANDOFFS.insert(tx.db, { projectId, id: newId(), ...given });
    tx.record({ type: 'HANDOFF_CREATED', session, data: { ...named(handoff), reason, note: note ?? null } });
    return { handoff };
  });
}

export interface CompleteHandoffInput {
  handoffId: string;
  next?: NextSession | null;
}

/**
 * Ends the giver (HANDED_OFF) and begins the taker in its chain.
 * @throws NotResumableError where the handoff is no longer pending.
 */
export async function completeHandoff(
  store: Store,
  caller: Caller,
  { handoffId, next }: CompleteHandoffInput,
): Promise<{ handoff: Handoff; session: Session; position: bigint }> {
  const issues = new Issues();
  checkNext(issues, 'input.next', next);
  issues.throwIfAny();
  return transact(store, caller, async (tx) => {
    const { projectId } = tx;
    const { fromId } = await readHandoff(tx.db, projectId, handoffId);
    const { conversationId } = await readSession(tx.db, projectId, fromId);
    if (conversationId) await lockConversation(tx, { id: conversationId });
    const giver = await lockSession(tx, fromId);
    // Completed first: the end of the giver would cancel what is still pending.
    const [pending] = await HANDOFFS.update(
      tx.db,
      { projectId, id: handoffId, completedAt: null, cancelledAt: null },
      { completedAt: tx.now },
    );
    if (!pending) {
      const reason = 'the handoff was completed already, or its giver ended without it';
      throw new NotResumableError({ sessionId: fromId, state: giver.state, reason });
    }
    const { checkpointId, note } = pending;
    const ended = await endLocked(tx, giver, { reason: 'HANDED_OFF', outcome: 'UNKNOWN', by: caller.name, note });
    const session = await startSuccessor(tx, ended, { startReason: 'HANDOFF', next, isVacated: true });
    const [handoff] = await HANDOFFS.update(tx.db, { projectId, id: handoffId }, { toId: session.id });
    if (!handoff) throw new Error('the update of a locked handoff found no row');
    recordLoaded(tx, session, checkpointId);
    tx.record({ type: 'HANDOFF_COMPLETED', session, data: named(handoff) });
    return { handoff, session };
  });
}

/** A handoff as it stands. */
export async function readHandoff(db: Queryable, projectId: string, id: string): Promise<Handoff> {
  const handoff = await HANDOFFS.find(db, { projectId, id });
  if (!handoff) throw new NotFoundError({ kind: 'Handoff', ref: encodeId('Handoff', id) });
  return handoff;
}

/** Tells that a session began from a checkpoint. */
export function recordLoaded(tx: Transaction, session: Session, checkpointId: string): void {
  tx.record({ type: 'CHECKPOINT_LOADED', session, data: { checkpointId: encodeId('Checkpoint', checkpointId) } });
}

async function refuseSecond(tx: Transaction, { projectId, id }: Session): Promise<void> {
  const pending = await HANDOFFS.find(tx.db, { projectId, fromId: id, completedAt: null, cancelledAt: null });
  if (!pending) return;
  const message = `has the pending handoff ${encodeId('Handoff', pending.id)} already: complete that one`;
  throw new ValidationError({ issues: [{ path: 'input.sessionId', message }] });
}

/** The ids of a handoff as its events tell them. */
function named({ id, fromId, toId, checkpointId }: Handoff): object {
  return {
    handoffId: encodeId('Handoff', id),
    fromId: encodeId('Session', fromId),
    toId: toId && encodeId('Session', toId),
    checkpointId: encodeId('Checkpoint', checkpointId),
  };
}
