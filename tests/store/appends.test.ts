import { afterAll, describe, expect, test } from 'vitest';
import { createStore } from '../../src/store/createStore.js';
import { createRun } from '../../src/store/run.js';
import type { Session } from '../../src/store/store.js';
import { many, numbered, openAppends } from '../support/appends.js';
import { race } from '../support/race.js';
import { hold } from '../support/sql.js';
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

describe('appends to several sessions at once', () => {
  test('are one statement and one announcement, and each is answered with its own events', async () => {
    const me = await newCaller();
    const { run } = await createRun(store, me, {});
    const inputs = [{ runId: run.id }, { conversation: { platform: 'p', externalId: 'x' } }, {}];
    const sessions = [];
    for (const input of inputs) sessions.push(await working(me, input));
    const before = await log(me);
    const heard: (number | null)[] = [];
    await bus.listen(me.projectId, (position) => heard.push(position));
    statements.length = 0;

    const answers = await Promise.all(
      sessions.map((session, index) =>
        append(me, session, [
          { type: 'CUSTOM', name: `"${index}" \\ NULL, {é}`, data: { index, text: 'a\n"b"\\ \u2028{,}' } },
          { type: 'CONTEXT_WINDOW_UPDATED', data: { contextPercent: index }, dedupeKey: 'same key' },
          { toolName: 'null', metadata: { index }, causeDedupeKey: 'same key', occurredAt: new Date(index) },
        ]),
      ),
    );

    expect(statements).toHaveLength(1);
    expect(answers.flatMap(({ events }) => events)).toEqual((await log(me)).slice(before.length));
    expect(answers.map(({ position }) => Number(position) - before.length)).toEqual([3, 6, 9]);
    await expect.poll(() => heard).toEqual([before.length + 9]);
    expect((await Promise.all(sessions.map(read))).map(({ runId }) => runId)).toEqual([run.id, null, null]);
    const pulses = await database.prisma.pulse.findMany({ where: { projectId: me.projectId } });
    expect(pulses.map(({ contextPercent }) => contextPercent).sort()).toEqual([0, 1, 2]);
    expect(await breaches()).toEqual([]);
  });

  test('go on without those that there is more to', async () => {
    const me = await newCaller();
    const [plain, repeated, other] = [await working(me), await working(me), await working(me)];
    const booting = await start(me);
    const ended = await working(me);
    await finish(me, ended);
    const [first] = (await append(me, repeated, [{ dedupeKey: 'a' }])).events;
    const length = (await log(me)).length;

    const [one, two, three, four, five] = await Promise.allSettled([
      append(me, plain, [{}, { dedupeKey: 'a' }]),
      append(me, repeated, [{ dedupeKey: 'b' }, { dedupeKey: 'a' }]),
      append(me, booting),
      append(me, ended),
      append(me, other),
    ]);

    expect(one).toMatchObject({ value: { events: [{}, { dedupeKey: 'a', sessionId: plain.id }] } });
    expect(two).toMatchObject({ value: { events: [{ dedupeKey: 'b' }, { id: first!.id }] } });
    expect(three).toMatchObject({ value: { events: [{ sequence: 3n }] } });
    expect(four).toMatchObject({ reason: { code: 'SESSION_ENDED' } });
    expect(five).toMatchObject({ value: { events: [{ sessionId: other.id, sequence: 4n }] } });
    // The events of the plain ones, the key that is new, the move and its event, and the late write.
    expect((await log(me)).map(({ position }) => position)).toEqual(numbered(1, length + 3 + 1 + 2 + 1));
    expect(await breaches()).toEqual([]);
  });

  test('are all written where the cause of one is not there, but for that one', async () => {
    const me = await newCaller();
    const sessions = [await working(me), await working(me), await working(me)];
    const causes = [null, '01900000-0000-7000-8000-000000000001', null];

    const outcomes = await Promise.allSettled(
      sessions.map((session, index) => append(me, session, [{}, { causeId: causes[index]! }])),
    );

    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'NOT_FOUND' } });
    expect((await log(me)).map(({ position }) => position)).toEqual(numbered(1, 13));
  });

  test('know nothing of the sessions of other projects', async () => {
    const [me, other] = [await newCaller(), await newCaller()];
    const [mine, theirs] = [await working(me), await working(other)];

    const outcomes = await Promise.allSettled([append(me, mine), append(me, theirs)]);

    expect(outcomes).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'NOT_FOUND' } }]);
    expect(await log(other, theirs)).toHaveLength(3);
  });

  test('do not wait for one whose session somebody holds', async () => {
    const me = await newCaller();
    const [held, ...free] = [await working(me), await working(me), await working(me)];
    await using holder = await hold(url, `SELECT FROM sessions WHERE id = '${held.id}' FOR UPDATE`);

    const waiting = append(me, held);
    const answers = await Promise.all(free.map((session) => append(me, session)));

    expect(answers).toHaveLength(2);
    await untilWaiting(database, 1);
    await holder.release();
    expect((await waiting).events).toMatchObject([{ sequence: 4n }]);
  });

  test('of two processes, with ends among them, leave no gap', { timeout: 120_000 }, async () => {
    const me = await newCaller();
    const another = await createStore(store);
    const sessions: Session[] = [];
    while (sessions.length < 20) sessions.push(...(await many(10, () => working(me))));

    const outcomes = await Promise.all(
      sessions.map((session, index) =>
        race<unknown>([
          append(me, session, [{ dedupeKey: 'a' }, {}]),
          append(me, session, [{ dedupeKey: 'a' }, {}, {}], another),
          ...(index % 4 === 0 ? [finish(me, session)] : []),
          append(me, session, [{ dedupeKey: 'b' }, {}], another),
        ]),
      ),
    );
    await another.close();

    for (const error of outcomes.flatMap(({ lost }) => lost)) expect(error).toMatchObject({ code: 'SESSION_ENDED' });
    const events = await log(me);
    expect(events.map(({ position }) => position)).toEqual(numbered(1, events.length));
    for (const session of sessions) {
      const own = events.filter(({ sessionId }) => sessionId === session.id);
      expect(own.map(({ sequence }) => sequence)).toEqual(numbered(1, own.length));
    }
    expect(await breaches()).toEqual([]);
  });
});
