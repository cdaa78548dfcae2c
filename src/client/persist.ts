import { setTimeout as delay } from 'node:timers/promises';
import { mayPass, pauseAfter } from './error.js';
import type { SubscribeOptions } from './subscription.js';

export interface PersistOptions extends SubscribeOptions {
  /** Whether the server is known to be there: then the first attempt may fail like those after it. */
  readonly reached?: boolean | undefined;
  /** Told each time when the connection is lost, before the next attempt; that it is back is told by what comes then. */
  readonly onLost?: (() => void) | undefined;
}

/**
 * What `open` brings, and what it brings when it is opened again after a lost connection or a restart of the server, with a
 * pause before it. It ends with the signal, or with the loop that reads it.
 * @throws ClientError where the server refuses, ConnectionError where it cannot be reached to begin with.
 */
export async function* persistently<Result>(
  open: () => AsyncIterable<Result>,
  { signal, reached = false, onLost }: PersistOptions = {},
): AsyncGenerator<Result, void> {
  let begun = reached;
  for (let attempt = 0; !signal?.aborted; attempt++) {
    try {
      for await (const result of open()) {
        begun = true;
        attempt = 0;
        yield result;
      }
    } catch (error) {
      if (!begun || !mayPass(error)) throw error;
    }
    if (signal?.aborted) return;
    onLost?.();
    await delay(pauseAfter(attempt), undefined, { signal }).catch(() => undefined);
  }
}
