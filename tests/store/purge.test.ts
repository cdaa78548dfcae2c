import { afterAll, describe, expect, test } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import { requestApproval } from '../../src/store/approval.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { logCommands } from '../../src/store/command.js';
import { appendEvents } from '../../src/store/event.js';
import { completeHandoff, initiateHandoff } from '../../src/store/handoff.js';
import { readLog } from '../../src/store/page.js';
import { purgeSessions, type PurgeSessionsInput } from '../../src/store/purge.js';
import { createRun } from '../../src/store/run.js';
import { saveState } from '../../src/store/savedState.js';
import { endSession } from '../../src/store/session.js';
import { sendSignal } from '../../src/store/signal.js';
import type { Caller, Session } from '../../src/store/store.js';
import { addEvents } from '../support/event.js';
import { openStore, typesOf } from '../support/store.js';
import { untilWaiting } from '../support/wait.js';

const { store, database, newCaller, start, read, log, statements, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const purge = (caller: Caller, input: Partial<PurgeSessionsInput>) =>
  purgeSessions(store, caller, { filter: { all: true }, force: false, dryRun: false, ...input });
const append = (caller: Caller, { id }: Session, causeId?: string) =>
  appendEvents(store, caller, { sessionId: id, events: [{ type: 'PROGRESS', level: 'INFO', causeId }] });
const end = (caller: Caller, { id }: Session) =>
  endSession(store, caller, { sessionId: id, reason: 'FINISHED', outcome: 'SUCCESS' });
const projectOf = ({ projectId: id }: Caller) => database.prisma.project.findUniqueOrThrow({ where: { id } });
const idsOf = async ({ projectId }: Caller) =>
  (await database.prisma.session.findMany({ where: { projectId }, orderBy: { ordinal: 'asc' } })).map(({ id }) => id);

/** A session with something of every kind. */
async function laden(me: Caller, agentName: string): Promise<Session> {
  const session = await start(me, { agentName });
  const { id: sessionId } = session;
  const command = { commandType: 't', action: 'a', success: true, source: 'AUTO' } as const;
  await logCommands(store, me, { sessionId, commands: [command, command] });
  await createCheckpoint(store, me, { sessionId, type: 'MANUAL', trigger: 'MANUAL', workState: {} });
  await saveState(store, me, { sessionId });
  await requestApproval(store, me, { sessionId, type: 'OTHER', question: '?', timeoutSeconds: 300 });
  await sendSignal(store, me, { sessionId, kind: 'NUDGE' });
  await initiateHandoff(store, me, { sessionId, reason: 'MANUAL', checkpoint: { workState: {} } });
  return session;
}

/** How many rows of the project each table has that hangs on sessions. */
async function rowsOf({ projectId }: Caller): Promise<Record<string, number>> {
  const where = { projectId };
  const { session, pulse, event, command, checkpoint, savedState, approval, signal, handoff } = database.prisma;
  return {
    sessions: await session.count({ where }),
    pulses: await pulse.count({ where }),
    events: await event.count({ where }),
    commands: await command.count({ where }),
    checkpoints: await checkpoint.count({ where }),
    savedStates: await savedState.count({ where }),
    approvals: await approval.count({ where }),
    signals: await signal.count({ where }),
    handoffs: await handoff.count({ where }),
  };
}

describe('a dry run', () => {
  test('counts what would go, and changes nothing', async () => {
    const me = await newCaller();
    const session = await laden(me, 'coder');
    await end(me, session);
    await laden(me, 'other');
    const [before, rows] = [await log(me), await rowsOf(me)];

    const answer = await purge(me, { dryRun: true });

    const events = before.filter(({ sessionId }) => sessionId === session.id).length;
    expect(answer).toEqual({
      sessions: 1,
      events,
      checkpoints: 2,
      commands: 2,
      dryRun: true,
      position: BigInt(before.length),
    });
    expect(await log(me)).toEqual(before);
    expect(await rowsOf(me)).toEqual(rows);
  });
});

describe('a purge', () => {
  test('deletes ended sessions with all that hangs on them, and says so', async () => {
    const me = await newCaller();
    const session = await laden(me, 'coder');
    await end(me, session);
    const open = await laden(me, 'other');
    const planned = await purge(me, { dryRun: true });

    const { position, ...purged } = await purge(me, {});

    expect(purged).toEqual({ ...planned, dryRun: false, position: undefined });
    expect(await idsOf(me)).toEqual([open.id]);
    expect(await rowsOf(me)).toMatchObject({
      sessions: 1,
      pulses: 1,
      commands: 2,
      checkpoints: 2,
      savedStates: 1,
      approvals: 1,
      signals: 1,
      handoffs: 1,
    });
    const told = (await log(me)).at(-1)!;
    expect(told).toMatchObject({ position, type: 'SESSIONS_PURGED', level: 'WARN', sessionId: null });
    const { events, checkpoints, commands } = purged;
    const sessionIds = [encodeId('Session', session.id)];
    expect(told.data).toEqual({ sessions: 1, events, checkpoints, commands, sessionIds, by: me.name });
  });

  test('deletes open ones only where it is forced to', async () => {
    const me = await newCaller();
    const open = await laden(me, 'coder');

    for (const filter of [{ all: true }, { sessionIds: [open.id] }, { states: ['WORKING' as const] }]) {
      expect(await purge(me, { filter })).toMatchObject({ sessions: 0 });
    }
    expect(await purge(me, { filter: { sessionIds: [open.id] }, force: true })).toMatchObject({ sessions: 1 });
    expect(await idsOf(me)).toEqual([]);
    expect((await start(me, { agentName: 'coder' })).chainIndex).toBe(0);
  });

  test('of nothing writes nothing', async () => {
    const me = await newCaller();
    const session = await start(me);
    const before = await log(me);

    expect(await purge(me, {})).toMatchObject({ sessions: 0, position: BigInt(before.length) });
    expect(await purge(me, { filter: { sessionIds: [newId()] } })).toMatchObject({ sessions: 0 });
    expect(await log(me)).toEqual(before);
    expect(await read(session)).toEqual(session);
  });

  test('takes what matches all that its filter says', async () => {
    const me = await newCaller();
    const old = await start(me, { agentName: 'coder' });
    await end(me, old);
    const cutoff = new Date((await read(old)).endedAt!.getTime() + 1);
    const isPast = () => database.prisma.$queryRaw`SELECT now() > ${cutoff} AS past`;
    await expect.poll(isPast).toEqual([{ past: true }]);
    const other = await start(me, { agentName: 'other' });
    const young = await start(me, { agentName: 'coder' });
    for (const session of [young, other]) await end(me, session);
    const count = async (filter: PurgeSessionsInput['filter']) =>
      (await purge(me, { filter, force: true, dryRun: true })).sessions;

    expect(await count({ agentName: 'coder' })).toBe(2);
    expect(await count({ agentName: 'coder', endedBefore: cutoff })).toBe(1);
    expect(await count({ endedBefore: cutoff })).toBe(1);
    expect(await count({ states: ['COMPLETED'] })).toBe(3);
    expect(await count({ states: ['WORKING', 'BOOTING'] })).toBe(0);
    expect(await count({ states: [] })).toBe(0);
    expect(await count({ sessionIds: [old.id, other.id], agentName: 'other' })).toBe(1);
    expect(await count({ sessionIds: [], all: true })).toBe(0);
    expect(await count({ all: true })).toBe(3);
  });

  test('of everything has to say so', async () => {
    const me = await newCaller();

    for (const filter of [{}, { all: false }, { all: null, agentName: null }]) {
      await expect(purge(me, { filter })).rejects.toMatchObject({
        code: 'VALIDATION',
        extensions: { issues: [{ path: 'input.filter' }] },
      });
    }
  });

  test('leaves other projects alone', async () => {
    const [me, other] = [await newCaller(), await newCaller()];
    const theirs = await laden(other, 'coder');
    const rows = await rowsOf(other);

    await purge(me, { filter: { all: true }, force: true });
    await purge(me, { filter: { sessionIds: [theirs.id] }, force: true });

    expect(await rowsOf(other)).toEqual(rows);
  });

  test('at once with another deletes and counts each session once', async () => {
    const me = await newCaller();
    for (let count = 0; count < 60; count++) await end(me, await start(me));

    const answers = await Promise.all([purge(me, {}), purge(me, {}), purge(me, {})]);

    expect(answers.reduce((sum, { sessions }) => sum + sessions, 0)).toBe(60);
    const told = await log(me);
    expect(new Set(typesOf(told))).toEqual(new Set(['SESSIONS_PURGED']));
    const named = told.flatMap(({ data }) => (data as { sessionIds: string[] }).sessionIds);
    expect(new Set(named).size).toBe(60);
    expect(named).toHaveLength(60);
  });
});

describe('what survives a purge', () => {
  test('keeps its place in a chain whose sessions are gone', async () => {
    const me = await newCaller();
    const first = await laden(me, 'coder');
    await end(me, first);
    const second = await start(me, { agentName: 'coder' });
    await end(me, second);
    const third = await start(me, { agentName: 'coder' });

    await purge(me, { filter: { sessionIds: [second.id] } });

    expect(await read(first)).toMatchObject({ chainRootId: first.id, chainIndex: 0 });
    expect(await read(third)).toEqual({ ...third, parentId: null });
    await purge(me, { filter: { sessionIds: [first.id] } });
    await end(me, third);
    const fourth = await start(me, { agentName: 'coder' });
    expect(fourth).toMatchObject({ parentId: third.id, chainRootId: first.id, chainIndex: 3 });
  });

  test('forgets who is gone: a spawner, a coordinator, a taker, a cause', async () => {
    const me = await newCaller();
    const giver = await start(me, { agentName: 'coder' });
    const offer = { sessionId: giver.id, reason: 'MANUAL', checkpoint: { workState: {} } } as const;
    const { handoff } = await initiateHandoff(store, me, offer);
    const { session: doomed } = await completeHandoff(store, me, { handoffId: handoff.id });
    const spawned = await start(me, { spawnedById: doomed.id });
    const { run } = await createRun(store, me, { coordinatorSessionId: doomed.id });
    const { events } = await append(me, doomed);
    await append(me, spawned, events[0]!.id);
    await end(me, doomed);
    const [effect] = (await log(me, spawned)).filter(({ causeId }) => causeId);

    await purge(me, { filter: { sessionIds: [doomed.id] } });

    expect(await read(spawned)).toMatchObject({ spawnedById: null, depth: 1, state: 'WORKING' });
    const where = { projectId: me.projectId };
    expect(await database.prisma.run.findMany({ where })).toEqual([{ ...run, coordinatorSessionId: null }]);
    expect(await database.prisma.handoff.findMany({ where })).toMatchObject([
      { id: handoff.id, toId: null, completedAt: expect.any(Date) as Date },
    ]);
    expect((await log(me, spawned)).find(({ id }) => id === effect!.id)).toEqual({ ...effect, causeId: null });
    expect(await read(giver)).toMatchObject({ endReason: 'HANDED_OFF' });
  });

  test('may have been spawned, caused and continued by others that go in the same purge', async () => {
    const me = await newCaller();
    const parent = await laden(me, 'coder');
    await end(me, parent);
    const child = await start(me, { agentName: 'coder', spawnedById: parent.id });
    const { events } = await append(me, child);
    await append(me, child, events[0]!.id);

    await purge(me, { force: true });

    const { events: left, ...others } = await rowsOf(me);
    expect(Object.values(others)).toEqual(Object.values(others).map(() => 0));
    expect(left).toBe(1);
  });
});

describe('the log after a purge', () => {
  test('keeps its positions, goes on from its head, and tells who read before', async () => {
    const me = await newCaller();
    const [doomed, other] = [await start(me), await start(me)];
    for (const session of [doomed, other, doomed]) await append(me, session);
    await end(me, doomed);
    const before = await log(me);

    const { position } = await purge(me, {});
    await append(me, other);

    const kept = before.filter(({ sessionId }) => sessionId !== doomed.id);
    const after = await log(me);
    expect(after.slice(0, kept.length)).toEqual(kept);
    expect(position).toBe(BigInt(before.length) + 1n);
    expect(after.at(-1)!.position).toBe(position + 1n);
    const first = kept[0]!.position;
    expect(await projectOf(me)).toMatchObject({ logStart: first });
    const readFrom = (from: bigint) => readLog(store, me.projectId, { after: from, first: 500 });
    expect(await readFrom(0n)).toMatchObject({ trimmedBefore: first, events: after });
    // The last entry of the purged session was right before the purge was told.
    expect(await readFrom(position - 1n)).toMatchObject({ trimmedBefore: null });
  });

  test('starts with what was written while the purge waited', async () => {
    const me = await newCaller();
    await end(me, await start(me));
    const { projectId } = me;
    const purging = { done: Promise.resolve({ sessions: 0 }) };

    await database.prisma.$transaction(async (tx) => {
      // A writer between its statement and its commit: the purge sees nothing of it before.
      const { logPosition: position } = await tx.project.update({
        where: { id: projectId },
        data: { logPosition: { increment: 1 } },
      });
      await tx.event.create({ data: { projectId, id: newId(), position, type: 'PROGRESS', sizeBytes: 4 } });
      purging.done = purge(me, {});
      await untilWaiting(database, 1);
    });

    expect(await purging.done).toMatchObject({ sessions: 1 });
    expect((await log(me))[0]).toMatchObject({ type: 'PROGRESS' });
    expect(await projectOf(me)).toMatchObject({ logStart: (await log(me))[0]!.position });
  });
});

describe('a purge among writers', () => {
  /** Holds the log of the project as long as `meanwhile` runs: a purge gets no further than its own last statement. */
  const holdLog = ({ projectId }: Caller, meanwhile: () => Promise<void>) =>
    database.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT id FROM projects WHERE id = ${projectId}::uuid FOR NO KEY UPDATE`;
      await meanwhile();
    });

  test('lets whoever refers to what it deletes find that it is gone', async () => {
    const me = await newCaller();
    const doomed = await start(me, { agentName: 'coder' });
    await append(me, doomed);
    await end(me, doomed);
    const other = await start(me);
    const [, cause] = await log(me, doomed);
    let meeting: Promise<unknown>[] = [];

    await holdLog(me, async () => {
      meeting = [purge(me, {})];
      await untilWaiting(database, 1);
      meeting.push(
        start(me, { spawnedById: doomed.id }),
        createRun(store, me, { coordinatorSessionId: doomed.id }),
        append(me, other, cause!.id),
        start(me, { agentName: 'coder' }),
      );
      await untilWaiting(database, 5);
    });

    const [purged, ...answers] = await Promise.allSettled(meeting);
    expect(purged).toMatchObject({ value: { sessions: 1 } });
    const gone = (kind: string) => ({ reason: { code: 'NOT_FOUND', extensions: { kind } } });
    expect(answers).toMatchObject([
      gone('Session'),
      gone('Session'),
      gone('Event'),
      { value: { parentId: null, chainIndex: 0 } },
    ]);
  });

  test('of 100,000 events lets them write on, and holds the log for a moment only', async () => {
    const me = await newCaller();
    const [doomed, writer] = [await start(me), await start(me)];
    await addEvents(database, doomed, 100_000);
    await end(me, doomed);
    const now = { purging: true };
    const purging = purge(me, {}).finally(() => (now.purging = false));
    let written = 0;

    // Each write has the log to itself in its turn: they go on while the purge deletes, not only before or after.
    const isDeleting = async () => {
      const [row] = await database.prisma.$queryRaw<[{ count: number }]>`
        SELECT count(*)::int AS count FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.relation = 'events'::regclass AND l.mode = 'RowExclusiveLock' AND a.query LIKE '%doomed_event%'
          AND a.datname = current_database()`;
      return row.count > 0;
    };
    while (now.purging) {
      const before = await isDeleting();
      await append(me, writer);
      if (before && (await isDeleting())) written += 1;
    }

    expect(await purging).toMatchObject({ sessions: 1, events: 100_002 });
    expect(written).toBeGreaterThan(0);
    const left = await log(me);
    expect(left.map(({ position }) => position)).toEqual(
      [...left].sort((a, b) => Number(a.position - b.position)).map(({ position }) => position),
    );
    expect(await projectOf(me)).toMatchObject({ logStart: left[0]!.position });
  });

  test('goes by few large sessions at a time, and many small ones', async () => {
    const me = await newCaller();
    const sessions = [];
    for (let count = 0; count < 6; count++) sessions.push(await start(me));
    for (const session of sessions) await end(me, session);
    await database.prisma.pulse.updateMany({ where: { projectId: me.projectId }, data: { eventSequence: 4_000n } });

    await purge(me, {});

    expect((await log(me)).map(({ data }) => (data as { sessions: number }).sessions)).toEqual([2, 2, 2]);
  });
});
