// How long after its commit an event that is written through one server reaches a subscriber of another one, and how long
// bare Redis takes for a message meanwhile. Both servers, PostgreSQL and Redis are started for it, on this machine.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { createClient } from '../src/client/client.js';
import { AppendEventsDocument, StartSessionDocument } from '../src/client/operation.js';
import { startEmbedded } from '../src/database/embedded.js';
import { commitTimes, now } from '../tests/support/commit.js';
import { PERCENTILES, percentiles } from '../tests/support/percentile.js';
import { serve } from '../tests/support/program.js';
import { startRedis } from '../tests/support/redis.js';

const WARM_UP = 50;
const ROUNDS = 300;

/** Each append waits for the one before to be received, and each message for the append before it. */
async function measure(databaseUrl: string, redisUrl: string) {
  const env = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, LOG_LEVEL: 'warn' };
  await using writing = await serve(env);
  await using reading = await serve(env);
  const writer = createClient({ url: writing.url });
  const { startSession } = await writer.request(StartSessionDocument, { input: {} });
  const input = { sessionId: startSession.session.id, events: [{ type: 'PROGRESS' as const }] };

  const log = createClient({ url: reading.url }).tailLog()[Symbol.asyncIterator]();
  await log.next();
  const ping = await openPing(redisUrl);

  const received = new Map<number, number>();
  const messages: number[] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const arrival = log.next().then((batch) => ({ batch, at: now() }));
    const [{ batch, at }] = await Promise.all([arrival, writer.request(AppendEventsDocument, { input })]);
    if (batch.done) throw new Error('the subscription has ended');
    const message = await ping.take();
    if (round < WARM_UP) continue;
    received.set(batch.value.position, at);
    messages.push(message);
  }
  await log.return?.();
  ping.close();

  const committed = await commitTimes(databaseUrl);
  const events = Array.from(received, ([position, at]) => at - (committed.get(position) ?? NaN));
  return { events, messages };
}

/** Bare Redis: from the call that publishes to the message on another connection. */
async function openPing(url: string) {
  const [publisher, subscriber] = [new Redis(url), new Redis(url)];
  let hear = (): void => undefined;
  subscriber.on('message', () => hear());
  await subscriber.subscribe('bench');
  return {
    async take(): Promise<number> {
      const from = now();
      const heard = new Promise<number>((resolve) => (hear = () => resolve(now() - from)));
      await publisher.publish('bench', '1');
      return heard;
    },
    close: () => [publisher, subscriber].forEach((client) => client.disconnect()),
  };
}

function print(what: string, values: readonly number[], unit = ''): void {
  const columns = values.map((value, index) => `p${PERCENTILES[index]} ${value.toFixed(2).padStart(8)}${unit}`);
  process.stdout.write(`${what.padEnd(28)}${columns.join('   ')}\n`);
}

const dataDir = await mkdtemp(path.join(tmpdir(), 'lifeline-bench-'));
const settings = { track_commit_timestamp: 'on' };
const postgres = await startEmbedded({ dataDir, log: pino({ level: 'warn' }), settings });
const redis = await startRedis();
try {
  const { events, messages } = await measure(postgres.url, redis.url);
  const [event, message] = [percentiles(events), percentiles(messages)];
  print('event, commit → received', event, ' ms');
  print('Redis, publish → message', message, ' ms');
  print(
    'ratio',
    event.map((value, index) => value / (message[index] ?? NaN)),
  );
} finally {
  await redis.stop();
  await postgres.stop();
  await rm(dataDir, { recursive: true });
}
