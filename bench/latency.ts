// How soon somebody at another server knows: what is written through one server, and followed through a second one that has
// only Redis and the database in common with it.
import { createClient } from '../src/client/client.js';
import { AppendEventsDocument, StartSessionDocument } from '../src/client/operation.js';
import { now } from '../tests/support/commit.js';
import type { Case } from './case.js';
import { commitsOf } from './fanout.js';
import { serveBench } from './place.js';
import { median } from './round.js';

const MOST_MS = 50;

/** Each append waits for the one before to be received. */
const latency: Case = {
  name: 'commit → received through another server and Redis, median',
  against: `${MOST_MS} ms`,
  unit: 'ms',
  better: 'lower',
  mark: 1,
  async sides(place) {
    const reading = await serveBench(place.databaseUrl, place.redisUrl);
    const writer = createClient({ url: place.url });
    const { startSession } = await writer.request(StartSessionDocument, { input: {} });
    const input = { sessionId: startSession.session.id, events: [{ type: 'PROGRESS' as const }] };
    const log = createClient({ url: reading.url }).tailLog()[Symbol.asyncIterator]();
    await log.next();
    // The first event of a session moves its state, and is no plain one.
    await Promise.all([log.next(), writer.request(AppendEventsDocument, { input })]);
    return {
      async ours() {
        const received = new Map<number, number>();
        for (let count = place.quick ? 10 : 100; count > 0; count--) {
          const arrival = log.next().then((batch) => ({ batch, at: now() }));
          const [{ batch, at }] = await Promise.all([arrival, writer.request(AppendEventsDocument, { input })]);
          if (batch.done) throw new Error('the subscription has ended');
          received.set(batch.value.position, at);
        }
        const committed = await commitsOf(place, [...received.keys()]);
        return median(Array.from(received, ([position, at]) => at - (committed.get(position) ?? NaN)));
      },
      theirs: () => Promise.resolve(MOST_MS),
      async close() {
        await log.return?.();
        await reading[Symbol.asyncDispose]();
      },
    };
  },
};

export const latencyCases: readonly Case[] = [latency];
