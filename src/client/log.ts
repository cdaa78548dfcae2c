import { setTimeout as delay } from 'node:timers/promises';
import { mayPass, pauseAfter } from './error.js';
import { FollowLogDocument, type FollowLogSubscription, type FollowLogSubscriptionVariables } from './operation.js';
import type { SubscribeOptions, Subscriber } from './subscription.js';

export type LogBatch = FollowLogSubscription['log'];

/** `after`: a log position, from now on where absent. */
export type TailOptions = SubscribeOptions & FollowLogSubscriptionVariables;

/**
 * The project's log, in order and each entry once, also through lost connections and restarts of the server: it goes on by
 * itself after the last batch. It ends with the signal, or with the loop that reads it.
 * @throws ClientError where the server refuses, ConnectionError where it cannot be reached to begin with.
 */
export async function* tailLog(
  subscriber: Subscriber,
  { after, filter, signal }: TailOptions = {},
): AsyncGenerator<LogBatch, void> {
  let position = after;
  let begun = false;
  for (let attempt = 0; !signal?.aborted; attempt++) {
    try {
      for await (const { log } of subscriber.subscribe(FollowLogDocument, { after: position, filter }, { signal })) {
        begun = true;
        attempt = 0;
        position = log.position;
        yield log;
      }
    } catch (error) {
      if (!begun || !mayPass(error)) throw error;
    }
    await delay(pauseAfter(attempt), undefined, { signal }).catch(() => undefined);
  }
}
