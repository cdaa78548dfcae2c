import { afterAll, describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/id.js';
import type { ImportedRun, ImportedSession } from '../../src/domain/import.js';
import { replay } from '../../src/domain/replay.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { logCommands } from '../../src/store/command.js';
import { appendEvents } from '../../src/store/event.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { importSessions } from '../../src/store/import.js';
import { createRun } from '../../src/store/run.js';
import { saveState } from '../../src/store/savedState.js';
import { endSession } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const at = (minute: number) => new Date(Date.UTC(2024, 4, 1, 10, minute));
const session = (externalId: string, rest: Partial<ImportedSession> = {}): ImportedSession => ({
  externalId,
  kind: 'AGENT',
  state: 'WORKING',
  startReason: 'IMPORTED',
  startedAt: at(0),
  ...rest,
});
const run = (externalId: string, rest: Partial<ImportedRun> = {}): ImportedRun => ({
  externalId,
  status: 'ACTIVE',
  startedAt: at(0),
  ...rest,
});
const bring = (caller: Caller, sessions: ImportedSession[], runs: ImportedRun[] = []) =>
  importSessions(store, caller, { source: 'overstory', runs, sessions });
const ended = { state: 'COMPLETED', endedAt: at(9), endReason: 'FAILED', outcome: 'FAILURE' } as const;
const pulseOf = ({ projectId, id: sessionId }: Session) =>
  database.prisma.pulse.findUniqueOrThrow({ where: { projectId_sessionId: { projectId, sessionId } } });
const refusal = (...paths: string[]) => ({
  code: 'VALIDATION',
  extensions: { issues: paths.map((path) => ({ path })) },
});

describe('an import', () => {
  test('brings runs and sessions as they stood, in the order of the call', async () => {
    const me = await newCaller();
    const workspace = { worktreePath: '/w', branchName: 'b', tmuxSession: 't', pid: 4 };
    const given = {
      agentName: 'builder',
      capability: 'builder',
      instanceId: 'builder-PS-abc123',
      providerSessionId: 'p',
      assistant: 'claude-code',
      taskId: 'T-1',
      title: 'Build',
      startedAt: at(2),
    };

    const imported = await bring(
      me,
      [
        session('s2', { ...given, workspace, metadata: { a: 1 }, runExternalId: 'r1', spawnedByExternalId: 's1' }),
        session('s1', { agentName: 'boss', startedAt: at(1), runExternalId: 'r1' }),
        session('s3', { ...ended, parentExternalId: 's1', startReason: 'PLAN_TO_EXECUTE' }),
      ],
      [
        run('r2', { status: 'FAILED', completedAt: at(5), description: 'D' }),
        run('r1', { coordinatorName: 'boss', coordinatorExternalId: 's1' }),
      ],
    );

    expect(imported).toMatchObject({ created: 5, unchanged: 0 });
    const [s2, s1, s3] = imported.sessions;
    const [r2, r1] = imported.runs;
    for (const row of imported.sessions) expect(row).toEqual(await read(row));
    expect(s2).toMatchObject({ ...given, ...workspace, metadata: { a: 1 }, state: 'WORKING', endedAt: null });
    expect(s2).toMatchObject({ runId: r1!.id, spawnedById: s1!.id, depth: 1, chainIndex: 0, stallAfterSeconds: 300 });
    expect(s3).toMatchObject({ ...ended, parentId: s1!.id, chainRootId: s1!.id, chainIndex: 1, depth: 0 });
    expect(r2).toMatchObject({ status: 'FAILED', completedAt: at(5), description: 'D' });
    expect(r1).toMatchObject({ status: 'ACTIVE', coordinatorName: 'boss', coordinatorSessionId: s1!.id });
    expect((await log(me)).at(-1)!.position).toBe(imported.position);
  });

  test('again changes and writes nothing, whatever it says', async () => {
    const me = await newCaller();
    const sessions = [session('same'), session('s2', ended)];
    const first = await bring(me, sessions, [run('same')]);
    const before = await log(me);

    const again = await bring(
      me,
      sessions.map((each) => ({ ...each, title: 'other' })),
      [run('same', { description: 'other' })],
    );

    expect(again).toEqual({ ...first, created: 0, unchanged: 3 });
    expect(await log(me)).toEqual(before);
  });

  test('adds what is new to what is known, and counts what it only refers to as neither', async () => {
    const me = await newCaller();
    await bring(me, [session('s1')], [run('r1')]);

    const more = await bring(me, [
      session('s1'),
      session('s2', { parentExternalId: null, spawnedByExternalId: 's1', runExternalId: 'r1' }),
      session('r1', { spawnedByExternalId: 's2' }),
    ]);

    expect(more).toMatchObject({ created: 2, unchanged: 1 });
    const [s1, s2, s3] = more.sessions;
    expect([s2, s3]).toMatchObject([
      { spawnedById: s1!.id, depth: 1 },
      { spawnedById: s2!.id, depth: 2 },
    ]);
  });

  test('of ten equal ones at once happens once', async () => {
    const me = await newCaller();
    const sessions = [session('s1', { agentName: 'coder' }), session('s2', { parentExternalId: 's1' })];

    const answers = await Promise.all(
      Array.from({ length: 10 }, () => bring(me, sessions, [run('r', { coordinatorName: 'boss' })])),
    );

    expect(answers.map(({ created }) => created).sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    expect(typesOf(await log(me)).sort()).toEqual(['RUN_STARTED', 'SESSION_STARTED', 'SESSION_STARTED']);
  });

  test('of nothing says where the log stands', async () => {
    const me = await newCaller();
    await start(me);

    expect(await bring(me, [])).toEqual({ runs: [], sessions: [], created: 0, unchanged: 0, position: 1n });
  });

  test('takes 5,000 sessions in a chain', async () => {
    const me = await newCaller();
    const chain = Array.from({ length: 5_000 }, (_, index) =>
      session(`s${index}`, { ...ended, parentExternalId: index === 4_999 ? null : `s${index + 1}` }),
    );

    const { sessions, created } = await bring(me, chain);

    expect(created).toBe(5_000);
    expect(sessions.map(({ chainIndex }) => chainIndex)).toEqual(chain.map((_, index) => 4_999 - index));
    await expect(bring(me, [...chain, session('more')])).rejects.toMatchObject(refusal('input.sessions'));
  });

  test('makes the session that began last the newest of its name, wherever it stands in the call', async () => {
    const me = await newCaller();
    const { sessions } = await bring(me, [
      session('young', { ...ended, agentName: 'coder', startedAt: at(3) }),
      session('old', { ...ended, agentName: 'coder', startedAt: at(1) }),
    ]);

    expect(await start(me, { agentName: 'coder' })).toMatchObject({ parentId: sessions[0]!.id });
  });
});

describe('an import is refused whole', () => {
  const cases: [string, ImportedSession[], ImportedRun[], string[]][] = [
    ['an unknown parent', [session('a', { parentExternalId: 'x' })], [], ['input.sessions.0.parentExternalId']],
    ['an unknown spawner', [session('a', { spawnedByExternalId: 'x' })], [], ['input.sessions.0.spawnedByExternalId']],
    ['an unknown run', [session('a', { runExternalId: 'x' })], [], ['input.sessions.0.runExternalId']],
    ['an unknown coordinator', [], [run('r', { coordinatorExternalId: 'x' })], ['input.runs.0.coordinatorExternalId']],
    ['the same session twice', [session('a'), session('a')], [], ['input.sessions.1.externalId']],
    ['the same run twice', [], [run('r'), run('r')], ['input.runs.1.externalId']],
    ['its own parent', [session('a', { parentExternalId: 'a' })], [], ['input.sessions.0']],
    [
      'a circle of parents and spawners',
      [session('a', { parentExternalId: 'b' }), session('b', { spawnedByExternalId: 'a' })],
      [],
      ['input.sessions.0'],
    ],
    [
      'two open sessions of one name',
      [session('a', { agentName: 'coder' }), session('b', { agentName: 'coder', state: 'ZOMBIE' })],
      [],
      ['input.sessions.1.agentName'],
    ],
    [
      'one instance id twice, also of ended ones',
      [session('a', { ...ended, instanceId: 'x-PS-abc123' }), session('b', { instanceId: 'x-PS-abc123' })],
      [],
      ['input.sessions.1.instanceId'],
    ],
    [
      'two active runs of one coordinator',
      [],
      [run('r', { coordinatorName: 'boss' }), run('q', { coordinatorName: 'boss' })],
      ['input.runs.1.coordinatorName'],
    ],
    ['an end that is not given', [session('a', { state: 'COMPLETED' })], [], ['input.sessions.0.endedAt']],
    ['an end before the start', [session('a', { ...ended, startedAt: at(10) })], [], ['input.sessions.0.endedAt']],
    [
      'an end of an open one',
      [session('a', { endedAt: at(1), outcome: 'SUCCESS', endReason: 'FINISHED' })],
      [],
      ['input.sessions.0.endedAt', 'input.sessions.0.endReason', 'input.sessions.0.outcome'],
    ],
    [
      'a stall of one that is not stalled',
      [session('a', { stalledSince: at(1), escalationLevel: 2 })],
      [],
      ['input.sessions.0.stalledSince', 'input.sessions.0.escalationLevel'],
    ],
    [
      'a level of 4',
      [session('a', { state: 'STALLED', escalationLevel: 4 })],
      [],
      ['input.sessions.0.escalationLevel'],
    ],
    ['a time to come', [session('a', { startedAt: new Date('2999-01-01') })], [], ['input.sessions.0.startedAt']],
    ['a foreign instance id', [session('a', { instanceId: 'x' })], [], ['input.sessions.0.instanceId']],
    ['a completed run without its time', [], [run('r', { status: 'COMPLETED' })], ['input.runs.0.completedAt']],
    [
      'a run that was done before it began',
      [],
      [run('r', { status: 'FAILED', completedAt: new Date(0) })],
      ['input.runs.0.completedAt'],
    ],
    ['an active run with one', [], [run('r', { completedAt: at(1) })], ['input.runs.0.completedAt']],
  ];

  test.for(cases)('for %s', async ([, sessions, runs, paths]) => {
    const me = await newCaller();

    const attempt = bring(me, [...sessions, session('good')], runs);

    await expect(attempt).rejects.toMatchObject(refusal(...paths));
    expect(await log(me)).toEqual([]);
    expect(await database.prisma.session.count({ where: { projectId: me.projectId } })).toBe(0);
  });

  test('for a name that is held here', async () => {
    const me = await newCaller();
    const holder = await start(me, { agentName: 'coder' });
    const before = await log(me);

    await expect(bring(me, [session('a'), session('b', { agentName: 'coder' })])).rejects.toMatchObject({
      code: 'SESSION_ALREADY_OPEN',
      extensions: { holderId: encodeId('Session', holder.id) },
    });
    expect(await log(me)).toEqual(before);
    expect(await bring(me, [session('b', { ...ended, agentName: 'coder' })])).toMatchObject({ created: 1 });
  });

  test('for an instance id that is another’s here, ended or not', async () => {
    const me = await newCaller();
    const instanceId = 'x-MS-abc123';
    const holder = await start(me, { instanceId });
    await endSession(store, me, { sessionId: holder.id, reason: 'FINISHED', outcome: 'SUCCESS' });

    const attempt = bring(me, [session('a'), session('b', { instanceId })]);

    await expect(attempt).rejects.toMatchObject(refusal('input.sessions.1.instanceId'));
    await expect(attempt).rejects.toThrow(encodeId('Session', holder.id));
  });

  test('for a coordinator that has an active run here', async () => {
    const me = await newCaller();
    const { run: active } = await createRun(store, me, { coordinatorName: 'boss' });

    await expect(bring(me, [session('a')], [run('r', { coordinatorName: 'boss' })])).rejects.toMatchObject({
      code: 'RUN_ALREADY_ACTIVE',
      extensions: { runId: encodeId('Run', active.id) },
    });
    expect(await database.prisma.session.count({ where: { projectId: me.projectId } })).toBe(0);
  });
});

describe('an imported session', () => {
  const states: [string, Partial<ImportedSession>, Partial<Session>][] = [
    ['BOOTING', { state: 'BOOTING' }, { stateChangedAt: at(0) }],
    ['WORKING', { state: 'WORKING', lastActivityAt: at(4) }, { stateChangedAt: at(0) }],
    ['SUSPENDED', { state: 'SUSPENDED' }, {}],
    [
      'STALLED',
      { state: 'STALLED', stalledSince: at(5), escalationLevel: 2, lastActivityAt: at(4) },
      { stalledSince: at(5), escalationLevel: 2, stateChangedAt: at(5) },
    ],
    [
      'STALLED without more',
      { state: 'STALLED', lastActivityAt: at(4) },
      { stalledSince: at(4), escalationLevel: 0, stateChangedAt: at(4) },
    ],
    ['ZOMBIE', { state: 'ZOMBIE', lastActivityAt: at(4) }, { zombieSince: at(4), stateChangedAt: at(4) }],
    ['COMPLETED', ended, { ...ended, stateChangedAt: at(9) }],
    [
      'COMPLETED without more',
      { state: 'COMPLETED', endedAt: at(9) },
      { endReason: 'FINISHED', outcome: 'UNKNOWN', stateChangedAt: at(9) },
    ],
  ];

  test.for(states)('that was %s has its facts, and events that tell the same', async ([, given, facts]) => {
    const me = await newCaller();

    const { sessions } = await bring(me, [session('a', given)]);

    const [row] = sessions;
    expect(row).toMatchObject({ state: given.state, startedAt: at(0), ...facts });
    const events = await log(me, row);
    const told = replay(events.map((event) => ({ ...event, sequence: event.sequence! })));
    const { state, endReason, escalationLevel } = row!;
    expect(told).toMatchObject({ state, endReason, escalationLevel, sequence: BigInt(events.length) });
    expect(events[0]).toMatchObject({ type: 'SESSION_STARTED', occurredAt: at(0) });
    for (const { data } of events) expect(data).toMatchObject({ imported: true, source: 'overstory' });
    expect(events.at(-1)!.occurredAt).toEqual(row!.stateChangedAt);
    const { lastActivityAt, lastHeartbeatAt } = await pulseOf(row!);
    expect(lastActivityAt).toEqual(given.lastActivityAt ?? given.endedAt ?? at(0));
    expect(lastHeartbeatAt).toBeNull();
  });

  const signs: Record<string, (me: Caller, sessionId: string) => Promise<unknown>> = {
    heartbeat: (me, sessionId) => heartbeat(store, me, { sessionId }),
    'telling heartbeat': (me, sessionId) => heartbeat(store, me, { sessionId, contextPercent: 50 }),
    event: (me, sessionId) => appendEvents(store, me, { sessionId, events: [{ type: 'PROGRESS', level: 'INFO' }] }),
    command: (me, sessionId) => {
      const command = { commandType: 't', action: 'a', success: true, source: 'AUTO' } as const;
      return logCommands(store, me, { sessionId, commands: [command] });
    },
    checkpoint: (me, sessionId) =>
      createCheckpoint(store, me, { sessionId, type: 'MANUAL', trigger: 'MANUAL', workState: {} }),
    save: (me, sessionId) => saveState(store, me, { sessionId }),
  };

  test.for(Object.entries(signs))('is watched from its first %s here', async ([, sign]) => {
    const me = await newCaller();
    const { sessions } = await bring(me, [session('a'), session('b')]);
    const [one, other] = sessions;
    expect(await pulseOf(one!)).toMatchObject({ watched: false, lastActivityAt: at(0) });

    await sign(me, one!.id);

    const pulse = await pulseOf(one!);
    expect(pulse.watched).toBe(true);
    expect(pulse.lastActivityAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(await pulseOf(other!)).toMatchObject({ watched: false });
  });

  test('is not watched because somebody says that it is dead, or asks it for something', async () => {
    const me = await newCaller();
    const { sessions } = await bring(me, [session('a')]);

    await heartbeat(store, me, { sessionId: sessions[0]!.id, processAlive: false });

    expect(await pulseOf(sessions[0]!)).toMatchObject({ watched: false });
    expect(await read(sessions[0]!)).toMatchObject({ state: 'ZOMBIE' });
  });
});
