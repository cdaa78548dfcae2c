import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { memoryBus } from '../../src/bus/memory.js';
import { createStore } from '../../src/store/createStore.js';
import { appendEvents, type EventInput } from '../../src/store/event.js';
import { followLog } from '../../src/store/follow.js';
import { BATCH_BYTES, type LogBatch } from '../../src/store/page.js';
import { purgeSessions } from '../../src/store/purge.js';
import type { Caller, Event, Session } from '../../src/store/store.js';
import { FRESH_MS } from '../../src/store/stream.js';
import { bar, query } from '../support/sql.js';
import { openStore } from '../support/store.js';

const { store, database, url, newCaller, start, log, statements, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

type Follower = AsyncGenerator<LogBatch, void, void>;

async function append(caller: Caller, { id }: Session, count = 1, event: Partial<EventInput> = {}): Promise<bigint> {
  const events = Array.from({ length: count }, (): EventInput => ({ type: 'PROGRESS', level: 'INFO', ...event }));
  return (await appendEvents(store, caller, { sessionId: id, events })).position;
}

/** Reads on until the position has been told. */
async function readTo(follower: Follower, position: bigint): Promise<{ batches: LogBatch[]; events: Event[] }> {
  const batches: LogBatch[] = [];
  while ((batches.at(-1)?.position ?? -1n) < position) batches.push((await follower.next()).value!);
  return { batches, events: batches.flatMap(({ events }) => events) };
}

/** How many pages of the log have been read. */
const reads = (): number => statements.filter((sql) => sql.includes('log_purged')).length;

/** Resolves once this process has read the log up to there. */
const readUp = ({ projectId }: Caller, position: bigint) =>
  expect.poll(() => store.tail(projectId).head, { interval: 5 }).toBe(position);

describe('a follower', () => {
  test('from 0 is given what is there, and then what comes: each once and in order', async () => {
    const me = await newCaller();
    const session = await start(me);
    const there = await append(me, session, 3);
    await using follower = followLog(store, me.projectId, { after: 0n });

    const first = await follower.next();
    expect(first.value).toEqual({ events: await log(me), position: there, caughtUp: true, trimmedBefore: null });
    const writers = Array.from({ length: 16 }, async () => {
      for (let round = 0; round < 5; round++) await append(me, session, 2);
    });
    const { events } = await readTo(follower, there + 160n);

    await Promise.all(writers);
    expect(events).toEqual((await log(me)).slice(Number(there)));
  });

  test('from a position is given what comes after it', async () => {
    const me = await newCaller();
    const session = await start(me);
    await append(me, session, 10);
    await using follower = followLog(store, me.projectId, { after: 7n });

    expect((await follower.next()).value!.events).toEqual((await log(me)).slice(7));
  });

  test('from now is told at once where now is, and of nothing before', async () => {
    const me = await newCaller();
    const session = await start(me);
    const there = await append(me, session, 3);
    await using follower = followLog(store, me.projectId, { after: null });

    expect((await follower.next()).value).toEqual({ events: [], position: there, caughtUp: true, trimmedBefore: null });
    const position = await append(me, session);
    expect((await follower.next()).value).toMatchObject({ position, events: [{ position }] });
  });

  test('of an empty log is told so at once', async () => {
    const me = await newCaller();
    await using follower = followLog(store, me.projectId, { after: 0n });

    expect((await follower.next()).value).toMatchObject({ events: [], position: 0n, caughtUp: true });
  });

  test('that is slow reads its own way back, and misses and repeats nothing', async () => {
    const me = await newCaller();
    const session = await start(me);
    await using follower = followLog(store, me.projectId, { after: 0n });
    await follower.next();
    let position = 0n;
    for (let round = 0; round < 6; round++) position = await append(me, session, 500);
    await readUp(me, position);
    expect(store.tail(me.projectId).since(1n)).toBeNull();

    const { batches, events } = await readTo(follower, position);

    expect(events.map((event) => event.position)).toEqual(
      Array.from({ length: 3001 }, (_, index) => BigInt(index + 2)),
    );
    expect(Math.max(...batches.map((batch) => batch.events.length))).toBe(500);
    expect(batches.map(({ caughtUp }) => caughtUp).lastIndexOf(false)).toBeLessThan(batches.length - 1);
  });

  test('gets 20 events of 250 KiB in several batches, replayed and live', async () => {
    const me = await newCaller();
    const session = await start(me);
    const data = { text: 'x'.repeat(250 * 1024) };
    await using live = followLog(store, me.projectId, { after: null });
    await live.next();
    for (let round = 0; round < 4; round++) await append(me, session, 5, { data });
    const position = 22n;
    await readUp(me, position);
    await using replay = followLog(store, me.projectId, { after: 0n });

    for (const follower of [live, replay]) {
      const { batches } = await readTo(follower, position);
      expect(batches.length).toBeGreaterThan(1);
      for (const { events } of batches) {
        const bytes = events.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        expect(bytes).toBeLessThan(BATCH_BYTES + data.text.length + 100);
      }
    }
  });

  test('that asks for little moves on by an empty batch each 1,000 entries', async () => {
    const me = await newCaller();
    const session = await start(me);
    await using follower = followLog(store, me.projectId, { after: null, filter: { types: ['RESULT'] } });
    const batches: LogBatch[] = [(await follower.next()).value!];
    const reading = (async () => {
      while (batches.at(-1)!.events.length === 0) batches.push((await follower.next()).value!);
    })();

    for (let round = 0; round < 5; round++) await readUp(me, await append(me, session, 500));
    const position = await append(me, session, 1, { type: 'RESULT' });
    await reading;

    const quiet = batches.slice(1, -1).map((batch) => batch.position);
    expect(quiet).toEqual([1002n, 2002n]);
    expect(batches.at(-1)).toMatchObject({ position, events: [{ type: 'RESULT' }] });
  });

  test('that leaves while it waits has left at once, and nobody reads on for it', async () => {
    const me = await newCaller();
    const follower = followLog(store, me.projectId, { after: null });
    await follower.next();
    expect(store.tail(me.projectId).followers).toBe(1);
    const waiting = follower.next();

    await follower.return();

    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(store.tail(me.projectId).followers).toBe(0);
  });

  test('hears nothing of another project', async () => {
    const [me, other] = [await newCaller(), await newCaller()];
    const [mine, theirs] = [await start(me), await start(other)];
    await using follower = followLog(store, me.projectId, { after: null });
    await follower.next();

    await append(other, theirs, 5);
    const position = await append(me, mine);

    expect((await follower.next()).value).toMatchObject({ position, events: [{ sessionId: mine.id }, {}] });
  });

  test('from beyond the head of the log is refused', async () => {
    const me = await newCaller();
    await start(me);

    await expect(followLog(store, me.projectId, { after: 2n }).next()).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path: 'after' }] },
    });
    expect(store.tail(me.projectId).followers).toBe(0);
  });

  test('is served by the poll where every hint is lost', async () => {
    const me = await newCaller();
    const session = await start(me);
    const deaf = await createStore({ database, bus: memoryBus(), log: pino({ level: 'silent' }) });
    await using follower = followLog(deaf, me.projectId, { after: null });
    await follower.next();

    const position = await append(me, session);

    expect((await follower.next()).value).toMatchObject({ position });
    await deaf.close();
  });

  test('waits out a database that cannot answer, which is logged once', async () => {
    const me = await newCaller();
    const session = await start(me);
    const lines: { level: number; msg: string }[] = [];
    const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]) });
    const other = await createStore({ database, bus: memoryBus(), log: logger });
    await using follower = followLog(other, me.projectId, { after: null });
    await follower.next();
    const next = follower.next();

    await database.prisma.$executeRaw`ALTER TABLE events RENAME COLUMN metadata TO gone`;
    await expect.poll(() => lines.map(({ level }) => level)).toEqual([50]);
    await database.prisma.$executeRaw`ALTER TABLE events RENAME COLUMN gone TO metadata`;
    const position = await append(me, session);

    expect((await next).value).toMatchObject({ position });
    expect(lines.map(({ level }) => level)).toEqual([50, 30]);
    await other.close();
  });
});

describe('a follower that reads its own way', () => {
  /** Three pages, of which the second may have been read before anything can come in between. */
  const appendPages = async (caller: Caller): Promise<bigint> => {
    const session = await start(caller);
    const append500 = () => append(caller, session, 500, { data: { text: 'x'.repeat(10_000) } });
    await append500();
    return append500();
  };

  const failing = () => {
    const lines: string[] = [];
    const logger = pino({}, { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) });
    const told = () => lines.filter((line) => line.startsWith('a follower cannot read'));
    return createStore({ database, bus: memoryBus(), log: logger }).then((other) => ({ other, told }));
  };

  test('waits out a database that cannot answer, and misses and repeats nothing', async () => {
    const me = await newCaller();
    const position = await appendPages(me);
    const { other, told } = await failing();
    await using follower = followLog(other, me.projectId, { after: 0n });
    const first = (await follower.next()).value!;
    expect(first.caughtUp).toBe(false);

    await using barrier = await bar(url, 'events');
    const reading = readTo(follower, position);
    await expect.poll(() => barrier.breakOff().then(told)).toHaveLength(1);
    await barrier.release();

    const { events } = await reading;
    expect([...first.events, ...events].map((event) => event.position)).toEqual(
      Array.from({ length: Number(position) }, (_, index) => BigInt(index + 1)),
    );
    expect(told()).toHaveLength(1);
    await other.close();
  });

  test('leaves at once while it waits for the database', async () => {
    const me = await newCaller();
    await appendPages(me);
    const { other, told } = await failing();
    const follower = followLog(other, me.projectId, { after: 0n });
    await follower.next();

    await using barrier = await bar(url, 'events');
    const waiting = [follower.next(), follower.next()];
    await expect.poll(() => barrier.breakOff().then(told)).toHaveLength(1);
    await follower.return();

    expect((await Promise.all(waiting)).at(-1)).toEqual({ done: true, value: undefined });
    await barrier.release();
    await other.close();
  });

  test('has the next page read while the one before is made use of', async () => {
    const me = await newCaller();
    const position = await appendPages(me);
    const other = await createStore({ database, bus: memoryBus(), log: pino({ level: 'silent' }) });
    await using follower = followLog(other, me.projectId, { after: 0n });
    statements.length = 0;

    const first = (await follower.next()).value!;
    await expect.poll(reads).toBe(2);
    const { batches, events } = await readTo(follower, position);

    expect([first, ...batches].map(({ caughtUp }) => caughtUp)).toEqual([false, false, true]);
    expect([...first.events, ...events]).toEqual(await log(me));
    await other.close();
  });

  describe('of small events', () => {
    /** 500 events, 10 of a session of their own, 1,000 more; a follower who has been told of the first. */
    const openSmall = async () => {
      const me = await newCaller();
      const [session, gone] = [await start(me), await start(me)];
      await append(me, session, 500);
      const goneAt = await append(me, gone, 10);
      await append(me, session, 500);
      const position = await append(me, session, 500);
      const other = await createStore({ database, bus: memoryBus(), log: pino({ level: 'silent' }) });
      statements.length = 0;
      const follower = followLog(other, me.projectId, { after: 0n });
      const first = (await follower.next()).value!;
      const purge = () => purgeSessions(store, me, { filter: { sessionIds: [gone.id] }, force: true, dryRun: false });
      return { me, follower, first, position, goneAt, purge, close: () => other.close() };
    };

    test('is given several batches of one read', async () => {
      const { me, follower, first, position, close } = await openSmall();

      const { batches } = await readTo(follower, position);

      const all = [first, ...batches];
      // One of its own, and one of the tail, which looks whether there is more.
      expect(reads()).toBeLessThan(all.length);
      expect(all.map(({ events }) => events.length)).toEqual([500, 500, 500, Number(position) - 1_500]);
      expect(all.map(({ caughtUp }) => caughtUp)).toEqual([false, false, false, true]);
      for (const { events, position: told } of all) expect(events.at(-1)!.position).toBe(told);
      expect(all.flatMap(({ events }) => events)).toEqual(await log(me));
      await follower.return();
      await close();
    });

    test('is given what is left of them where it is slow', async () => {
      const { me, follower, first, position, goneAt, purge, close } = await openSmall();
      await delay(2 * FRESH_MS);
      await purge();

      const { events } = await readTo(follower, position);

      expect(events.map((event) => event.position)).not.toContain(goneAt);
      const left = (await log(me)).filter((event) => event.position > first.position && event.position <= position);
      expect(events.filter((event) => event.position <= position)).toEqual(left);
      await follower.return();
      await close();
    });
  });

  test('fails where its very first read does', async () => {
    const me = await newCaller();
    await start(me);
    const { other } = await failing();

    await query(url, 'ALTER TABLE events RENAME TO away');
    await expect(followLog(other, me.projectId, { after: 0n }).next()).rejects.toThrow();
    await query(url, 'ALTER TABLE away RENAME TO events');
    expect(other.tail(me.projectId).followers).toBe(0);
    await other.close();
  });
});

describe('a hundred followers', () => {
  test('cost the statements of one', async () => {
    const me = await newCaller();
    const session = await start(me);
    const followers = Array.from({ length: 100 }, () => followLog(store, me.projectId, { after: null }));
    await Promise.all(followers.map((follower) => follower.next()));
    statements.length = 0;

    for (let round = 0; round < 5; round++) {
      const position = await append(me, session);
      const batches = await Promise.all(followers.map((follower) => readTo(follower, position)));
      for (const { events } of batches) expect(events.at(-1)!.position).toBe(position);
    }

    // A hint that arrives while the tail reads lets it read once more, and so does each second that passes.
    expect(reads()).toBeLessThan(followers.length);
    expect(store.tail(me.projectId).followers).toBe(100);
    await Promise.all(followers.map((follower) => follower.return()));
    expect(store.tail(me.projectId).followers).toBe(0);
  });
});
