import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '../domain/errors.js';
import { isRetryable, unavailable } from './conflict.js';
import type { Observer } from './observer.js';

// Enough for the losers of a race of fifty on one place: each round at least one of them gets through.
const ATTEMPTS = 60;
const BACKOFF_MS = 4;
const LONGEST_BACKOFF_MS = 100;

/**
 * Runs `work`, which commits as a whole or not at all, again where others were in its way.
 * @throws DomainError as `work` does, UnavailableError where the database cannot be reached or is too slow.
 */
export async function retrying<T>({ observer }: { observer: Observer | null }, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof DomainError) throw error;
      if (attempt === ATTEMPTS || !isRetryable(error)) throw unavailable(error) ?? error;
      observer?.retried();
      await sleep(Math.random() * Math.min(BACKOFF_MS * attempt, LONGEST_BACKOFF_MS));
    }
  }
}
