import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { appendEvents } from '../../src/store/event.js';
import { matches, readLog, type LogFilter } from '../../src/store/page.js';
import { createRun } from '../../src/store/run.js';
import type { Caller, Event } from '../../src/store/store.js';
import { transact } from '../../src/store/transaction.js';
import { openStore } from '../support/store.js';

const { store, database, newCaller, start, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

let me: Caller;
let events: Event[];
let filters: Record<string, LogFilter>;

beforeAll(async () => {
  me = await newCaller();
  const { run } = await createRun(store, me, {});
  const one = await start(me, { runId: run.id });
  const two = await start(me, { conversation: { platform: 'p', externalId: 'x' } });
  for (const { id: sessionId } of [one, two, one]) {
    await appendEvents(store, me, {
      sessionId,
      events: [
        { type: 'PROGRESS', level: 'INFO' },
        { type: 'ERROR', level: 'ERROR' },
        { type: 'RESULT', level: 'WARN' },
      ],
    });
  }
  events = await log(me);
  filters = {
    types: { types: ['PROGRESS', 'RESULT'] },
    'no types': { types: [] },
    levels: { levels: ['ERROR', 'WARN'] },
    sessionIds: { sessionIds: [one.id, crypto.randomUUID()] },
    'no sessions': { sessionIds: [] },
    runId: { runId: run.id },
    conversationId: { conversationId: two.conversationId },
    'all of them': { types: ['ERROR'], levels: ['ERROR'], sessionIds: [one.id], runId: run.id, conversationId: null },
    nothing: {},
  };
});

describe('a page of the log', () => {
  test('goes on from a position, as far as it is asked', async () => {
    const page = await readLog(store, me.projectId, { after: 2n, first: 3 });

    expect(page).toEqual({ events: events.slice(2, 5), position: 5n, caughtUp: false, trimmedBefore: null });
  });

  test.for([0, 1])('that ends with the log is caught up (%i more asked for)', async (more) => {
    const position = BigInt(events.length);

    const page = await readLog(store, me.projectId, { after: 2n, first: events.length - 2 + more });

    expect(page).toMatchObject({ position, caughtUp: true });
    expect(page.events).toEqual(events.slice(2));
  });

  test('of none asks only where the log stands', async () => {
    expect(await readLog(store, me.projectId, { after: 2n, first: 0 })).toMatchObject({ events: [], position: 2n });
  });

  test('has 500 events at most, and stands where they end', async () => {
    const other = await newCaller();
    await transact(store, other, async (tx) => {
      for (let index = 0; index < 600; index++) tx.record({ type: 'PROGRESS' });
      return {};
    });

    const page = await readLog(store, other.projectId, { after: 0n, first: 1_000 });

    expect([page.events.length, page.position, page.caughtUp]).toEqual([500, 500n, false]);
  });

  test('says from where on the log is left, where some after its start has been removed', async () => {
    const other = await newCaller();
    const { projectId } = other;
    await transact(store, other, async (tx) => {
      for (let index = 0; index < 10; index++) tx.record({ type: 'PROGRESS' });
      return {};
    });
    await database.prisma.$transaction(async (tx) => {
      await tx.$executeRaw`SET LOCAL lifeline.purging = 'on'`;
      await tx.event.deleteMany({ where: { projectId, position: { lte: 4n } } });
      await tx.project.update({ where: { id: projectId }, data: { logPurged: 4n } });
    });
    const read = (after: bigint) => readLog(store, projectId, { after, first: 2 });

    expect(await read(0n)).toMatchObject({ trimmedBefore: 5n, position: 6n, events: [{ position: 5n }, {}] });
    expect(await read(3n)).toMatchObject({ trimmedBefore: 5n });
    expect(await read(4n)).toMatchObject({ trimmedBefore: null });
  });

  test('from beyond the head, or from before the beginning, is refused', async () => {
    for (const after of [BigInt(events.length) + 1n, -1n]) {
      await expect(readLog(store, me.projectId, { after, first: 1 })).rejects.toMatchObject({
        code: 'VALIDATION',
        extensions: { issues: [{ path: 'after' }] },
      });
    }
  });
});

describe('a filter', () => {
  test('asks the same of the database and of an event at hand', async () => {
    for (const [name, filter] of Object.entries(filters)) {
      const page = await readLog(store, me.projectId, { after: 0n, first: 500, filter });
      expect(page.events, name).toEqual(events.filter((event) => matches(event, filter)));
      expect(page, name).toMatchObject({ position: BigInt(events.length), caughtUp: true });
    }
  });

  test('moves on past what does not match, but no further than it has looked', async () => {
    const filter = { types: ['RESULT'] as const };
    const [first, second] = events.filter(({ type }) => type === 'RESULT');

    const one = await readLog(store, me.projectId, { after: 0n, first: 1, filter });
    const two = await readLog(store, me.projectId, { after: one.position, first: 1, filter });

    expect([one, two]).toMatchObject([
      { events: [first], position: first!.position, caughtUp: false },
      { events: [second], position: second!.position, caughtUp: false },
    ]);
  });

  test('finds nothing of another project', async () => {
    const other = await newCaller();
    await start(other);

    for (const name of ['sessionIds', 'runId', 'conversationId']) {
      const page = await readLog(store, other.projectId, { after: 0n, first: 500, filter: filters[name] });
      expect(page.events).toEqual([]);
    }
  });
});
