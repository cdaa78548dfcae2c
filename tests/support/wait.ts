import { expect } from 'vitest';
import type { Database } from '../../src/database/client.js';

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
