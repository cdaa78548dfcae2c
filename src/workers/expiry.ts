import { expireApprovals, expireSavedStates, forgetKeys } from '../store/expiry.js';
import type { Store } from '../store/store.js';
import type { Chore } from './loop.js';

const EVERY_MS = 5_000;

/** Ends what has outlived its time: approvals, saved states, idempotency keys. */
export function expiryOf(store: Store): Chore {
  return {
    name: 'expiry',
    everyMs: EVERY_MS,
    async run() {
      await expireApprovals(store);
      await expireSavedStates(store);
      await forgetKeys(store);
    },
  };
}
