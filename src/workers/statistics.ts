import { refreshStatistics } from '../store/statistics.js';
import type { Store } from '../store/store.js';
import type { Chore } from './loop.js';

// A table of which nothing is known takes thousands of rows in that time, and each write may read all of them.
const EVERY_MS = 2_000;

/** Keeps what PostgreSQL knows of tables that fill up from being long out of date. */
export function statisticsOf(store: Store): Chore {
  const left = new Set<string>();
  return { name: 'statistics', everyMs: EVERY_MS, run: (signal) => refreshStatistics(store, { left, signal }) };
}
