import { expect } from 'vitest';
import type { Database } from '../../src/database/client.js';
import { query } from './sql.js';

/** How many statements in the database of this URL wait for locks that others hold. */
export async function waitingIn(url: string): Promise<number> {
  const waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  return (await query(url, waiting)).length;
}

/** Resolves once so many statements in this database wait for locks that others hold. */
export async function untilWaiting({ prisma }: Database, count: number): Promise<void> {
  await expect
    .poll(async () => {
      const waiting = await prisma.$queryRaw<unknown[]>`
        SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      return waiting.length;
    })
    .toBe(count);
}
