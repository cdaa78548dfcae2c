import type { Prisma, Queryable, Session, Signal } from '../database/client.js';
import { NotFoundError } from '../domain/errors.js';
import { encodeId, newId } from '../domain/id.js';
import { checkJson } from '../domain/json.js';
import { checkCount, checkKey, checkNote, Issues, JSON_MAX_BYTES } from '../domain/limits.js';
import type { SignalKind } from '../domain/signal.js';
import { transactOnce, type Once } from './idempotency.js';
import { lockOpenSession } from './lifecycle.js';
import type { Subject } from './log.js';
import { redacted } from './redacted.js';
import { SIGNALS } from './row.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

export interface SendSignalInput {
  idempotencyKey?: string | null;
  sessionId: string;
  kind: SignalKind;
  note?: string | null;
  payload?: unknown;
}

const SIGNALS_MAX_PER_CALL = 500;

/** Tells a running agent what is wanted of it. */
export async function sendSignal(
  store: Store,
  caller: Caller,
  input: SendSignalInput,
): Promise<Once<{ signal: Signal }>> {
  const issues = new Issues();
  checkKey(issues, 'input.idempotencyKey', input.idempotencyKey);
  checkNote(issues, 'input.note', input.note);
  checkJson(issues, 'input.payload', input.payload, { limitBytes: JSON_MAX_BYTES, shape: 'any' });
  issues.throwIfAny();
  const request = { mutation: 'sendSignal', input, rows: { signal: readSignal } };
  return transactOnce(store, caller, request, async (tx) => {
    const session = await lockOpenSession(tx, input.sessionId);
    return { signal: await signalSession(tx, session, input) };
  });
}

/** What a session is told. */
export type Wanted = Pick<SendSignalInput, 'kind' | 'note' | 'payload'>;

/** Sends a signal to a locked, open session, with its event. */
export async function signalSession(tx: Transaction, session: Session, wanted: Wanted): Promise<Signal> {
  return SIGNALS.insert(tx.db, draftSignal(tx, session, wanted));
}

/** The row of a signal to a locked, open session that is about to be inserted; its event is recorded. */
export function draftSignal(
  tx: Transaction,
  session: Subject,
  { kind, note = null, payload }: Wanted,
): Partial<Signal> {
  const id = newId();
  const sentBy = tx.caller.name;
  const signalId = encodeId('Signal', id);
  tx.record({ type: 'SIGNAL_SENT', session, data: { signalId, kind, note, by: sentBy } });
  return {
    projectId: tx.projectId,
    id,
    sessionId: session.id,
    kind,
    note,
    payload: payload == null ? null : (redacted(payload) as Prisma.JsonObject),
    sentBy,
  };
}

export interface AcknowledgeSignalsInput {
  sessionId: string;
  signalIds: readonly string[];
}

/** Takes signals off the list of what is wanted; one that was acknowledged before stays as it was. */
export async function acknowledgeSignals(
  store: Store,
  caller: Caller,
  { sessionId, signalIds }: AcknowledgeSignalsInput,
): Promise<{ signals: Signal[]; position: bigint }> {
  const issues = new Issues();
  checkCount(issues, 'input.signalIds', signalIds, SIGNALS_MAX_PER_CALL);
  issues.throwIfAny();
  return transact(store, caller, async (tx) => {
    const { projectId } = tx;
    const session = await lockOpenSession(tx, sessionId);
    const which = { projectId, sessionId, id: [...signalIds] };
    const acknowledged = await SIGNALS.update(
      tx.db,
      { ...which, acknowledgedAt: null, cancelledAt: null },
      { acknowledgedAt: tx.now },
    );
    const found = new Map((await SIGNALS.findAll(tx.db, which)).map((signal) => [signal.id, signal]));
    const missing = signalIds.find((id) => !found.has(id));
    if (missing) throw new NotFoundError({ kind: 'Signal', ref: encodeId('Signal', missing) });
    for (const { id, kind } of acknowledged) {
      tx.record({ type: 'SIGNAL_ACKNOWLEDGED', session, data: { signalId: encodeId('Signal', id), kind } });
    }
    return { signals: signalIds.flatMap((id) => found.get(id) ?? []) };
  });
}

/** What is still wanted of a session, or of several, oldest first. */
export function pendingSignals(
  db: Prisma.TransactionClient,
  projectId: string,
  sessionId: string | { in: string[] },
): Promise<Signal[]> {
  return db.signal.findMany({
    where: { projectId, sessionId, acknowledgedAt: null, cancelledAt: null },
    orderBy: [{ sentAt: 'asc' }, { id: 'asc' }],
  });
}

/** A signal as it stands. */
export async function readSignal(db: Queryable, projectId: string, id: string): Promise<Signal> {
  const signal = await SIGNALS.find(db, { projectId, id });
  if (!signal) throw new NotFoundError({ kind: 'Signal', ref: encodeId('Signal', id) });
  return signal;
}
