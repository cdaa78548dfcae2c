import type { GraphQLResolveInfo } from 'graphql';
import type { Context } from './context.js';

interface Batch<Key, Value> {
  keys: Set<Key>;
  answer: Promise<ReadonlyMap<Key, Value>>;
}

/**
 * Turns a load of many into a load of one that is called for each row of a list: the calls that one field of a request
 * makes in one go are answered by one statement. Nothing is kept beyond that, so that a subscription's next answer is new.
 */
export function batched<Key, Value, Extra extends unknown[]>(
  load: (keys: Key[], context: Context, ...extra: Extra) => Promise<ReadonlyMap<Key, Value>>,
): (key: Key, context: Context, info: GraphQLResolveInfo, ...extra: Extra) => Promise<Value | undefined> {
  // GraphQL gives the rows of a list one and the same array of field nodes; a context belongs to one request and caller.
  const requests = new WeakMap<Context, Map<GraphQLResolveInfo['fieldNodes'], Batch<Key, Value>>>();
  return async (key, context, { fieldNodes }, ...extra) => {
    const batches = requests.get(context) ?? new Map<GraphQLResolveInfo['fieldNodes'], Batch<Key, Value>>();
    requests.set(context, batches);
    let batch = batches.get(fieldNodes);
    if (!batch) {
      const keys = new Set<Key>();
      const answer = afterMicrotasks().then(() => {
        batches.delete(fieldNodes);
        return load([...keys], context, ...extra);
      });
      batch = { keys, answer };
      batches.set(fieldNodes, batch);
    }
    batch.keys.add(key);
    return (await batch.answer).get(key);
  };
}

/** Rows that were loaded together are resolved in one go of microtasks: after it, all of them have asked. */
function afterMicrotasks(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
