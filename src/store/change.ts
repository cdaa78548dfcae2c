import type { Session } from '../database/client.js';
import { checkNote, Issues } from '../domain/limits.js';
import { lockOpenSession } from './lifecycle.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

export interface NotedChange {
  sessionId: string;
  /** A word on why. */
  note?: string | null;
}

/** Changes an open session under its lock, and answers with it as it stands then. @throws SessionEndedError */
export async function changeSession(
  store: Store,
  caller: Caller,
  { sessionId, note }: NotedChange,
  change: (tx: Transaction, session: Session) => Promise<Session>,
): Promise<{ session: Session; position: bigint }> {
  const issues = new Issues();
  checkNote(issues, 'input.note', note);
  issues.throwIfAny();
  return transact(store, caller, async (tx) => {
    const session = await lockOpenSession(tx, sessionId);
    return { session: await change(tx, session) };
  });
}
