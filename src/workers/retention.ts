import { retain, type Retention } from '../store/retention.js';
import type { Store } from '../store/store.js';
import type { Chore } from './loop.js';

// Days are counted: an hour more or less does not matter.
const EVERY_MS = 60 * 60 * 1000;

/** Removes what is older than its operator wants to keep; null where everything is kept, as by default. */
export function retentionOf(store: Store, retention: Retention): Chore | null {
  if (Object.values(retention).every((days) => days === null)) return null;
  return { name: 'retention', everyMs: EVERY_MS, run: () => retain(store, retention) };
}
