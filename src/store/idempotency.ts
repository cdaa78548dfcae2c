// A call with an idempotency key happens once: its record commits with the change that it names, and who repeats it within
// a day is answered with what the first call was answered, rows as they stand now.
import { createHash } from 'node:crypto';
import type { Queryable } from '../database/client.js';
import { canonical } from '../domain/canonical.js';
import { DomainError, IdempotencyConflictError } from '../domain/errors.js';
import { IDEMPOTENCY_KEYS } from './row.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

/** For how long a key is answered for. */
export const KEPT_MS = 24 * 60 * 60 * 1000;

type Reader = (db: Queryable, projectId: string, id: string) => Promise<{ id: string }>;

/** A result's fields that are rows, by the function that reads one; of a row the id is kept, of the rest the value. */
export type Rows<T> = Partial<Record<keyof T & string, Reader>>;

export interface Request<T> {
  mutation: string;
  input: { idempotencyKey?: string | null };
  rows: Rows<T>;
}

export type Once<T> = { replayed: boolean; position: bigint } & T;

/**
 * Runs `work` in a transaction, once for each idempotency key, also where equal calls run at the same time.
 * @throws IdempotencyConflictError where the key was used with another input.
 */
export async function transactOnce<T extends object>(
  store: Store,
  caller: Caller,
  { mutation, input: { idempotencyKey: key, ...input }, rows }: Request<T>,
  work: (tx: Transaction) => Promise<T>,
): Promise<Once<T>> {
  if (key == null) return { replayed: false, ...(await transact(store, caller, work)) };
  const { projectId } = caller;
  const inputHash = hashOf(input);

  const replay = async (db: Queryable, now: Date): Promise<Once<T> | null> => {
    const kept = await IDEMPOTENCY_KEYS.find(db, { projectId, key });
    if (!kept || kept.createdAt.getTime() < now.getTime() - KEPT_MS) return null;
    if (kept.mutation !== mutation || kept.inputHash !== inputHash) throw new IdempotencyConflictError({ key });
    const result = await recall(db, projectId, kept.answer as Answer, rows);
    return { ...(result as T), replayed: true, position: kept.position };
  };

  try {
    return await transact(store, caller, async (tx) => {
      const replayed = await replay(tx.db, tx.now);
      if (replayed) return replayed;
      // An expired record of the same key makes room; a fresh one of a rival shows as a conflict when ours is written.
      const expired = new Date(tx.now.getTime() - KEPT_MS);
      await tx.db.$executeRaw`
        DELETE FROM idempotency_keys
        WHERE project_id = ${projectId}::uuid AND key = ${key} AND created_at < ${expired}`;
      const result = await work(tx);
      tx.remember({ key, mutation, inputHash, answer: remember(result, rows) });
      return { ...result, replayed: false };
    });
  } catch (error) {
    // An equal call at the same time may have won meanwhile, and what it did is what this one stumbled over.
    if (!(error instanceof DomainError) || error instanceof IdempotencyConflictError) throw error;
    const replayed = await replay(store.database.reader, store.now());
    if (replayed) return replayed;
    throw error;
  }
}

type Answer = Record<string, string | boolean | null>;

function remember<T extends object>(result: T, rows: Rows<T>): Answer {
  const kept = Object.entries(result).map(([field, value]) => [
    field,
    field in rows ? ((value as { id: string } | null)?.id ?? null) : (value as boolean),
  ]);
  return Object.fromEntries(kept) as Answer;
}

async function recall(
  db: Queryable,
  projectId: string,
  answer: Answer,
  rows: Partial<Record<string, Reader>>,
): Promise<object> {
  const result: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(answer)) {
    const read = rows[field];
    result[field] = read && typeof value === 'string' ? await read(db, projectId, value) : value;
  }
  return result;
}

/** The same for inputs that say the same, their fields in whatever order. */
function hashOf(input: object): string {
  return createHash('sha256').update(canonical(input)).digest('hex');
}
