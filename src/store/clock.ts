// The database's clock, by which all that is stored is dated, as this process knows it.
import type { Logger } from 'pino';
import type { Database } from '../database/client.js';

// A clock drifts by milliseconds a minute at worst.
const CHECK_MS = 60_000;
// The first question also opens a connection; of three, the quickest answer tells best.
const QUESTIONS = 3;

export interface Clock {
  /** Right within the time of one round trip. */
  now(): Date;
  /** Ends the comparing; the clock goes on. */
  stop(): void;
}

/** Resolves once the database has answered; compares again every minute. */
export async function openClock({ database, log }: { database: Database; log: Logger }): Promise<Clock> {
  let aheadMs = await measureAhead(database);
  const checking = setInterval(() => {
    measureAhead(database).then(
      (measured) => (aheadMs = measured),
      (error: unknown) => log.warn({ err: error }, 'the clock of the database could not be read'),
    );
  }, CHECK_MS).unref();
  return {
    now: () => new Date(Date.now() + aheadMs),
    stop: () => clearInterval(checking),
  };
}

/** By how many milliseconds the database's clock is ahead of ours. */
async function measureAhead(database: Database): Promise<number> {
  let best = { tookMs: Infinity, aheadMs: 0 };
  for (let question = 0; question < QUESTIONS; question++) {
    const asked = Date.now();
    const [row] = await database.prisma.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS "now"`;
    const answered = Date.now();
    const tookMs = answered - asked;
    if (row && tookMs < best.tookMs) best = { tookMs, aheadMs: row.now.getTime() - (asked + answered) / 2 };
  }
  return best.aheadMs;
}
