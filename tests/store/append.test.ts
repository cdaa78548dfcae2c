import { afterAll, describe, expect, test } from 'vitest';
import { createStore } from '../../src/store/createStore.js';
import { endLocked, lockOpenSession, moveSession } from '../../src/store/lifecycle.js';
import { purgeSessions } from '../../src/store/purge.js';
import { createRun } from '../../src/store/run.js';
import type { Session } from '../../src/store/store.js';
import { transact } from '../../src/store/transaction.js';
import { sweep } from '../../src/store/watchdog.js';
import { many, numbered, openAppends } from '../support/appends.js';
import { race } from '../support/race.js';
import { hold, query } from '../support/sql.js';
import { typesOf } from '../support/store.js';
import { untilWaiting } from '../support/wait.js';

const {
  store,
  database,
  url,
  bus,
  statements,
  newCaller,
  start,
  read,
  log,
  append,
  finish,
  working,
  breaches,
  ...fixture
} = await openAppends();
afterAll(() => fixture[Symbol.asyncDispose]());

describe('an append to a session that works', () => {
  test('is one statement, whatever it is of', async () => {
    const me = await newCaller();
    const { run } = await createRun(store, me, {});
    const session = await working(me, { runId: run.id, conversation: { platform: 'p', externalId: 'x' } });
    const [cause] = await log(me);
    statements.length = 0;

    const { events, position } = await append(me, session, [
      { dedupeKey: 'call', causeId: cause!.id },
      { causeDedupeKey: 'call', dedupeKey: 'answer' },
      { type: 'CONTEXT_WINDOW_UPDATED', data: { contextPercent: 40 } },
      {
        type: 'CONTEXT_WINDOW_UPDATED',
        data: { contextPercent: 41.5 },
        occurredAt: new Date('1969-01-01T00:00:00.5Z'),
      },
    ]);

    expect(statements).toHaveLength(1);
    expect(events).toEqual((await log(me, session)).slice(-4));
    expect(position).toBe(events.at(-1)!.position);
    expect(events.map(({ causeId }) => causeId)).toEqual([cause!.id, events[0]!.id, null, null]);
    const where = { projectId_sessionId: { projectId: me.projectId, sessionId: session.id } };
    expect(await database.prisma.pulse.findUnique({ where })).toMatchObject({
      contextPercent: 41.5,
      recordedContext: 41.5,
      lastActivityAt: events[0]!.recordedAt,
    });
  });

  test('is announced, by the position of the last of its events', async () => {
    const me = await newCaller();
    const session = await working(me);
    const heard: (number | null)[] = [];
    await bus.listen(me.projectId, (position) => heard.push(position));

    const { position } = await append(me, session, [{}, {}]);

    await expect.poll(() => heard).toContain(Number(position));
  });

  test('leaves no gap where one of its events is there already, or its cause is not', async () => {
    const me = await newCaller();
    const session = await working(me);
    await append(me, session, [{ dedupeKey: 'a' }]);

    await append(me, session, [{ dedupeKey: 'b' }, { dedupeKey: 'a' }]);
    const unknown = append(me, session, [{}, { causeId: '01900000-0000-7000-8000-000000000001' }]);

    await expect(unknown).rejects.toMatchObject({ code: 'NOT_FOUND', extensions: { kind: 'Event' } });
    expect((await log(me)).map(({ position }) => position)).toEqual(numbered(1, 5));
  });
});

describe('appends at once', () => {
  test('of fifty to one session have consecutive sequences', async () => {
    const me = await newCaller();
    const session = await working(me);

    const answers = await many(50, (index) => append(me, session, [{ data: { index } }, {}]));

    const events = await log(me, session);
    expect(events.map(({ sequence }) => sequence)).toEqual(numbered(1, 103));
    for (const [index, answer] of answers.entries()) {
      const [first, second] = answer.events;
      expect(first!.data).toEqual({ index });
      expect(events).toContainEqual(first);
      expect(second!.sequence).toBe(first!.sequence! + 1n);
    }
  });

  test('of fifty to the sessions of one project have consecutive positions', { timeout: 120_000 }, async () => {
    const me = await newCaller();
    // In parts: it is the appends that are to meet.
    const sessions: Session[] = [];
    while (sessions.length < 50) sessions.push(...(await many(10, () => working(me))));

    await Promise.all(sessions.map((session) => append(me, session)));

    expect((await log(me)).map(({ position }) => position)).toEqual(numbered(1, 200));
    for (const session of sessions) {
      expect((await log(me, session)).map(({ sequence }) => sequence)).toEqual(numbered(1, 4));
    }
  });

  test('of the same keys, alone, with others and twice, make one event of each', async () => {
    const me = await newCaller();
    const session = await working(me);
    const calls = [['a'], ['b', 'a'], ['a', 'a'], ['a', 'c', 'b']];

    const answers = await many(40, (index) =>
      append(
        me,
        session,
        calls[index % calls.length]!.map((dedupeKey) => ({ dedupeKey })),
      ),
    );

    const ids = new Map<string | null, Set<string>>();
    for (const { dedupeKey, id } of answers.flatMap(({ events }) => events)) {
      ids.set(dedupeKey, (ids.get(dedupeKey) ?? new Set()).add(id));
    }
    expect([...ids.values()].map(({ size }) => size)).toEqual([1, 1, 1]);
    expect((await log(me, session)).map(({ sequence }) => sequence)).toEqual(numbered(1, 6));
  });
});

describe('an append that meets', () => {
  test('an end that is under way comes after it, and is refused', async () => {
    const me = await newCaller();
    const session = await working(me);

    const { refused } = await transact(store, me, async (tx) => {
      const locked = await lockOpenSession(tx, session.id);
      const refused = race([append(me, session)]);
      await untilWaiting(database, 1);
      await endLocked(tx, locked, { reason: 'FINISHED', outcome: 'SUCCESS' });
      return { refused };
    });

    expect(await refused).toMatchObject({ won: [], lost: [{ code: 'SESSION_ENDED' }] });
    expect(typesOf(await log(me, session)).slice(-2)).toEqual(['SESSION_ENDED', 'LATE_WRITE_REJECTED']);
  });

  test('a verdict that is under way takes it back', async () => {
    const me = await newCaller();
    const session = await working(me);

    const { appended } = await transact(store, me, async (tx) => {
      const locked = await lockOpenSession(tx, session.id);
      const appended = race([append(me, session)]);
      await untilWaiting(database, 1);
      await moveSession(tx, locked, 'stall');
      return { appended };
    });

    expect((await appended).won).toHaveLength(1);
    expect(typesOf(await log(me, session)).slice(-3)).toEqual(['SESSION_STALLED', 'SESSION_RECOVERED', 'PROGRESS']);
  });

  test('ends, two hundred times, is stored before the end or not at all', { timeout: 120_000 }, async () => {
    const me = await newCaller();
    for (let round = 0; round < 10; round++) {
      const sessions = await many(20, () => working(me));

      const answers = await Promise.all(
        sessions.map(async (session, index) => {
          const calls = [append(me, session), finish(me, session), append(me, session)];
          return race<unknown>(index % 2 === 0 ? calls : calls.reverse());
        }),
      );

      for (const { lost } of answers) for (const error of lost) expect(error).toMatchObject({ code: 'SESSION_ENDED' });
      for (const [index, session] of sessions.entries()) {
        const types = typesOf(await log(me, session));
        const stored = answers[index]!.won.length - 1;
        expect(types.filter((type) => type === 'PROGRESS')).toHaveLength(1 + stored);
        expect(types.indexOf('SESSION_ENDED')).toBe(types.lastIndexOf('PROGRESS') + 1);
      }
    }
    expect(await breaches()).toEqual([]);
  });

  test('verdicts of the watchdog wins, or is answered by a recovery', { timeout: 120_000 }, async () => {
    const me = await newCaller();
    const sessions = await many(20, () => working(me));
    const ids = sessions.map(({ id }) => `'${id}'`).join();
    await database.prisma.$executeRaw`
      INSERT INTO watchdog (id, ticked_at, hearing_since) VALUES (1, now(), now() - interval '1 day')`;
    for (let round = 0; round < 20; round++) {
      await database.prisma.$transaction([
        database.prisma.$executeRawUnsafe(`SET LOCAL session_replication_role = 'replica'`),
        database.prisma.$executeRawUnsafe(
          `UPDATE pulses SET last_activity_at = now() - interval '301 seconds' WHERE session_id IN (${ids})`,
        ),
      ]);

      await Promise.all([sweep(store, { intervalMs: 30_000 }), ...sessions.map((session) => append(me, session))]);

      for (const session of sessions) expect(await read(session)).toMatchObject({ state: 'WORKING' });
    }
    for (const session of sessions) {
      const types = typesOf(await log(me, session));
      const moves = types.filter((type) => /STALLED|RECOVERED/.test(type));
      expect(moves).toEqual(moves.map((_, index) => (index % 2 === 0 ? 'SESSION_STALLED' : 'SESSION_RECOVERED')));
      expect(types.filter((type) => type === 'PROGRESS')).toHaveLength(21);
    }
    expect(await breaches()).toEqual([]);
  });

  test('a purge finds the session gone, or goes with it', async () => {
    const me = await newCaller();
    const sessions = await many(20, () => working(me));
    const purge = { filter: { sessionIds: sessions.map(({ id }) => id) }, force: true, dryRun: false };

    const { lost } = await race<unknown>([
      ...sessions.map((session) => append(me, session)),
      purgeSessions(store, me, purge),
      ...sessions.map((session) => append(me, session)),
    ]);

    for (const error of lost) expect(error).toMatchObject({ code: 'NOT_FOUND' });
    expect(typesOf(await log(me))).toEqual(['SESSIONS_PURGED']);
    expect(await breaches()).toEqual([]);
  });
});

describe('an append', () => {
  test('runs again where it deadlocked', async () => {
    const me = await newCaller();
    const session = await working(me);
    let runs = 0;
    const count = () => (runs += 1);
    const observed = await createStore(store, { retried: count, beaten: () => 0, judged: () => 0, done: () => 0 });
    const appends: Promise<unknown>[] = [];

    // Backwards: each of the two comes to want what the other one holds.
    await transact(observed, me, async (tx) => {
      await tx.db.$queryRaw`SELECT p.id FROM projects p WHERE p.id = ${me.projectId}::uuid FOR NO KEY UPDATE`;
      if (appends.length === 0) {
        appends.push(append(me, session, [{}], observed));
        await untilWaiting(database, 1);
      }
      // Whichever finds out gives way; on a busy machine they may meet again.
      await lockOpenSession(tx, session.id);
      return {};
    });
    await Promise.all(appends);
    await observed.close();

    expect(runs).toBeGreaterThan(0);
    expect(typesOf(await log(me))).toEqual(['SESSION_STARTED', 'SESSION_STATE_CHANGED', 'PROGRESS', 'PROGRESS']);
  });

  test('is answered before its store is closed', async () => {
    const me = await newCaller();
    const session = await working(me);
    const closing = await createStore(store);
    const answered: string[] = [];

    const appended = append(me, session, [{}], closing).then(() => answered.push('append'));
    await closing.close().then(() => answered.push('close'));
    await appended;

    expect(answered).toEqual(['append', 'close']);
  });

  test('whose connection is lost is UNAVAILABLE, and is not tried again', async () => {
    const me = await newCaller();
    const session = await working(me);
    await using holder = await hold(url, `SELECT FROM sessions WHERE id = '${session.id}' FOR UPDATE`);

    const broken = race([append(me, session)]);
    await untilWaiting(database, 1);
    await query(
      url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );

    expect(await broken).toMatchObject({ won: [], lost: [{ code: 'UNAVAILABLE' }] });
    await holder.release();
    expect(await log(me, session)).toHaveLength(3);
  });
});
