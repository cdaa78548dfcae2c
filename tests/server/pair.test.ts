import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createClient } from '../../src/client/client.js';
import { AppendEventsDocument, StartSessionDocument } from '../../src/client/operation.js';
import { logBySocket, logByStream, writtenLog, type Entry, type Monitor } from '../support/monitor.js';
import { DEGRADED, OK, startPair } from '../support/pair.js';
import { canStartRedis } from '../support/redis.js';
import { openRelay } from '../support/relay.js';

/** Two servers, whose logs are written and compared. */
async function openPair() {
  const pair = await startPair();
  const { startSession } = await createClient({ url: pair.one }).request(StartSessionDocument, { input: {} });

  async function write(url: string): Promise<void> {
    const input = { sessionId: startSession.session.id, events: [{ type: 'PROGRESS' as const }] };
    await createClient({ url }).request(AppendEventsDocument, { input });
  }
  return {
    ...pair,
    write,
    /** Resolves when these have all that is written by now; rejects where one has anything else. */
    async haveAll(monitors: Monitor<Entry>[]): Promise<void> {
      const log = await writtenLog(pair.databaseUrl);
      const last = () => monitors.map(({ received }) => received.at(-1)?.position);
      await expect.poll(last).toEqual(monitors.map(() => log.length));
      for (const { received } of monitors) expect(received).toEqual(log);
    },
  };
}

describe.skipIf(!canStartRedis)('of two servers on one database', () => {
  it('each lets its subscribers hear at once of what is written through the other', async () => {
    await using pair = await openPair();
    const leaving = new AbortController();
    const log = createClient({ url: pair.other }).tailLog({ signal: leaving.signal })[Symbol.asyncIterator]();
    // From now on no server looks by itself after a while.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    await log.next();
    for (let round = 0; round < 21; round++) await Promise.all([pair.write(pair.one), log.next()]);
    leaving.abort();
    vi.useRealTimers();
  });

  it('none loses or repeats an event while Redis is killed, comes back, falls silent and speaks again', async () => {
    await using pair = await openPair();
    const { redis, one, other } = pair;
    await using direct = logBySocket(one);
    await using streamed = logByStream(one);
    await using otherDirect = logBySocket(other);
    await using otherStreamed = logByStream(other);
    const all = [direct, streamed, otherDirect, otherStreamed];

    /** Writes through both until both say that this is how they are, and once more. */
    async function writeUntil(health: typeof OK): Promise<void> {
      const writeAndLook = async () => {
        await Promise.all([one, other].map(pair.write));
        return pair.health();
      };
      await expect.poll(writeAndLook).toEqual([health, health]);
      await pair.write(one);
      await pair.haveAll(all);
    }

    await writeUntil(OK);
    await redis.kill();
    await writeUntil(DEGRADED);
    await redis.restart();
    await writeUntil(OK);
    redis.pause();
    await writeUntil(DEGRADED);
    redis.resume();
    await writeUntil(OK);
  });

  it('the subscribers of one that closes go on at the other without a loss', async () => {
    await using pair = await openPair();
    await using relay = await openRelay(pair.one);
    await using direct = logBySocket(relay.url);
    await using streamed = logByStream(relay.url);
    await pair.write(pair.one);
    await pair.haveAll([direct, streamed]);
    expect(relay.opened()).toBe(2);

    relay.lead(pair.other);
    const closed = pair.servers[0]!.close();
    const writeAndLook = async () => {
      await pair.write(pair.other);
      return relay.opened();
    };
    await expect.poll(writeAndLook).toBe(4);
    await closed;
    await pair.write(pair.other);
    await pair.haveAll([direct, streamed]);
  });
});
