import type { Store } from '../store/store.js';
import { sweep } from '../store/watchdog.js';
import type { Chore } from './loop.js';

/** Looks after the live sessions; null where this server is not to. */
export function watchdogOf(store: Store, { watchdogIntervalMs }: { watchdogIntervalMs: number }): Chore | null {
  if (watchdogIntervalMs === 0) return null;
  return {
    name: 'watchdog',
    everyMs: watchdogIntervalMs,
    async run(signal) {
      const swept = await sweep(store, { intervalMs: watchdogIntervalMs, signal });
      store.observer?.judged(swept?.verdicts ?? 0);
    },
  };
}
