import { JsonText } from '../../src/domain/jsonText.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../src/database/client.js';
import { appendEvents, type EventInput } from '../../src/store/event.js';
import { followLog } from '../../src/store/follow.js';
import { matches, readLog, WINDOW_ENTRIES, type LogFilter } from '../../src/store/page.js';
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

/** A log of so many PROGRESS, but for a RESULT at some positions. */
async function fillLog({ prisma }: Database, projectId: string, last: number, results: number[]): Promise<void> {
  await prisma.$executeRaw`
    INSERT INTO events (project_id, position, id, type, occurred_at, size_bytes)
    SELECT ${projectId}::uuid, n, gen_random_uuid(),
      CASE WHEN n = ANY (${results}::int[]) THEN 'RESULT' ELSE 'PROGRESS' END::event_type, now(), 4
    FROM generate_series(1, ${last}::int) n`;
  await prisma.project.update({ where: { id: projectId }, data: { logPosition: last } });
}

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

  test('has those fields of its events that are asked for, and what a page needs of them', async () => {
    const { events: found } = await readLog(store, me.projectId, { after: 2n, first: 3, fields: ['type', 'data'] });

    const parts = events
      .slice(2, 5)
      .map(({ position, type, data, sizeBytes }) => ({ position, type, data, sizeBytes }));
    expect(found.map((event) => ({ ...event, data: JSON.parse(JSON.stringify(event.data)) as unknown }))).toEqual(
      parts,
    );
    expect(found.every(({ data }) => (data as unknown) instanceof JsonText)).toBe(true);
  });

  test('has JSON that is much longer as PostgreSQL writes it as the value that it is', async () => {
    const other = await newCaller();
    const data = { numbers: Array.from({ length: 50 }, () => 1e308) };
    await transact(store, other, async (tx) => {
      tx.record({ type: 'PROGRESS', data });
      return {};
    });

    const { events: found } = await readLog(store, other.projectId, { after: 0n, first: 1, fields: ['data'] });

    expect(found).toMatchObject([{ data }]);
  });

  test('has every column of an event as a read by Prisma has it', async () => {
    const other = await newCaller();
    const { run } = await createRun(store, other, {});
    const session = await start(other, { runId: run.id, conversation: { platform: 'p', externalId: 'y' } });
    const [cause] = await log(other, session);
    const whole: EventInput = {
      type: 'CUSTOM',
      level: 'WARN',
      name: 'whole',
      toolName: 'Edit',
      dedupeKey: 'once',
      causeId: cause?.id ?? null,
      data: { text: 'é\u2028"' },
      metadata: { list: [1, 1.5, null] },
      occurredAt: new Date('2026-01-31T12:00:00.5Z'),
    };
    await appendEvents(store, other, { sessionId: session.id, events: [whole] });

    const { events: found } = await readLog(store, other.projectId, { after: 0n, first: 500 });

    expect(Object.values(found.find(({ name }) => name) ?? {})).not.toContain(null);
    expect(found).toEqual(await log(other));
  });

  test('of none asks only where the log stands', async () => {
    expect(await readLog(store, me.projectId, { after: 2n, first: 0 })).toMatchObject({ events: [], position: 2n });
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

  describe('that matches little of a long log', () => {
    const filter = { types: ['RESULT'] as const };
    const last = 2 * WINDOW_ENTRIES + 100;
    let projectId: string;
    const read = (after: number) => readLog(store, projectId, { after: BigInt(after), first: 500, filter });

    beforeAll(async () => {
      ({ projectId } = await newCaller());
      await fillLog(database, projectId, last, [WINDOW_ENTRIES, last - 1]);
    });

    test('looks at a part of it, and says how far', async () => {
      const half = BigInt(WINDOW_ENTRIES);
      expect(await read(0)).toMatchObject({ events: [{ position: half }], position: half, caughtUp: false });
      expect(await read(WINDOW_ENTRIES)).toMatchObject({ events: [], position: 2n * half, caughtUp: false });
      expect(await read(2 * WINDOW_ENTRIES)).toMatchObject({
        events: [{ position: BigInt(last - 1) }],
        position: BigInt(last),
        caughtUp: true,
      });
    });

    test('is followed to its end, each match once', async () => {
      await using follower = followLog(store, projectId, { after: 0n, filter });
      const found: bigint[] = [];
      for await (const { events, caughtUp } of follower) {
        found.push(...events.map(({ position }) => position));
        if (caughtUp) break;
      }
      expect(found).toEqual([BigInt(WINDOW_ENTRIES), BigInt(last - 1)]);
    });

    test('looks at no entry that was purged', async () => {
      await database.prisma.$transaction(async (tx) => {
        await tx.$executeRaw`SET LOCAL lifeline.purging = 'on'`;
        await tx.event.deleteMany({ where: { projectId, position: { lt: last - 1 } } });
        await tx.project.update({ where: { id: projectId }, data: { logPurged: last - 2 } });
      });
      const position = BigInt(last);
      expect(await read(0)).toMatchObject({ events: [{}], position, caughtUp: true, trimmedBefore: position - 1n });
    });
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
