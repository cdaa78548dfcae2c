import { refreshStatistics } from '../store/statistics.js';
import type { Store } from '../store/store.js';
import type { Chore } from './loop.js';

const EVERY_MS = 5_000;

/** Keeps what PostgreSQL knows of tables that fill up from being long out of date. */
export function statisticsOf(store: Store): Chore {
  return { name: 'statistics', everyMs: EVERY_MS, run: () => refreshStatistics(store) };
}
