import type { Logger } from 'pino';
import { unavailable } from './conflict.js';
import type { Leave } from './stream.js';

/** After a failure of the database: soon enough to be unnoticed, seldom enough not to be in its way. */
export const RETRY_MS = 250;

/** How many followers wait for the database, by the log that is told when the first of them does. */
const waiting = new WeakMap<Logger, number>();

/**
 * Reads for a subscription that has begun: where the database is out of reach or too busy it waits, and reads again; whatever
 * else fails would fail for ever, and is thrown. Null where its consumer leaves meanwhile.
 */
export async function insist<T>({ log }: { log: Logger }, leave: Leave, read: () => Promise<T>): Promise<T | null> {
  let failing = false;
  try {
    while (!leave.given) {
      try {
        return await read();
      } catch (error) {
        if (!unavailable(error)) throw error;
        if (!failing && count(log, 1) === 1)
          log.warn({ err: error }, 'a follower cannot read: it waits for the database');
        failing = true;
        await leave.pause(RETRY_MS);
      }
    }
    return null;
  } finally {
    if (failing) count(log, -1);
  }
}

function count(log: Logger, change: 1 | -1): number {
  const total = (waiting.get(log) ?? 0) + change;
  waiting.set(log, total);
  return total;
}
