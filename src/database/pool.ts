import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** A pool whose `end` resolves when the last connection is closed, on the server's side too. */
export interface Pool {
  readonly pool: pg.Pool;
  readonly end: () => Promise<void>;
  readonly usage: () => PoolUsage;
}

/** How many connections are in use and open without use, and how many statements wait for one. */
export interface PoolUsage {
  readonly used: number;
  readonly idle: number;
  readonly waiting: number;
}

// A server that is out of reach closes nothing.
const CLOSE_MS = 1_000;

/**
 * A pool of node-postgres. By itself its `end` resolves when it has told its connections to close, and a PostgreSQL that is
 * stopped right then cuts them off, with errors that nobody hears any more.
 */
export function openPool(config: pg.PoolConfig): Pool {
  const pool = new CodedPool(config);
  const closings = new Set<Promise<void>>();
  // What the pool tells of a connection that it has lost holds the connection, down to the texts of its statements.
  pool.on('error', (error) => Reflect.deleteProperty(error, 'client'));
  pool.on('connect', (client) => {
    // PostgreSQL's last word may come with the answer that makes a connection ready, between two who listen: without a listener
    // it would end the process. Whoever is given the connection hears of it by his first statement.
    client.on('error', () => undefined);
    const closing = new Promise<void>((resolve) => client.once('end', resolve));
    closings.add(closing);
    void closing.then(() => closings.delete(closing));
  });
  return {
    pool,
    usage() {
      const { totalCount, idleCount: idle, waitingCount: waiting } = pool;
      return { used: totalCount - idle, idle, waiting };
    },
    async end() {
      await pool.end();
      await Promise.race([Promise.all(closings), delay(CLOSE_MS, null, { ref: false })]);
    },
  };
}

type Connected = Parameters<Parameters<pg.Pool['connect']>[0]>;

/** Gives PostgreSQL's codes to the failures that are the pool's own, so that they are told like all others. */
class CodedPool extends pg.Pool {
  override connect(): Promise<pg.PoolClient>;
  override connect(callback: (...connected: Connected) => void): void;
  override connect(callback?: (...connected: Connected) => void): Promise<pg.PoolClient> | void {
    if (callback) return super.connect((error, client, release) => callback(error && coded(error), client, release));
    return super.connect().catch((error: unknown) => {
      throw error instanceof Error ? coded(error) : error;
    });
  }
}

// query_canceled: it waited for a connection too long; sqlclient_unable_to_establish_sqlconnection: none could be made.
const CODES: Readonly<Record<string, string>> = {
  'timeout exceeded when trying to connect': '57014',
  'Connection terminated due to connection timeout': '08001',
  'Connection terminated unexpectedly': '08001',
};

function coded(error: Error): Error {
  const code = CODES[error.message];
  return code ? Object.assign(error, { code, severity: 'ERROR' }) : error;
}
