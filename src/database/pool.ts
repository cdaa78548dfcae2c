import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** A pool whose `end` resolves when the last connection is closed, on the server's side too. */
export interface Pool {
  readonly pool: pg.Pool;
  readonly end: () => Promise<void>;
}

// A server that is out of reach closes nothing.
const CLOSE_MS = 1_000;

/**
 * A pool of node-postgres. By itself its `end` resolves when it has told its connections to close, and a PostgreSQL that is
 * stopped right then cuts them off, with errors that nobody hears any more.
 */
export function openPool(config: pg.PoolConfig): Pool {
  const pool = new pg.Pool(config);
  const closings = new Set<Promise<void>>();
  pool.on('connect', (client) => {
    const closing = new Promise<void>((resolve) => client.once('end', resolve));
    closings.add(closing);
    void closing.then(() => closings.delete(closing));
  });
  return {
    pool,
    async end() {
      await pool.end();
      await Promise.race([Promise.all(closings), delay(CLOSE_MS, null, { ref: false })]);
    },
  };
}
