import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from '../store/store.js';
import { PROBE_MS } from './limits.js';

export interface Health {
  /** `degraded`: it serves, but what other servers write arrives later. */
  readonly status: 'ok' | 'degraded' | 'unavailable';
  readonly database: 'ok' | 'unavailable';
  readonly bus: 'ok' | 'degraded';
}

/** Whether requests can be served now, asked of the database itself. Never rejects, and answers within PROBE_MS. */
export async function readiness({ database, bus }: Pick<Store, 'database' | 'bus'>): Promise<Health> {
  const answers = database.prisma.$queryRaw`SELECT 1`.then(
    () => true,
    () => false,
  );
  const hears = await Promise.race([answers, delay(PROBE_MS, false, { ref: false })]);
  const hints = bus.status();
  return { status: hears ? hints : 'unavailable', database: hears ? 'ok' : 'unavailable', bus: hints };
}
