import { setTimeout as delay } from 'node:timers/promises';
import type { Store, Vitals } from '../store/store.js';
import { HEALTH_FRESH_MS, PROBE_MS } from './limits.js';

export interface Health {
  /** `degraded`: it serves, but what other servers write arrives later. */
  readonly status: 'ok' | 'degraded' | 'unavailable';
  readonly database: 'ok' | 'unavailable';
  readonly bus: 'ok' | 'degraded';
  /** `pending`: the database is older than this server, as after the restoring of a dump; a new start migrates it. */
  readonly migrations: 'ok' | 'pending' | null;
  /** By how many events the readers of this process are behind the log. */
  readonly tailLag: number | null;
  /** Since the watchdog last looked, on whatever server; null where none ever has. */
  readonly watchdogSeconds: number | null;
}

interface Parts {
  readonly store: Pick<Store, 'vitals' | 'bus'>;
  /** The names of those that this server needs. */
  readonly migrations: readonly string[];
}

/**
 * Says whether requests can be served now, asked of the database itself, on a connection that nobody else uses: it waits for
 * no request. Never rejects and answers within PROBE_MS; many who ask at once are told the same.
 */
export function healthOf({ store, migrations }: Parts): () => Promise<Health> {
  let latest: Promise<Health> | null = null;
  return () => {
    latest ??= examine(store, migrations).finally(() => setTimeout(() => (latest = null), HEALTH_FRESH_MS).unref());
    return latest;
  };
}

async function examine(store: Parts['store'], expected: readonly string[]): Promise<Health> {
  const answer = store.vitals().catch(() => null);
  const vitals: Vitals | null = await Promise.race([answer, delay(PROBE_MS, null, { ref: false })]);
  const bus = store.bus.status();
  if (vitals === null) {
    return {
      status: 'unavailable',
      database: 'unavailable',
      bus,
      migrations: null,
      tailLag: null,
      watchdogSeconds: null,
    };
  }
  const { migrated, tailLag, watchdogSeconds } = vitals;
  const isPending = expected.some((name) => !migrated.includes(name));
  return {
    status: isPending ? 'unavailable' : bus,
    database: 'ok',
    bus,
    migrations: isPending ? 'pending' : 'ok',
    tailLag,
    watchdogSeconds,
  };
}
