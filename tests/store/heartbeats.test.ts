import { afterAll, describe, expect, test } from 'vitest';
import type { Beat } from '../../src/bus/bus.js';
import { newId } from '../../src/domain/id.js';
import { createStore } from '../../src/store/createStore.js';
import { appendEvents } from '../../src/store/event.js';
import { heartbeat, heartbeats, type HeartbeatAnswer, type HeartbeatInput } from '../../src/store/heartbeat.js';
import { endSession } from '../../src/store/session.js';
import { sendSignal } from '../../src/store/signal.js';
import type { Caller, Session } from '../../src/store/store.js';
import { openRelay } from '../support/relay.js';
import { openStore, typesOf } from '../support/store.js';
import { openDatabase } from '../../src/database/client.js';

const { store, database, newCaller, start, read, log, statements, url, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const pulseOf = ({ projectId, id: sessionId }: Session) =>
  database.prisma.pulse.findUniqueOrThrow({ where: { projectId_sessionId: { projectId, sessionId } } });

/** Sessions at work, whose next plain beat has nothing to tell. */
async function working(caller: Caller, count: number): Promise<Session[]> {
  const sessions: Session[] = [];
  while (sessions.length < count) sessions.push(await start(caller));
  await heartbeats(
    store,
    caller,
    sessions.map(({ id }) => ({ sessionId: id, contextPercent: 10 })),
  );
  return sessions;
}

const codeOf = (outcome: PromiseSettledResult<HeartbeatAnswer> | undefined): unknown =>
  outcome?.status === 'rejected' ? (outcome.reason as { code: string }).code : outcome?.value.recommendedAction;

describe('heartbeats at once', () => {
  test('of many callers and projects go together, in few statements', async () => {
    const [me, other] = [await newCaller(), await newCaller()];
    const mine = await working(me, 30);
    const theirs = await working(other, 10);
    statements.length = 0;

    await Promise.all([
      ...mine.map(({ id }, index) => heartbeat(store, me, { sessionId: id, activity: `a${index}` })),
      ...theirs.map(({ id }) => heartbeat(store, other, { sessionId: id, activity: 'theirs' })),
    ]);

    expect(statements).toHaveLength(1);
    expect(await Promise.all(mine.map(async (session) => (await pulseOf(session)).activity))).toEqual(
      mine.map((_, index) => `a${index}`),
    );
    expect(await pulseOf(theirs[0]!)).toMatchObject({ activity: 'theirs' });
  });

  test('of 500 sessions in one call are one statement', async () => {
    const me = await newCaller();
    const sessions = await working(me, 20);
    const inputs = Array.from({ length: 500 }, (_, index) => ({
      sessionId: sessions[index % 20]!.id,
      contextPercent: 11,
    }));
    statements.length = 0;

    const outcomes = await heartbeats(store, me, inputs);

    expect(outcomes.map((outcome) => outcome.status === 'fulfilled' && outcome.value.sessionId)).toEqual(
      inputs.map(({ sessionId }) => sessionId),
    );
    expect(statements).toHaveLength(1);
  });

  test('that arrive while a statement is under way go out together in the next one', async () => {
    const me = await newCaller();
    const sessions = await working(me, 20);
    statements.length = 0;

    const first = heartbeat(store, me, { sessionId: sessions[0]!.id });
    while (statements.length === 0) await new Promise(setImmediate);
    await Promise.all([first, ...sessions.map(({ id }) => heartbeat(store, me, { sessionId: id, activity: 'next' }))]);

    expect(statements).toHaveLength(2);
  });

  test('of one session count as one that says the last of all that they say', async () => {
    const me = await newCaller();
    const [session] = (await working(me, 1)) as [Session];
    const say = (more: Partial<HeartbeatInput>) => ({ sessionId: session.id, ...more });

    await heartbeats(store, me, [
      say({ contextPercent: 90, currentEpic: 'E', activity: 'first' }),
      say({ contextPercent: 50 }),
      say({ activity: 'last' }),
      say({}),
    ]);

    expect(await pulseOf(session)).toMatchObject({ contextPercent: 50, currentEpic: 'E', activity: 'last' });
    const told = (await log(me, session)).filter(({ type }) => type === 'CONTEXT_WINDOW_UPDATED');
    expect(told.map(({ data }) => data)).toEqual([{ contextPercent: 10 }, { contextPercent: 50 }]);
  });

  test('of one session that tell of its life and its death are taken in their order', async () => {
    const me = await newCaller();
    const [revenant, dead] = (await working(me, 2)) as [Session, Session];
    const order = [true, true, false, true];

    await heartbeats(store, me, [
      ...order.map((processAlive) => ({ sessionId: revenant.id, processAlive })),
      ...order.slice(0, 3).map((processAlive) => ({ sessionId: dead.id, processAlive })),
    ]);

    expect(typesOf(await log(me, revenant)).slice(-2)).toEqual(['SESSION_ZOMBIE', 'SESSION_CONTRADICTION']);
    expect(typesOf(await log(me, dead)).at(-1)).toBe('SESSION_ZOMBIE');
  });

  test('of one session that follow the evidence of its death are taken after it, the last one last', async () => {
    const me = await newCaller();
    const [session] = (await working(me, 1)) as [Session];
    const say = (activity: string) => ({ sessionId: session.id, activity });

    await heartbeats(store, me, [{ sessionId: session.id, processAlive: false }, say('first'), say('last')]);

    expect(typesOf(await log(me, session)).slice(-2)).toEqual(['SESSION_ZOMBIE', 'SESSION_CONTRADICTION']);
    expect(await pulseOf(session)).toMatchObject({ activity: 'last' });
  });

  test('keep whatever text they say, and say of it what the long way says', async () => {
    const me = await newCaller();
    const [plain, telling] = (await working(me, 2)) as [Session, Session];
    const told: Beat[] = [];
    const leave = await store.bus.listenBeats(me.projectId, (beats) => void told.push(...beats));
    const texts = ['null', 'NULL', '{a,b}', '"quoted" \\back\\"', 'two\nlines\t\u0001', ' ', '', '😀 é', null];

    for (const [index, activity] of texts.entries()) {
      const inputs = [plain, telling].map(({ id: sessionId }) => {
        return { sessionId, activity, ...(index % 2 === 0 && { contextPercent: 8 + index / 3 }) };
      });
      // Whoever is not known to be quiet goes the long way.
      await database.prisma.pulse.updateMany({ where: { sessionId: telling.id }, data: { quiet: false } });
      statements.length = 0;
      const [short, long] = await heartbeats(store, me, inputs);
      expect(statements.length).toBeGreaterThan(1);

      expect(short).toMatchObject({ status: 'fulfilled', value: { recommendedAction: 'NONE', signals: [] } });
      expect(long).toEqual({ ...short, value: { recommendedAction: 'NONE', signals: [], sessionId: telling.id } });
      const { sessionId: _one, lastHeartbeatAt, lastActivityAt, ...ours } = await pulseOf(plain);
      expect(await pulseOf(telling)).toMatchObject(ours);
      expect(lastActivityAt).toEqual(lastHeartbeatAt);
      expect(ours.activity).toBe(activity ?? texts.at(-2));
    }
    const said = async ({ id }: Session) => {
      await expect.poll(() => told.filter(({ sessionId }) => sessionId === id)).toHaveLength(texts.length);
      return told.filter(({ sessionId }) => sessionId === id).map(({ at: _at, sessionId: _id, ...rest }) => rest);
    };
    expect(await said(plain)).toEqual(await said(telling));
    leave();
  });

  test('and what they add to the log at once stand in nobody’s way, and neither is lost', async () => {
    const me = await newCaller();
    const sessions = await working(me, 20);
    const before = await pulseOf(sessions[0]!);

    const [beaten] = await Promise.all([
      Promise.all(
        Array.from({ length: 10 }, (_, round) =>
          heartbeats(
            store,
            me,
            sessions.map(({ id }) => ({ sessionId: id, activity: `round ${round}` })),
          ),
        ),
      ),
      ...sessions.flatMap(({ id }) =>
        Array.from({ length: 5 }, () =>
          appendEvents(store, me, { sessionId: id, events: [{ type: 'PROGRESS', level: 'INFO' }] }),
        ),
      ),
    ]);

    expect(beaten.flat().filter(({ status }) => status === 'rejected')).toEqual([]);
    for (const session of sessions) {
      expect(await pulseOf(session)).toMatchObject({
        activity: 'round 9',
        eventSequence: before.eventSequence + 5n,
      });
    }
  });

  test('are answered each on its own, in the order of the call', async () => {
    const me = await newCaller();
    const [plain, wanted, full] = (await working(me, 3)) as [Session, Session, Session];
    const [booting, ended] = [await start(me), await start(me)];
    const theirs = await start(await newCaller());
    await endSession(store, me, { sessionId: ended.id, reason: 'FINISHED', outcome: 'SUCCESS' });
    const { signal } = await sendSignal(store, me, { sessionId: wanted.id, kind: 'STOP' });

    const outcomes = await heartbeats(store, me, [
      { sessionId: newId() },
      { sessionId: plain.id },
      { sessionId: ended.id },
      { sessionId: wanted.id },
      { sessionId: plain.id, contextPercent: 101 },
      { sessionId: full.id, contextPercent: 80 },
      { sessionId: theirs.id },
      { sessionId: booting.id },
      { sessionId: ended.id, processAlive: false },
    ]);

    expect(outcomes.map(codeOf)).toEqual([
      ...['NOT_FOUND', 'NONE', 'SESSION_ENDED', 'STOP', 'VALIDATION'],
      ...['CHECKPOINT', 'NOT_FOUND', 'NONE', 'SESSION_ENDED'],
    ]);
    expect(outcomes[3]).toMatchObject({ value: { signals: [signal] } });
    expect(outcomes[4]).toMatchObject({ reason: { extensions: { issues: [{ path: 'inputs.4.contextPercent' }] } } });
    expect(await read(booting)).toMatchObject({ state: 'WORKING' });
    expect(typesOf(await log(me, ended)).filter((type) => type === 'LATE_WRITE_REJECTED')).toHaveLength(1);
  });

  test.for([0, 1_001])('are refused whole where there are %d', async (length) => {
    const sessionId = newId();
    await expect(
      heartbeats(
        store,
        await newCaller(),
        Array.from({ length }, () => ({ sessionId })),
      ),
    ).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path: 'inputs' }] },
    });
  });
});

describe('two servers', () => {
  test('that take the beats of the same sessions in opposite order get in nobody’s way', async () => {
    const me = await newCaller();
    const sessions = await working(me, 200);
    const elsewhere = openDatabase(url);
    const other = await createStore({ database: elsewhere, bus: store.bus, log: store.log });
    const inputs = sessions.map(({ id }) => ({ sessionId: id, activity: 'racing' }));

    const rounds = Array.from({ length: 5 }, () => [
      heartbeats(store, me, inputs),
      heartbeats(other, me, inputs.toReversed()),
    ]);
    const outcomes = (await Promise.all(rounds.flat())).flat();

    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(outcomes).toHaveLength(2_000);
    await other.close();
    await elsewhere.close();
  });

  test('let the beats of others pass while one session is locked, and its own wait', async () => {
    const me = await newCaller();
    const [locked, free] = (await working(me, 2)) as [Session, Session];
    const before = await pulseOf(locked);
    let late: Promise<HeartbeatAnswer> | undefined;

    await database.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT FROM pulses WHERE session_id = ${locked.id}::uuid FOR NO KEY UPDATE`;
      late = heartbeat(store, me, { sessionId: locked.id, activity: 'late' });
      await heartbeat(store, me, { sessionId: free.id, activity: 'free' });
      expect(await pulseOf(locked)).toEqual(before);
    });

    expect(await late).toMatchObject({ recommendedAction: 'NONE' });
    expect(await pulseOf(locked)).toMatchObject({ activity: 'late' });
    expect(await pulseOf(free)).toMatchObject({ activity: 'free' });
  });
});

test('a beat that waits for its turn is not taken after one that came later', async () => {
  const me = await newCaller();
  const [session, bystander, ...locked] = (await working(me, 12)) as [Session, Session, ...Session[]];
  let older: Promise<unknown> | undefined;
  let newer: Promise<unknown> | undefined;

  await database.prisma.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT FROM pulses WHERE session_id = ANY(${locked.map(({ id }) => id)}::uuid[]) FOR NO KEY UPDATE`;
    const inputs = locked.map(({ id }) => ({ sessionId: id, currentEpic: 'locked' }));
    const old = { sessionId: session.id, contextPercent: 10, currentEpic: 'old' };
    older = heartbeats(store, me, [...inputs, old]);
    await heartbeat(store, me, { sessionId: bystander.id });
    newer = heartbeat(store, me, { sessionId: session.id, contextPercent: 20, currentEpic: 'new' });
    // Time enough for a beat that nothing holds back.
    for (let round = 0; round < 20; round++) await heartbeat(store, me, { sessionId: bystander.id });
  });
  await Promise.all([older, newer]);

  expect(await pulseOf(session)).toMatchObject({ contextPercent: 20, currentEpic: 'new' });
  const told = (await log(me, session)).filter(({ type }) => type === 'SESSION_UPDATED');
  expect(told.map(({ data }) => (data as { currentEpic: string }).currentEpic)).toEqual(['old', 'new']);
});

describe('a database that is out of reach', () => {
  test('fails each beat of a statement with UNAVAILABLE, and none after its return', async () => {
    const me = await newCaller();
    const sessions = await working(me, 3);
    const inputs = sessions.map(({ id }) => ({ sessionId: id }));
    await using relay = await openRelay(url);
    const far = openDatabase(relay.url);
    const away = await createStore({ database: far, bus: store.bus, log: store.log });

    relay.lead('postgres://127.0.0.1:1');
    relay.cut();
    const lost = await heartbeats(away, me, inputs);
    expect(lost.map(codeOf)).toEqual(['UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE']);

    relay.lead(url);
    expect((await heartbeats(away, me, inputs)).map(codeOf)).toEqual(['NONE', 'NONE', 'NONE']);
    await away.close();
    await far.close();
  });
});

test('a store that closes answers the beats under way', async () => {
  const me = await newCaller();
  const [session] = (await working(me, 1)) as [Session];
  const booting = await start(me);
  const own = await createStore({ database, bus: store.bus, log: store.log });
  const answers: unknown[] = [];
  for (const { id } of [session, booting]) {
    void heartbeat(own, me, { sessionId: id, activity: 'last words' }).then((answer) => answers.push(answer.sessionId));
  }

  await own.close();
  for (const each of [session, booting]) expect(await pulseOf(each)).toMatchObject({ activity: 'last words' });
  await expect.poll(() => answers.toSorted()).toEqual([session.id, booting.id].toSorted());
});
