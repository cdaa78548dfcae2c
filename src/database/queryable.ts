// Raw statements on node-postgres. Values are parameters always, rows have the shape of Prisma's, and errors are those of
// PostgreSQL and of node-postgres. What Prisma adds to a statement costs more than most statements do.
import { Sql } from '@prisma/client/runtime/client';
import type pg from 'pg';
import { COMMIT, exchange, prepareFrames, ROLLBACK, type Answer, type Frame } from './exchange.js';

type Query = readonly string[] | Sql;

/** What answers to raw statements, a connection of ours or Prisma. */
export interface Queryable {
  /** The rows of the answer. */
  $queryRaw<Rows>(query: TemplateStringsArray | Sql, ...values: unknown[]): Promise<Rows>;
  /** How many rows the statement has found or changed. */
  $executeRaw(query: TemplateStringsArray | Sql, ...values: unknown[]): Promise<number>;
}

/** A transaction under way. */
export interface OpenTransaction extends Queryable {
  /** As `$queryRaw`, and commits: nothing comes after it. What it locks is held for no round trip. */
  $queryRawAndCommit<Rows>(query: TemplateStringsArray | Sql, ...values: unknown[]): Promise<Rows>;
}

/** For what changes rows: each statement by itself, or several in a transaction. */
export interface Writer extends Queryable {
  /**
   * Runs `work` in a transaction, which begins with its first statement. It is committed when `work` resolves, and rolled back
   * where that rejects or takes longer than `timeoutMs`, by default 30 s.
   */
  $transaction<T>(work: (db: OpenTransaction) => Promise<T>, options?: { timeoutMs?: number | undefined }): Promise<T>;
}

/** Has what is done told to a trace. */
export type Spanned = <T>(what: 'transaction' | 'db_query', text: string | null, work: () => Promise<T>) => Promise<T>;

export interface WriterOptions {
  readonly nameOf: (statement: { readonly sql: string }) => string;
  /** Hears of connections that are lost while they are used. */
  readonly onLoss: (error: Error) => void;
  /** Hears each statement as it is sent. */
  readonly onQuery?: ((sql: string) => void) | undefined;
  readonly spanned?: Spanned | undefined;
}

const TRANSACTION_MAX_MS = 30_000;

/** A writer over a pool. A connection that broke, or that a transaction which took too long still uses, is not given back. */
export function openWriter(pool: pg.Pool, { nameOf, onLoss, onQuery, spanned = unspanned }: WriterOptions): Writer {
  async function send(client: pg.ClientBase, { text, values }: Sql, frame?: Frame): Promise<Answer> {
    onQuery?.(text);
    const statement = { name: nameOf({ sql: text }), text, values };
    return spanned('db_query', text, () => exchange(client, statement, frame)).catch(told);
  }

  async function lend<T>(use: (client: pg.PoolClient, lose: (error: Error) => void) => Promise<T>): Promise<T> {
    const client = await pool.connect().catch(unconnected);
    let lost: Error | undefined;
    const lose = (error: Error): void => void (lost ??= error);
    const onError = (error: Error): void => {
      lose(error);
      onLoss(error);
    };
    client.on('error', onError);
    try {
      return await use(client, lose);
    } catch (error) {
      if (error instanceof Error && 'code' in error && STALE.has(error.code)) lose(error);
      throw error;
    } finally {
      client.off('error', onError);
      client.release(lost);
    }
  }

  const transact = <T>(work: (db: OpenTransaction) => Promise<T>, timeoutMs: number): Promise<T> =>
    lend(async (client, lose) => {
      await prepareFrames(client).catch((error: unknown) => {
        // It may have begun what it has not ended.
        lose(error as Error);
        return told(error);
      });
      const transaction = new ClientTransaction(client, send);
      const limit = transaction.limit(timeoutMs);
      try {
        const result = await Promise.race([work(transaction), limit.passed]);
        await transaction.commit();
        return result;
      } catch (error) {
        // The first error is what is told, whatever comes of the others.
        await transaction.rollback().catch(lose);
        throw error;
      } finally {
        limit.stop();
      }
    });

  return {
    ...rawOf((sql) => lend((client) => send(client, sql))),
    $transaction: (work, { timeoutMs = TRANSACTION_MAX_MS } = {}) =>
      spanned('transaction', null, () => transact(work, timeoutMs)),
  };
}

type Send = (client: pg.ClientBase, sql: Sql, frame?: Frame) => Promise<Answer>;

class ClientTransaction implements OpenTransaction {
  readonly #client: pg.ClientBase;
  readonly #send: Send;
  #hasBegun = false;
  #isOver = false;
  #hasCommitted = false;
  #hasExpired = false;

  constructor(client: pg.ClientBase, send: Send) {
    this.#client = client;
    this.#send = send;
  }

  async $queryRaw<Rows>(query: Query, ...values: unknown[]): Promise<Rows> {
    return (await this.#run(sqlOf(query, values))).rows as Rows;
  }

  async $executeRaw(query: Query, ...values: unknown[]): Promise<number> {
    return (await this.#run(sqlOf(query, values))).count;
  }

  async $queryRawAndCommit<Rows>(query: Query, ...values: unknown[]): Promise<Rows> {
    return (await this.#run(sqlOf(query, values), true)).rows as Rows;
  }

  /** Rejects once the time has passed, but not while it is being committed: nobody could say what had come of it. */
  limit(timeoutMs: number): { passed: Promise<never>; stop: () => void } {
    let timer: NodeJS.Timeout | undefined;
    const passed = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        if (this.#isOver) return;
        this.#isOver = this.#hasExpired = true;
        reject(Object.assign(new Error(`the transaction took longer than ${timeoutMs} ms`), TOO_SLOW));
      }, timeoutMs);
    });
    return { passed, stop: () => clearTimeout(timer) };
  }

  async commit(): Promise<void> {
    if (this.#isOver && !this.#hasCommitted) throw new Error('the transaction was rolled back');
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#hasBegun) await exchange(this.#client, COMMIT).catch(told);
  }

  /** Rejects where the connection is of no use any more. */
  async rollback(): Promise<void> {
    this.#isOver = true;
    // A statement may still be under way. Without its connection the transaction ends, at the latest with that statement.
    if (this.#hasExpired) throw new Error('a transaction that took too long still uses the connection');
    if (this.#hasBegun) await exchange(this.#client, ROLLBACK);
  }

  async #run(sql: Sql, commit = false): Promise<Answer> {
    if (this.#isOver) throw new Error('the transaction is over');
    const begin = !this.#hasBegun;
    this.#hasBegun = true;
    this.#isOver = commit;
    const answer = await this.#send(this.#client, sql, { begin, commit });
    this.#hasCommitted = commit;
    return answer;
  }
}

/** feature_not_supported (the columns of what is prepared have changed), invalid_sql_statement_name */
const STALE: ReadonlySet<unknown> = new Set(['0A000', '26000']);
/** query_canceled */
const TOO_SLOW = { code: '57014', severity: 'ERROR' };
/** sqlclient_unable_to_establish_sqlconnection */
const UNCONNECTED = { code: '08001', severity: 'FATAL' };

function rawOf(run: (sql: Sql) => Promise<Answer>): Queryable {
  return {
    $queryRaw: async <Rows>(query: Query, ...values: unknown[]) => (await run(sqlOf(query, values))).rows as Rows,
    $executeRaw: async (query, ...values) => (await run(sqlOf(query, values))).count,
  };
}

const sqlOf = (query: Query, values: readonly unknown[]): Sql =>
  query instanceof Sql ? query : new Sql(query, values);

export const unspanned: Spanned = (_what, _text, work) => work();

/** Whatever kept a connection from being made, it could not be had; PostgreSQL and the pool say more of it by themselves. */
function unconnected(error: unknown): never {
  throw error instanceof Error && !('severity' in error) ? Object.assign(error, UNCONNECTED) : error;
}

/**
 * Throws it as the database's, which a severity says: node-postgres gives none to a connection that broke. Its stack leads to
 * who has asked, and not to where the answer was read.
 */
export function told(error: unknown): never {
  if (!(error instanceof Error)) throw error;
  Error.captureStackTrace(error, told);
  throw 'severity' in error ? error : Object.assign(error, { severity: 'FATAL' });
}
