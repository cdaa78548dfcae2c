// A call with an idempotency key happens once: its record commits with the change that it names, and who repeats it within
// a day is answered with what the first call was answered.
import { createHash } from 'node:crypto';
import type { Prisma } from '../database/client.js';
import { DomainError, IdempotencyConflictError } from '../domain/errors.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

const KEPT_MS = 24 * 60 * 60 * 1000;

/** What is kept of an answer: ids of rows, and flags. */
export type Answer = Record<string, string | boolean | null>;

export interface Request<T> {
  mutation: string;
  input: { idempotencyKey?: string | null | undefined };
  /** What of the result to keep. */
  remember(result: T): Answer;
  /** The result again from what was kept, with its rows as they stand now. */
  recall(db: Prisma.TransactionClient, answer: Answer): Promise<T>;
}

export type Once<T> = { replayed: boolean; position: bigint } & T;

/**
 * Runs `work` in a transaction, once for each idempotency key, also where equal calls run at the same time.
 * @throws IdempotencyConflictError where the key was used with another input.
 */
export async function transactOnce<T extends object>(
  store: Store,
  caller: Caller,
  request: Request<T>,
  work: (tx: Transaction) => Promise<T>,
): Promise<Once<T>> {
  const { idempotencyKey: key, ...input } = request.input;
  if (key == null) return { replayed: false, ...(await transact(store, caller, work)) };
  const { mutation } = request;
  const inputHash = hashOf(input);

  const replay = async (db: Prisma.TransactionClient, now: Date): Promise<Once<T> | null> => {
    const kept = await db.idempotencyKey.findUnique({ where: { projectId_key: { projectId: caller.projectId, key } } });
    if (!kept || kept.createdAt.getTime() < now.getTime() - KEPT_MS) return null;
    if (kept.mutation !== mutation || kept.inputHash !== inputHash) throw new IdempotencyConflictError({ key });
    const result = await request.recall(db, kept.answer as Answer);
    return { ...result, replayed: true, position: kept.position };
  };

  try {
    return await transact(store, caller, async (tx) => {
      const replayed = await replay(tx.db, tx.now);
      if (replayed) return replayed;
      // An expired record of the same key makes room; a fresh one of a rival shows as a conflict when ours is written.
      const expired = new Date(tx.now.getTime() - KEPT_MS);
      await tx.db.idempotencyKey.deleteMany({ where: { projectId: tx.projectId, key, createdAt: { lt: expired } } });
      const result = await work(tx);
      tx.remember({ key, mutation, inputHash, answer: request.remember(result) });
      return { ...result, replayed: false };
    });
  } catch (error) {
    // An equal call at the same time may have won meanwhile, and what it did is what this one stumbled over.
    if (!(error instanceof DomainError) || error instanceof IdempotencyConflictError) throw error;
    const replayed = await replay(store.database.prisma, store.now());
    if (replayed) return replayed;
    throw error;
  }
}

/** The same for inputs that mean the same: absent is null is undefined only where JSON says so, keys in any order. */
function hashOf(input: object): string {
  const canonical = JSON.stringify(input, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(canonical).digest('hex');
}
