import { afterAll, describe, expect, test } from 'vitest';
import { replay } from '../../src/domain/replay.js';
import { heartbeat, type HeartbeatInput } from '../../src/store/heartbeat.js';
import { moveSession, lockOpenSession } from '../../src/store/lifecycle.js';
import { endSession } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { transact } from '../../src/store/transaction.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, statements, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const beat = (caller: Caller, { id }: Session, input: Partial<HeartbeatInput> = {}) =>
  heartbeat(store, caller, { sessionId: id, ...input });
const pulseOf = ({ projectId, id: sessionId }: Session) =>
  database.prisma.pulse.findUniqueOrThrow({ where: { projectId_sessionId: { projectId, sessionId } } });
const count = (types: string[], type: string) => types.filter((each) => each === type).length;

describe('a heartbeat', () => {
  test('brings a booting session to work, once also where 20 come at once', async () => {
    const me = await newCaller();
    const session = await start(me);

    await Promise.all(Array.from({ length: 20 }, () => beat(me, session)));

    const events = await log(me);
    expect(typesOf(events)).toEqual(['SESSION_STARTED', 'SESSION_STATE_CHANGED']);
    expect(events[1]!.data).toEqual({ from: 'BOOTING', to: 'WORKING' });
    expect(await read(session)).toMatchObject({ state: 'WORKING', version: 2 });
  });

  test('that changes nothing is one statement, and the log does not hear of it', async () => {
    const me = await newCaller();
    const session = await start(me);
    await beat(me, session, { currentEpic: 'E' });
    const before = await log(me);
    statements.length = 0;

    await beat(me, session, { activity: 'reading', currentEpic: 'E' });

    expect(statements).toHaveLength(1);
    expect(await log(me)).toEqual(before);
  });

  test('moves heartbeat and activity on, and keeps what it does not mention', async () => {
    const me = await newCaller();
    const session = await start(me);
    await beat(me, session, { contextPercent: 40, currentEpic: 'E', activity: 'reading' });
    const first = await pulseOf(session);
    // Two beats may fall on one millisecond, as which the database keeps them.
    const isLater = () => database.prisma.$queryRaw`SELECT now()::timestamptz(3) > ${first.lastHeartbeatAt} AS later`;
    await expect.poll(isLater, { interval: 1 }).toEqual([{ later: true }]);

    await beat(me, session);

    const second = await pulseOf(session);
    expect(second).toMatchObject({ contextPercent: 40, currentEpic: 'E', activity: 'reading' });
    expect(second.lastHeartbeatAt! > first.lastHeartbeatAt!).toBe(true);
    expect(second.lastActivityAt).toEqual(second.lastHeartbeatAt);
  });

  test('never moves the signs of life back', async () => {
    const session = await start(await newCaller());
    const later = new Date(Date.now() + 60_000);
    const { projectId, id: sessionId } = session;
    const where = { projectId_sessionId: { projectId, sessionId } };
    await database.prisma.pulse.update({ where, data: { lastHeartbeatAt: later, lastActivityAt: later } });

    await beat({ ...fixture.caller, projectId }, session);
    await beat({ ...fixture.caller, projectId }, session);

    expect(await pulseOf(session)).toMatchObject({ lastHeartbeatAt: later, lastActivityAt: later });
  });

  test('wakes no suspended session, but is kept', async () => {
    const me = await newCaller();
    const session = await start(me);
    await transact(store, me, async (tx) => moveSession(tx, await lockOpenSession(tx, session.id), 'suspend'));

    await beat(me, session, { contextPercent: 3 });

    expect(await read(session)).toMatchObject({ state: 'SUSPENDED' });
    expect(await pulseOf(session)).toMatchObject({ contextPercent: 3, lastHeartbeatAt: expect.any(Date) as Date });
  });

  test('lets a stalled session recover, and clears what belonged to the stall', async () => {
    const me = await newCaller();
    const session = await start(me);
    const evidence = { silentSeconds: 301 };
    await transact(store, me, async (tx) =>
      moveSession(tx, await lockOpenSession(tx, session.id), 'stall', { evidence }),
    );
    expect(await read(session)).toMatchObject({ state: 'STALLED', escalationLevel: 0, evidence });

    await beat(me, session);

    expect(await read(session)).toMatchObject({
      state: 'WORKING',
      stalledSince: null,
      escalationLevel: null,
      evidence: null,
    });
    expect((await log(me)).at(-1)).toMatchObject({
      type: 'SESSION_RECOVERED',
      data: { from: 'STALLED', to: 'WORKING' },
    });
  });

  test.for([
    [79.9, 'NONE'],
    [80, 'CHECKPOINT'],
    [100, 'CHECKPOINT'],
  ] as const)('at %d % of the context recommends %s', async ([contextPercent, recommendedAction]) => {
    const me = await newCaller();
    const session = await start(me);

    expect(await beat(me, session, { contextPercent })).toMatchObject({ recommendedAction });
    expect(await beat(me, session)).toMatchObject({ recommendedAction });
  });
});

describe('the log hears of the epic', () => {
  test('where it is another one', async () => {
    const me = await newCaller();
    const session = await start(me, { currentEpic: 'A' });

    for (const currentEpic of ['A', 'B', 'B', null, 'A']) await beat(me, session, { currentEpic });
    await Promise.all(Array.from({ length: 10 }, () => beat(me, session, { currentEpic: 'C' })));

    const events = await log(me, session);
    const told = events.filter(({ type }) => type === 'SESSION_UPDATED');
    expect(told.map(({ data }) => data)).toEqual(
      ['B', 'A', 'C'].map((currentEpic) => ({ changed: ['currentEpic'], version: 2, currentEpic })),
    );
    const { currentEpic } = replay(events.map((event) => ({ ...event, sequence: event.sequence! })));
    expect(currentEpic).toBe('C');
  });
});

describe('the log hears of the context', () => {
  test('first, and then where it has moved by 5 points since the log last heard', async () => {
    const me = await newCaller();
    const session = await start(me);

    for (const contextPercent of [10, 14.9, 15, 19, 10.1, 10, 10, 100]) await beat(me, session, { contextPercent });

    const told = (await log(me)).filter(({ type }) => type === 'CONTEXT_WINDOW_UPDATED');
    expect(told.map(({ data }) => data)).toEqual([10, 15, 10, 100].map((contextPercent) => ({ contextPercent })));
  });

  test('counted from what the start said', async () => {
    const me = await newCaller();
    const session = await start(me, { contextPercent: 50 });

    await beat(me, session, { contextPercent: 54 });
    await beat(me, session, { contextPercent: 55 });

    expect(typesOf(await log(me))).toEqual(['SESSION_STARTED', 'SESSION_STATE_CHANGED', 'CONTEXT_WINDOW_UPDATED']);
  });

  test('once of ten equal beats at once', async () => {
    const me = await newCaller();
    const session = await start(me);

    await Promise.all(Array.from({ length: 10 }, () => beat(me, session, { contextPercent: 30 })));

    expect(count(typesOf(await log(me)), 'CONTEXT_WINDOW_UPDATED')).toBe(1);
  });
});

describe('the log hears of the beats', () => {
  test('of a supervisor, at most once a minute', async () => {
    const me = await newCaller();
    const session = await start(me, { kind: 'SUPERVISOR' });

    await Promise.all(Array.from({ length: 10 }, () => beat(me, session, { contextPercent: 30, currentEpic: 'E' })));

    const heard = (await log(me)).filter(({ type }) => type === 'INSTANCE_HEARTBEAT');
    expect(heard.map(({ data }) => data)).toEqual([{ contextPercent: 30, currentEpic: 'E' }]);
    statements.length = 0;
    await beat(me, session);
    expect(statements).toHaveLength(1);
    expect(await pulseOf(session)).toMatchObject({ quiet: false });

    await database.prisma.pulse.updateMany({
      where: { sessionId: session.id },
      data: { heartbeatRecordedAt: new Date(Date.now() - 61_000) },
    });
    await beat(me, session);
    await beat(me, session);
    expect(count(typesOf(await log(me)), 'INSTANCE_HEARTBEAT')).toBe(2);
  });

  test.for(['AGENT', 'WORKFLOW', 'CONVERSATION'] as const)('of no %s', async (kind) => {
    const me = await newCaller();
    const session = await start(me, { kind });

    await beat(me, session);

    expect(typesOf(await log(me))).not.toContain('INSTANCE_HEARTBEAT');
    expect(await pulseOf(session)).toMatchObject({ quiet: true });
  });
});

describe('evidence of death', () => {
  test('makes the session a zombie, with what was seen and by whom, and is no sign of life', async () => {
    const me = await newCaller();
    const session = await start(me);
    const before = await pulseOf(session);

    await beat(me, session, { processAlive: false });

    const zombie = await read(session);
    expect(zombie).toMatchObject({ state: 'ZOMBIE', zombieSince: zombie.stateChangedAt, endedAt: null });
    expect(zombie.evidence).toEqual({ processAlive: false, reportedBy: me.name });
    expect((await log(me)).at(-1)).toMatchObject({
      type: 'SESSION_ZOMBIE',
      level: 'WARN',
      data: { from: 'BOOTING', to: 'ZOMBIE', evidence: zombie.evidence },
    });
    expect(await pulseOf(session)).toMatchObject({ lastHeartbeatAt: null, lastActivityAt: before.lastActivityAt });
  });

  test('that is repeated, also at once, writes nothing more', async () => {
    const me = await newCaller();
    const session = await start(me);

    await Promise.all(Array.from({ length: 5 }, () => beat(me, session, { processAlive: false })));

    expect(typesOf(await log(me))).toEqual(['SESSION_STARTED', 'SESSION_ZOMBIE']);
  });

  test('is no lawful verdict on a suspended session', async () => {
    const me = await newCaller();
    const session = await start(me);
    await transact(store, me, async (tx) => moveSession(tx, await lockOpenSession(tx, session.id), 'suspend'));

    await expect(beat(me, session, { processAlive: false })).rejects.toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      extensions: { from: 'SUSPENDED', to: 'ZOMBIE', allowed: ['WORKING', 'COMPLETED'] },
    });
  });

  test('is contradicted by a beat, which is kept and revives nothing: once for each verdict', async () => {
    const me = await newCaller();
    const session = await start(me);
    await beat(me, session, { processAlive: false });

    await Promise.all(Array.from({ length: 10 }, () => beat(me, session, { activity: 'alive!' })));

    expect(await read(session)).toMatchObject({ state: 'ZOMBIE' });
    expect(await pulseOf(session)).toMatchObject({ activity: 'alive!', lastHeartbeatAt: expect.any(Date) as Date });
    expect(count(typesOf(await log(me)), 'SESSION_CONTRADICTION')).toBe(1);

    await transact(store, me, async (tx) => moveSession(tx, await lockOpenSession(tx, session.id), 'revive'));
    await beat(me, session, { processAlive: false });
    await beat(me, session, { processAlive: true });
    expect(typesOf(await log(me)).slice(-3)).toEqual(['SESSION_REVIVED', 'SESSION_ZOMBIE', 'SESSION_CONTRADICTION']);
  });
});

describe('a heartbeat is refused', () => {
  test.for([
    ['contextPercent', { contextPercent: 101 }],
    ['contextPercent', { contextPercent: Number.NaN }],
    ['currentEpic', { currentEpic: 'x'.repeat(513) }],
    ['activity', { activity: 'a\0' }],
  ] as const)('for its %s', async ([field, input]) => {
    const me = await newCaller();
    const session = await start(me);

    await expect(beat(me, session, input)).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path: `input.${field}` }] },
    });
    expect(await read(session)).toEqual(session);
  });

  test('for an ended session, whose pulse stays as it was', async () => {
    const me = await newCaller();
    const session = await start(me);
    await endSession(store, me, { sessionId: session.id, reason: 'FINISHED', outcome: 'SUCCESS' });
    const { lastHeartbeatAt, lastActivityAt } = await pulseOf(session);

    for (const processAlive of [null, true, false]) {
      await expect(beat(me, session, { processAlive })).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    }
    expect(await pulseOf(session)).toMatchObject({ lastHeartbeatAt, lastActivityAt });
  });

  test('for a session of another project', async () => {
    const [me, other] = [await newCaller(), await newCaller()];
    const theirs = await start(other);

    for (const processAlive of [true, false]) {
      await expect(beat(me, theirs, { processAlive })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    expect(await read(theirs)).toEqual(theirs);
  });
});
