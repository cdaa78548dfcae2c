import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { Redis } from 'ioredis';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { beatTopicOf, topicOf, type Beat, type Hint } from '../../src/bus/bus.js';
import { redisBus } from '../../src/bus/redis.js';
import { canStartRedis, startRedis } from '../support/redis.js';

const lines: { level: number; msg: string; reason?: string }[] = [];
const log = pino(
  { level: 'info' },
  new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as (typeof lines)[number]);
      done();
    },
  }),
);
const logged = (part: string) => lines.filter(({ msg }) => msg.includes(part)).length;

/** Two servers' buses over a Redis that a test may break, and what the second hears of a project. */
async function start({ cluster = false } = {}) {
  const redis = await startRedis({ cluster });
  const connect = () => redisBus({ url: redis.url, log });
  const [speaker, hearer] = await Promise.all([connect(), connect()]);
  const project = randomUUID();
  const hints: Hint[] = [];
  await hearer.listen(project, (hint) => hints.push(hint));
  lines.length = 0;
  return {
    ...{ redis, connect, speaker, hearer, project, hints },
    status: () => [speaker.status(), hearer.status()],
    async [Symbol.asyncDispose]() {
      await Promise.all([speaker.close(), hearer.close()]);
      await redis.stop();
    },
  };
}

describe.skipIf(!canStartRedis)('the Redis bus', () => {
  describe.for([{ cluster: false }, { cluster: true }])('in an outage (cluster: $cluster)', ({ cluster }) => {
    it('says once that Redis is gone, and once that it is back, then makes every listener read again', async () => {
      await using two = await start({ cluster });
      await two.redis.kill();
      await expect.poll(two.status).toEqual(['degraded', 'degraded']);
      const late: Hint[] = [];
      const other = randomUUID();
      await two.hearer.listen(other, (hint) => late.push(hint));
      expect([...two.hints, ...late]).toEqual([]);
      await two.redis.restart();
      await expect.poll(two.status).toEqual(['ok', 'ok']);
      expect([two.hints[0], late[0]]).toEqual([null, null]);
      expect([logged('out of reach'), logged('is back')]).toEqual([2, 2]);
      two.speaker.announce(two.project, 1);
      two.speaker.announce(other, 2);
      // Either may be told once more to read again.
      await expect.poll(() => [two.hints.includes(1), late.includes(2)]).toEqual([true, true]);
    });

    it('gives up a Redis that is there and answers nothing, and returns with it', async () => {
      await using two = await start({ cluster });
      two.redis.pause();
      two.speaker.announce(two.project, 1);
      await expect.poll(two.status).toEqual(['degraded', 'degraded']);
      two.redis.resume();
      await expect.poll(two.status).toEqual(['ok', 'ok']);
      two.speaker.announce(two.project, 2);
      await expect.poll(() => two.hints).toContain(2);
    });
  });

  it('keeps the newest position of what is announced while its own connection is broken, and no other', async () => {
    await using two = await start();
    const admin = new Redis(two.redis.url);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await expect.poll(() => two.speaker.status(), { interval: 1 }).toBe('degraded');
    // It connects again at once: not before all is said.
    two.redis.pause();
    for (let position = 1; position <= 5_000; position++) {
      two.speaker.announce(two.project, position);
      if (position % 1_000 === 0) await new Promise(setImmediate);
    }
    two.redis.resume();
    // The listener's own return, which may come later, is a null.
    await expect.poll(() => two.hints).toContain(5_000);
    expect(two.hints.filter((hint) => hint !== null)).toEqual([5_000]);
    admin.disconnect();
  });

  const beat: Beat = {
    sessionId: 's',
    at: new Date(0).toISOString(),
    contextPercent: 1,
    currentEpic: null,
    activity: null,
  };

  it('keeps the beats of an outage to its own process, and carries the next ones', async () => {
    await using two = await start();
    const [here, elsewhere]: [Beat[], Beat[]] = [[], []];
    await two.speaker.listenBeats(two.project, (beats) => here.push(...beats));
    await two.hearer.listenBeats(two.project, (beats) => elsewhere.push(...beats));
    await two.redis.kill();
    await expect.poll(two.status).toEqual(['degraded', 'degraded']);
    const late: Beat[] = [];
    await two.speaker.listenBeats(two.project, (beats) => late.push(...beats));
    const meanwhile = { ...beat, activity: 'meanwhile' };
    two.speaker.tellBeats(two.project, [meanwhile]);
    await expect.poll(() => [here, late]).toEqual([[meanwhile], [meanwhile]]);
    await two.redis.restart();
    await expect.poll(two.status).toEqual(['ok', 'ok']);
    const next = { ...beat, sessionId: 'next' };
    two.speaker.tellBeats(two.project, [next]);
    await expect.poll(() => elsewhere).toEqual([next]);
    expect(here).toEqual([meanwhile, next]);
  });

  it('tells its own process of a beat once, and without waiting for Redis', async () => {
    await using two = await start();
    const [here, elsewhere]: [Beat[], Beat[]] = [[], []];
    await two.speaker.listenBeats(two.project, (beats) => here.push(...beats));
    await two.hearer.listenBeats(two.project, (beats) => elsewhere.push(...beats));
    two.redis.pause();
    two.speaker.tellBeats(two.project, [beat]);
    await expect.poll(() => here).toEqual([beat]);
    expect(two.status()).toEqual(['ok', 'ok']);
    two.redis.resume();
    await expect.poll(() => elsewhere).toEqual([beat]);
    // What it hears of another's beat comes after what it would hear of its own.
    const answer = { ...beat, sessionId: 'answer' };
    two.hearer.tellBeats(two.project, [answer]);
    await expect.poll(() => here).toEqual([beat, answer]);
  });

  it('keeps the newest beat of each session while Redis is slow', async () => {
    await using two = await start();
    const heard: Beat[] = [];
    await two.hearer.listenBeats(two.project, (beats) => heard.push(...beats));
    two.redis.pause();
    for (let second = 1; second <= 100; second++) {
      const at = new Date(second * 1000).toISOString();
      two.speaker.tellBeats(
        two.project,
        [1, 2].map((session) => ({ ...beat, sessionId: `${session}`, at })),
      );
      await new Promise(setImmediate);
    }
    two.redis.resume();
    const last = new Date(100_000).toISOString();
    await expect.poll(() => heard.filter(({ at }) => at === last)).toHaveLength(2);
    // The first ones were on their way already.
    expect(heard).toHaveLength(4);
  });

  it('takes nothing for a beat that is none', async () => {
    await using two = await start();
    const heard: Beat[] = [];
    await two.hearer.listenBeats(two.project, (beats) => heard.push(...beats));
    const client = new Redis(two.redis.url);
    const foreign = ['', '7', 'null', '{}', '[null]', '{"beats":null}', '{"beats":[null,{"sessionId":"s"}]}'];
    for (const text of [
      ...foreign,
      JSON.stringify({ beats: [{ ...beat, at: 'now' }, { ...beat, activity: 4 }, beat] }),
    ]) {
      await client.publish(beatTopicOf(two.project), text);
    }
    await expect.poll(() => heard).toEqual([beat]);
    client.disconnect();
  });

  it('starts without Redis, and finds it later', async () => {
    await using two = await start();
    await two.redis.kill();
    const early = await two.connect();
    expect(early.status()).toBe('degraded');
    const heard: Hint[] = [];
    await early.listen(two.project, (hint) => heard.push(hint));
    await two.redis.restart();
    await expect.poll(() => [early.status(), two.hearer.status()]).toEqual(['ok', 'ok']);
    expect(heard).toContain(null);
    early.announce(two.project, 6);
    await expect.poll(() => [heard.includes(6), two.hints.includes(6)]).toEqual([true, true]);
    await early.close();
  });

  it('closes while Redis is gone, and does not come back with it', async () => {
    await using two = await start();
    await two.redis.kill();
    await Promise.all([two.speaker.close(), two.hearer.close()]);
    two.speaker.announce(two.project, 1);
    await two.redis.restart();
    const client = new Redis(two.redis.url);
    const witness = await two.connect();
    const connected = String(await client.client('LIST')).split('\n');
    expect(connected.filter((line) => line.includes('name=lifeline-'))).toHaveLength(2);
    await witness.close();
    client.disconnect();
  });

  it('has one subscription for all listeners of a project, until the last one leaves', async () => {
    await using redis = await startRedis();
    const bus = await redisBus({ url: redis.url, log });
    const client = new Redis(redis.url);
    const project = randomUUID();
    const subscribers = async () => (await client.pubsub('NUMSUB', topicOf(project)))[1];
    const leave = await Promise.all([1, 2, 3].map(() => bus.listen(project, () => undefined)));
    expect(await subscribers()).toBe(1);
    leave[0]!();
    leave[1]!();
    expect(await subscribers()).toBe(1);
    leave[2]!();
    await expect.poll(subscribers).toBe(0);
    client.disconnect();
    await bus.close();
  });

  it('is degraded where Redis refuses the login, and keeps the password out of the log', async () => {
    await using redis = await startRedis();
    lines.length = 0;
    const bus = await redisBus({ url: redis.url.replace('redis://', 'redis://nobody:hunter2@'), log });
    expect(bus.status()).toBe('degraded');
    expect(lines).toEqual([expect.objectContaining({ reason: expect.stringContaining('WRONGPASS') as string })]);
    expect(JSON.stringify(lines)).not.toContain('hunter2');
    await bus.close();
  });
});
