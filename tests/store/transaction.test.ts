import { pino } from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { memoryBus } from '../../src/bus/memory.js';
import { Prisma } from '../../src/database/client.js';
import { transitionSession } from '../../src/store/conversation.js';
import { appendEvents } from '../../src/store/event.js';
import { endLocked, lockOpenSession, lockSession } from '../../src/store/lifecycle.js';
import { endSession, updateSession } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { transact, type Transaction } from '../../src/store/transaction.js';
import { openStore, typesOf } from '../support/store.js';

const bus = memoryBus();
const { store, database, newCaller, start, read, log, ...fixture } = await openStore({ bus });
afterAll(() => fixture[Symbol.asyncDispose]());

/** What the bus announces of a project; `settled` waits until everything announced so far has been heard. */
async function listen({ projectId }: Caller) {
  const heard: (number | null)[] = [];
  await bus.listen(projectId, (position) => heard.push(position));
  return heard;
}
const announced = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const late = (caller: Caller, { id }: Session) =>
  appendEvents(store, caller, { sessionId: id, events: [{ type: 'PROGRESS', level: 'INFO' }] });

describe('a transaction', () => {
  const renaming = (session: Session, title: string) =>
    Prisma.sql`UPDATE sessions SET title = ${title}
      WHERE project_id = ${session.projectId}::uuid AND id = ${session.id}::uuid AND title IS NULL`;
  const change = (caller: Caller, session: Session, title: string) =>
    transact(store, caller, async (tx) => {
      await lockSession(tx, session.id);
      tx.changeAlong(renaming(session, title), 1);
      tx.record({ type: 'PROGRESS', session });
      return {};
    });

  test('changes a row with its events, or writes nothing at all where that is not found', async () => {
    const me = await newCaller();
    const session = await start(me);
    await change(me, session, 'one');
    const before = await log(me);

    await expect(change(me, session, 'two')).rejects.toThrow(/division by zero/);

    expect(await read(session)).toMatchObject({ title: 'one' });
    expect(await log(me)).toEqual(before);
    await change(me, await start(me), 'three');
    expect((await log(me)).map(({ position }) => position)).toEqual([1n, 2n, 3n, 4n]);
  });

  test('changes all of several rows, or nothing', async () => {
    const me = await newCaller();
    const sessions = [await start(me), await start(me)];
    const rename = (title: string, rows: number) =>
      transact(store, me, async (tx) => {
        for (const { id } of sessions) await lockSession(tx, id);
        tx.changeAlong(Prisma.sql`UPDATE sessions SET title = ${title} WHERE project_id = ${me.projectId}::uuid`, rows);
        tx.record({ type: 'PROGRESS' });
        return {};
      });

    await expect(rename('one', 3)).rejects.toThrow(/division by zero/);
    expect(await read(sessions[0]!)).toMatchObject({ title: null });
    await rename('two', 2);
    expect(await Promise.all(sessions.map(read))).toMatchObject([{ title: 'two' }, { title: 'two' }]);
  });

  test('is announced after its commit, with the position by which it can be read', async () => {
    const me = await newCaller();
    const heard = await listen(me);
    const read: unknown[] = [];
    await bus.listen(me.projectId, () => void log(me).then((events) => read.push(events.length)));

    const { position } = await transact(store, me, async (tx) => {
      tx.record({ type: 'PROGRESS' });
      tx.record({ type: 'RESULT' });
      return {};
    });

    expect(position).toBe(2n);
    await expect.poll(() => heard).toEqual([2]);
    await expect.poll(() => read).toEqual([2]);
  });

  test('that writes nothing announces nothing, and answers with the position of the log', async () => {
    const me = await newCaller();
    await start(me);
    await announced();
    const heard = await listen(me);

    expect(await transact(store, me, async () => ({ a: 1 }))).toEqual({ a: 1, position: 1n });
    await announced();
    expect(heard).toEqual([]);
  });

  test('that fails between an end and a start leaves nothing and announces nothing', async () => {
    const me = await newCaller();
    const session = await start(me, { agentName: 'coder' });
    await announced();
    const heard = await listen(me);

    const failure = transact(store, me, async (tx) => {
      await endLocked(tx, await lockOpenSession(tx, session.id), { reason: 'FINISHED', outcome: 'SUCCESS' });
      throw new Error('half-way');
    });

    await expect(failure).rejects.toThrow('half-way');
    await announced();
    expect(heard).toEqual([]);
    expect(await read(session)).toEqual(session);
    expect(typesOf(await log(me))).toEqual(['SESSION_STARTED']);
  });

  test('that fails in the mutation itself, between its end and its start, leaves nothing either', async () => {
    const me = await newCaller();
    const session = await start(me, { agentName: 'coder' });
    await announced();
    const heard = await listen(me);
    // The database refuses the child: the end has been written by then.
    await database.prisma.$executeRaw`
      ALTER TABLE sessions ADD CONSTRAINT no_children CHECK (parent_id IS NULL) NOT VALID`;

    const failure = transitionSession(store, me, { sessionId: session.id, trigger: 'PLAN_TO_EXECUTE' });

    await expect(failure).rejects.toThrow('no_children');
    await database.prisma.$executeRaw`ALTER TABLE sessions DROP CONSTRAINT no_children`;
    await announced();
    expect(heard).toEqual([]);
    expect(await read(session)).toEqual(session);
    expect(typesOf(await log(me))).toEqual(['SESSION_STARTED']);
  });

  test('that fails as its log is written leaves no gap in the positions', async () => {
    const me = await newCaller();
    const session = await start(me);

    const failure = transact(store, me, async (tx) => {
      tx.record({ type: 'PROGRESS', session });
      tx.record({ type: 'CUSTOM', session });
      return {};
    });

    await expect(failure).rejects.toThrow('events_custom_named');
    await late(me, session);
    expect((await log(me)).map(({ position, sequence }) => [position, sequence])).toEqual(
      [1n, 2n, 3n].map((n) => [n, n]),
    );
  });

  test('runs its last steps once each, after all else and before its events are written', async () => {
    const me = await newCaller();
    const step = (tx: Transaction) => async () => void tx.record({ type: 'RESULT' });

    await transact(store, me, async (tx) => {
      tx.atLast('a', step(tx));
      tx.atLast('a', step(tx));
      tx.atLast('b', step(tx));
      tx.record({ type: 'PROGRESS' });
      return {};
    });

    expect(typesOf(await log(me))).toEqual(['PROGRESS', 'RESULT', 'RESULT']);
  });
});

describe('a transaction runs again', () => {
  test('where it deadlocked with another: both are done in the end', async () => {
    const me = await newCaller();
    const [one, two] = [await start(me), await start(me)];
    const name = new URL(fixture.url).pathname.slice(1);
    await database.prisma.$executeRawUnsafe(`ALTER DATABASE ${name} SET deadlock_timeout = '50ms'`);
    let runs = 0;
    let bothHoldOne: () => void = () => undefined;
    const met = new Promise<void>((resolve) => (bothHoldOne = resolve));
    const cross = (first: Session, second: Session) =>
      transact(store, me, async (tx) => {
        await lockSession(tx, first.id);
        runs += 1;
        if (runs === 2) bothHoldOne();
        await met;
        await lockSession(tx, second.id);
        tx.record({ type: 'PROGRESS', session: second });
        return {};
      });

    await Promise.all([cross(one, two), cross(two, one)]);

    expect(runs).toBe(3);
    expect(typesOf(await log(me)).slice(2)).toEqual(['PROGRESS', 'PROGRESS']);
  });

  test('where it could not be serialized', async () => {
    const me = await newCaller();
    const session = await start(me);
    let runs = 0;

    await transact(store, me, async (tx) => {
      runs += 1;
      await tx.db.$executeRaw`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`;
      await tx.db.$queryRaw`SELECT count(*) FROM sessions`;
      if (runs === 1) await updateSession(store, me, { sessionId: session.id, title: 'meanwhile' });
      await lockSession(tx, session.id);
      tx.record({ type: 'PROGRESS', session });
      return {};
    });

    expect(runs).toBe(2);
    expect(typesOf(await log(me))).toEqual(['SESSION_STARTED', 'SESSION_UPDATED', 'PROGRESS']);
  });

  test('for no other failure', async () => {
    let runs = 0;

    const failure = transact(store, await newCaller(), async (tx) => {
      runs += 1;
      await tx.db.$executeRaw`SELECT 1 / 0`;
      return {};
    });

    await expect(failure).rejects.toThrow('division by zero');
    expect(runs).toBe(1);
  });
});

describe('a write after the end', () => {
  test('is recorded at most once a minute, with the number of them, also of 20 at once', async () => {
    const me = await newCaller();
    const session = await start(me);
    await endSession(store, me, { sessionId: session.id, reason: 'FINISHED', outcome: 'SUCCESS' });
    const recorded = async () => (await log(me)).filter(({ type }) => type === 'LATE_WRITE_REJECTED');

    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => late(me, session)));

    for (const answer of answers) expect(answer).toMatchObject({ reason: { code: 'SESSION_ENDED' } });
    expect((await recorded()).map(({ data, level }) => ({ data, level }))).toEqual([
      { data: { count: 1, by: me.name }, level: 'WARN' },
    ]);

    await database.prisma.pulse.updateMany({
      where: { sessionId: session.id },
      data: { lateWriteRecordedAt: new Date(Date.now() - 61_000) },
    });
    await Promise.allSettled([late(me, session), late(me, session)]);

    expect((await recorded()).map(({ data }) => data)).toEqual([
      { count: 1, by: me.name },
      { count: 20, by: me.name },
    ]);
    expect(await read(session)).toMatchObject({ version: 2 });
  });

  test('is recorded for each session on its own, under its own sequence', async () => {
    const me = await newCaller();
    const sessions = [await start(me), await start(me)];
    for (const { id } of sessions) await endSession(store, me, { sessionId: id, reason: 'FAILED', outcome: 'FAILURE' });

    await Promise.allSettled(sessions.map((session) => late(me, session)));

    for (const session of sessions) {
      expect(typesOf(await log(me, session))).toEqual(['SESSION_STARTED', 'SESSION_ENDED', 'LATE_WRITE_REJECTED']);
    }
  });

  test('is refused like every other where it cannot be recorded, which is logged', async () => {
    const me = await newCaller();
    const session = await start(me);
    await endSession(store, me, { sessionId: session.id, reason: 'FINISHED', outcome: 'SUCCESS' });
    const lines: string[] = [];
    const other = { ...store, log: pino({}, { write: (line: string) => void lines.push(line) }) };

    await database.prisma.$executeRaw`ALTER TABLE pulses RENAME COLUMN late_writes TO gone`;
    const attempt = appendEvents(other, me, { sessionId: session.id, events: [{ type: 'PROGRESS', level: 'INFO' }] });
    await expect(attempt).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    await database.prisma.$executeRaw`ALTER TABLE pulses RENAME COLUMN gone TO late_writes`;

    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('a late write could not be recorded');
    expect(typesOf(await log(me))).not.toContain('LATE_WRITE_REJECTED');
  });
});
