import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import type { FollowLogSubscription, FollowLogSubscriptionVariables } from './operation.js';
import { persistently, type PersistOptions } from './persist.js';
import type { Subscriber } from './subscription.js';

export type LogBatch = FollowLogSubscription['log'];

/** `after`: a log position, from now on where absent. */
export type TailOptions = PersistOptions & FollowLogSubscriptionVariables;

/** A subscription to the log that says how far each batch leads, whatever else it selects. */
export type LogDocument<Batch> = TypedDocumentNode<{ log: Batch }, FollowLogSubscriptionVariables>;

/**
 * The project's log, in order and each entry once, also through lost connections and restarts of the server: it goes on by
 * itself after the last batch. It ends with the signal, or with the loop that reads it.
 * @throws ClientError where the server refuses, ConnectionError where it cannot be reached to begin with.
 */
export async function* tailLog<Batch extends { position: number }>(
  subscriber: Subscriber,
  document: LogDocument<Batch>,
  { after, filter, ...options }: TailOptions = {},
): AsyncGenerator<Batch, void> {
  let position = after;
  const { signal } = options;
  const open = () => subscriber.subscribe(document, { after: position, filter }, { signal });
  for await (const { log } of persistently(open, options)) {
    position = log.position;
    yield log;
  }
}
