// The store in this process, and bare node-postgres beside it: as many connections, as many at once.
import pg from 'pg';
import { pino } from 'pino';
import { memoryBus } from '../src/bus/memory.js';
import { openDatabase } from '../src/database/client.js';
import { createStore } from '../src/store/createStore.js';
import type { Caller, Store } from '../src/store/store.js';
import type { Side } from './case.js';

/** How many calls are under way at once, and how many connections there are for them: on either side. */
export const AT_ONCE = 10;

export interface Both {
  readonly store: Store;
  readonly bare: pg.Pool;
  readonly close: () => Promise<void>;
}

export async function openBoth(databaseUrl: string): Promise<Both> {
  const database = openDatabase(databaseUrl, { poolSize: AT_ONCE });
  const bus = memoryBus();
  const store = await createStore({ database, bus, log: pino({ level: 'silent' }) });
  const bare = new pg.Pool({ connectionString: databaseUrl, max: AT_ONCE });
  return {
    store,
    bare,
    async close() {
      await store.close();
      await bus.close();
      await database.close();
      await bare.end();
    },
  };
}

export const callerIn = (projectId: string): Caller => ({ projectId, name: 'bench', role: 'ADMIN', serverAdmin: true });

/** Repeats a piece of work by so many workers for a while: how many units of it were done a second. */
export function throughput(
  seconds: number,
  work: (worker: number) => Promise<unknown>,
  { units = 1, workers = AT_ONCE } = {},
): Side {
  return async () => {
    const from = performance.now();
    let done = 0;
    const repeat = async (worker: number): Promise<void> => {
      while (performance.now() - from < seconds * 1_000) {
        await work(worker);
        done += units;
      }
    };
    await Promise.all(Array.from({ length: workers }, (_, worker) => repeat(worker)));
    return done / ((performance.now() - from) / 1_000);
  };
}

/** How long a piece of work takes, in ms. */
export function duration(work: () => Promise<unknown>): Side {
  return async () => {
    const from = performance.now();
    await work();
    return performance.now() - from;
  };
}

/** One of these for each worker. */
export function part<Item>(items: readonly Item[], worker: number): Item {
  const item = items[worker % items.length];
  if (item === undefined) throw new Error('there is nothing for a worker to work on');
  return item;
}
