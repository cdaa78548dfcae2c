// What subscriptions tell beside the events of a log is looked up in steps, as they come to it: a slow consumer is told how
// things stand by then, and holds no more than a step.
import { insist } from '../store/insist.js';
import type { LogBatch } from '../store/page.js';
import type { Event, Store } from '../store/store.js';
import { FRESH_MS, type Leave } from '../store/stream.js';
import { derivation } from './derived.js';

const STEP_EVENTS = 50;

interface Found<Value> {
  values: readonly (Value | null)[];
  /** Of performance.now(). */
  at: number;
}

interface Lookup<Value> {
  store: Store;
  leave: Leave;
  /** Says all that `find` depends on: followers of one name are handed the same objects. */
  name: string;
  /** Answers for many events at once, in their order, with null for one that is not to be told. */
  find: (events: readonly Event[]) => Promise<readonly (Value | null)[]>;
}

/** A way to look up what is told of each event: equal followers look once. One for each kind of thing. */
export function lookup<Value>(): (
  batches: AsyncIterable<LogBatch>,
  how: Lookup<Value>,
) => AsyncGenerator<Value, void, void> {
  const foundOf = derivation<Found<Value>>(FRESH_MS);

  return async function* (batches, { store, leave, name, find }) {
    for await (const batch of batches) {
      for (let index = 0; index < batch.events.length;) {
        const from = index - (index % STEP_EVENTS);
        const step = batch.events.slice(from, from + STEP_EVENTS);
        const look = async () => ({ values: await find(step), at: performance.now() });
        const found = await insist(store, leave, () => foundOf(batch, `${from} ${name}`, look));
        if (!found) return;
        const end = from + step.length;
        while (index < end) {
          const value = found.values[index - from];
          index += 1;
          if (value == null) continue;
          yield value;
          if (performance.now() - found.at > FRESH_MS) break;
        }
      }
    }
  };
}
