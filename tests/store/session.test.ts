import { afterAll, describe, expect, test } from 'vitest';
import type { SessionKind, StartReason } from '../../src/domain/session.js';
import { completeRun, createRun } from '../../src/store/run.js';
import { endSession, startSession, updateSession, type StartSessionInput } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const conversation = { platform: 'slack', externalId: 'C1/42' };
const unknownId = '01900000-0000-7000-8000-000000000001';
const begin = (caller: Caller, input: Partial<StartSessionInput> = {}) =>
  startSession(store, caller, { kind: 'AGENT', takeOver: false, ...input });
const finish = (caller: Caller, sessionId: string) =>
  endSession(store, caller, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' });

describe('a start', () => {
  test('records the session, BOOTING, and where it came from', async () => {
    const me = await newCaller();
    const { session, superseded, replayed, position } = await begin(me, { contextPercent: 5, currentEpic: 'E' });

    expect(session).toMatchObject({ state: 'BOOTING', version: 1, startReason: 'REGISTERED', depth: 0, chainIndex: 0 });
    expect(session).toMatchObject({ parentId: null, chainRootId: session.id, metadata: {}, endedAt: null });
    expect({ superseded, replayed, position }).toEqual({ superseded: null, replayed: false, position: 1n });
    const [started] = await log(me);
    expect(started).toMatchObject({ type: 'SESSION_STARTED', sessionId: session.id, sequence: 1n });
    expect(started!.data).toMatchObject({ from: null, to: 'BOOTING', reason: 'REGISTERED', contextPercent: 5 });
  });

  test.for<[StartReason, SessionKind, string[]]>([
    ['SPAWNED', 'AGENT', ['spawner']],
    ['SPAWNED', 'SUPERVISOR', ['spawner', 'conversation']],
    ['REGISTERED', 'SUPERVISOR', ['conversation']],
    ['FIRST_MESSAGE', 'CONVERSATION', ['conversation']],
    ['FIRST_MESSAGE', 'AGENT', ['conversation']],
    ['REGISTERED', 'WORKFLOW', []],
  ])('has the reason %s by default: a %s with %j', async ([reason, kind, given]) => {
    const me = await newCaller();
    const spawner = given.includes('spawner') ? await start(me) : null;

    const { session } = await begin(me, {
      kind,
      spawnedById: spawner?.id,
      conversation: given.includes('conversation') ? conversation : null,
    });

    expect(session.startReason).toBe(reason);
  });

  test('has the reason that its caller gives', async () => {
    expect(await start(fixture.caller, { startReason: 'IMPORTED' })).toMatchObject({ startReason: 'IMPORTED' });
  });

  test('counts its depth on from its spawner, and joins the run of that one', async () => {
    const me = await newCaller();
    const { run } = await createRun(store, me, {});
    const top = await start(me, { runId: run.id });
    const middle = await start(me, { spawnedById: top.id });
    const bottom = await start(me, { spawnedById: middle.id });

    expect([middle, bottom].map(({ depth, runId, parentId }) => ({ depth, runId, parentId }))).toEqual([
      { depth: 1, runId: run.id, parentId: null },
      { depth: 2, runId: run.id, parentId: null },
    ]);
  });

  test('joins the run that its caller names rather than its spawner’s', async () => {
    const me = await newCaller();
    const runs = [await createRun(store, me, {}), await createRun(store, me, {})].map(({ run }) => run.id);
    const spawner = await start(me, { runId: runs[0] });

    expect(await start(me, { spawnedById: spawner.id, runId: runs[1] })).toMatchObject({ runId: runs[1] });
  });

  test('joins no run that is over: neither by name nor by inheritance', async () => {
    const me = await newCaller();
    const { run } = await createRun(store, me, {});
    const spawner = await start(me, { runId: run.id });
    await completeRun(store, me, { runId: run.id, status: 'FAILED' });

    await expect(begin(me, { runId: run.id })).rejects.toMatchObject({
      code: 'RUN_NOT_ACTIVE',
      extensions: { status: 'FAILED' },
    });
    expect(await start(me, { spawnedById: spawner.id })).toMatchObject({ runId: null });
  });

  test('continues the newest ended session of its conversation, else of its name', async () => {
    const me = await newCaller();
    const named = await start(me, { agentName: 'coder' });
    await finish(me, named.id);
    const talking = await start(me, { conversation });
    await finish(me, talking.id);

    expect(await start(me, { conversation, agentName: 'coder' })).toMatchObject({
      parentId: talking.id,
      chainIndex: 1,
    });
    expect(await start(me, {})).toMatchObject({ parentId: null });
  });

  test('continues the ended session that its caller names', async () => {
    const me = await newCaller();
    const other = await start(me, { agentName: 'other' });
    await finish(me, other.id);
    await finish(me, (await start(me, { agentName: 'coder' })).id);

    const session = await start(me, { agentName: 'coder', parentId: other.id });

    expect(session).toMatchObject({ parentId: other.id, chainRootId: other.id, chainIndex: 1 });
  });

  test('forks a parent that is continued already, unless it says otherwise', async () => {
    const me = await newCaller();
    const parent = await start(me, { agentName: 'coder' });
    await finish(me, parent.id);
    const reason = async (input: Partial<StartSessionInput>) =>
      (await start(me, { parentId: parent.id, ...input })).startReason;

    expect(await reason({ startReason: 'FORKED' })).toBe('FORKED');
    expect(await reason({ agentName: 'other' })).toBe('REGISTERED');
    expect(await reason({})).toBe('FORKED');
    expect(await reason({ startReason: 'PLAN_TO_EXECUTE' })).toBe('PLAN_TO_EXECUTE');
    expect(await reason({ parentId: null, agentName: 'coder' })).toBe('FORKED');
  });

  test('continues a parent once of five at once: the others are its forks', async () => {
    const me = await newCaller();
    const parent = await start(me);
    await finish(me, parent.id);

    const children = await Promise.all(Array.from({ length: 5 }, () => start(me, { parentId: parent.id })));

    const reasons = children.map(({ startReason }) => startReason).sort();
    expect(reasons).toEqual(['FORKED', 'FORKED', 'FORKED', 'FORKED', 'REGISTERED']);
  });

  test('does not continue a session that is still open', async () => {
    const me = await newCaller();
    const open = await start(me);

    await expect(begin(me, { parentId: open.id })).rejects.toMatchObject({ code: 'SESSION_ALREADY_OPEN' });
    expect(await log(me)).toHaveLength(1);
  });

  test('has what its caller says of liveness, and the default of its kind for the rest', async () => {
    expect(await start(fixture.caller, { liveness: { stallAfterSeconds: 9, zombieAfterSeconds: null } })).toMatchObject(
      {
        stallAfterSeconds: 9,
        zombieAfterSeconds: null,
        escalateEverySeconds: 60,
        maxEscalationLevel: 3,
      },
    );
  });

  test('began when its caller says, but never later than now', async () => {
    const me = await newCaller();
    const occurredAt = new Date('2026-01-01T00:00:00.000Z');
    const past = await start(me, { occurredAt });
    const soon = await start(me, { occurredAt: new Date(store.now().getTime() + 3_000) });

    const [first, second] = await log(me);
    expect([past.startedAt, first!.occurredAt]).toEqual([occurredAt, occurredAt]);
    expect(soon.startedAt.getTime()).toBeLessThanOrEqual(store.now().getTime());
    expect(second!.occurredAt.getTime()).toBeLessThanOrEqual(second!.recordedAt.getTime());
  });
});

describe('an end', () => {
  test('writes its facts together, once: of a second end the first facts stay', async () => {
    const me = await newCaller();
    const session = await start(me);
    const facts = { sessionId: session.id, reason: 'FAILED', outcome: 'FAILURE', note: 'why', by: 'me' } as const;

    const first = await endSession(store, me, facts);
    const second = await endSession(store, me, { ...facts, reason: 'STOPPED', outcome: 'SUCCESS', note: 'no' });

    expect(first).toMatchObject({ alreadyEnded: false, session: { state: 'COMPLETED', version: 2 } });
    expect(first.session).toMatchObject({ endReason: 'FAILED', outcome: 'FAILURE', endNote: 'why', endedBy: 'me' });
    expect(second).toMatchObject({ alreadyEnded: true, session: first.session, position: first.position });
    expect((await log(me)).at(-1)).toMatchObject({
      type: 'SESSION_ENDED',
      data: { from: 'BOOTING', to: 'COMPLETED', reason: 'FAILED', outcome: 'FAILURE', by: 'me', note: 'why' },
    });
  });

  test('is one of two that come at once, and both tell the same facts', async () => {
    const me = await newCaller();
    const session = await start(me);
    const reasons = ['FINISHED', 'STOPPED', 'FAILED', 'TERMINATED'] as const;

    const answers = await Promise.all(
      reasons.map((reason) => endSession(store, me, { sessionId: session.id, reason, outcome: 'UNKNOWN' })),
    );

    expect(answers.filter(({ alreadyEnded }) => !alreadyEnded)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.session.endReason)).size).toBe(1);
    expect(typesOf(await log(me))).toEqual(['SESSION_STARTED', 'SESSION_ENDED']);
  });

  test('lies between the start and now', async () => {
    const me = await newCaller();
    const [session, other] = [await start(me), await start(me)];
    const reason = { reason: 'FINISHED', outcome: 'SUCCESS' } as const;
    const soon = new Date(store.now().getTime() + 3_000);

    const { session: ended } = await endSession(store, me, { ...reason, sessionId: session.id, occurredAt: soon });
    expect(ended.endedAt!.getTime()).toBeLessThan(soon.getTime());
    const told = (await log(me, session)).at(-1)!;
    expect(told.occurredAt).toEqual(ended.endedAt);
    await expect(
      endSession(store, me, { ...reason, sessionId: other.id, occurredAt: new Date('2020-01-01') }),
    ).rejects.toMatchObject({ code: 'VALIDATION', extensions: { issues: [{ path: 'input.occurredAt' }] } });
  });
});

describe('an update', () => {
  test('changes what is given, clears what is null, and leaves the rest', async () => {
    const me = await newCaller();
    const before = await start(me, {
      title: 'T',
      taskId: 'a',
      workspace: { pid: 1, branchName: 'b' },
      metadata: { a: { b: 1 } },
    });

    const { session } = await updateSession(store, me, {
      sessionId: before.id,
      title: null,
      providerSessionId: 'p',
      workspace: { pid: 2 },
      metadataPatch: { a: { c: 2 }, d: null },
      liveness: { stallAfterSeconds: null },
    });

    expect(session).toMatchObject({ title: null, taskId: 'a', providerSessionId: 'p', pid: 2, branchName: 'b' });
    expect(session).toMatchObject({
      metadata: { a: { b: 1, c: 2 } },
      stallAfterSeconds: null,
      zombieAfterSeconds: 600,
    });
    expect(session.version).toBe(2);
    const { type, data } = (await log(me)).at(-1)!;
    expect(type).toBe('SESSION_UPDATED');
    expect((data as { changed: string[] }).changed.sort()).toEqual([
      'metadata',
      'pid',
      'providerSessionId',
      'stallAfterSeconds',
      'title',
    ]);
  });

  test('to no workspace clears every part of it', async () => {
    const me = await newCaller();
    const { id: sessionId } = await start(me, { workspace: { pid: 1, branchName: 'b', hostMachine: 'venus' } });

    const { session } = await updateSession(store, me, { sessionId, workspace: null });

    expect(session).toMatchObject({ pid: null, branchName: null, hostMachine: null });
    const { changed } = (await log(me)).at(-1)!.data as { changed: string[] };
    expect(changed.sort()).toEqual(['branchName', 'hostMachine', 'pid']);
  });

  test("to no metadata empties them, and to no liveness goes back to its kind's policy", async () => {
    const me = await newCaller();
    const changed = { metadata: { a: 1 }, liveness: { stallAfterSeconds: null, maxEscalationLevel: 1 } };
    const [agent, coordinator] = [await start(me, changed), await start(me, { ...changed, capability: 'coordinator' })];
    const clear = async ({ id: sessionId }: Session) =>
      (await updateSession(store, me, { sessionId, metadataPatch: null, liveness: null })).session;

    expect(await clear(agent)).toMatchObject({ metadata: {}, stallAfterSeconds: 300, maxEscalationLevel: 3 });
    expect(await clear(coordinator)).toMatchObject({ metadata: {}, stallAfterSeconds: null, maxEscalationLevel: 0 });
    const { version } = await clear(agent);
    expect(version).toBe(2);
  });

  test('that changes nothing writes nothing', async () => {
    const me = await newCaller();
    const before = await start(me, { title: 'T', metadata: { b: 1, a: 2 } });

    const { session, position } = await updateSession(store, me, {
      sessionId: before.id,
      title: 'T',
      metadataPatch: { b: 1, c: null },
    });

    expect({ session, position }).toEqual({ session: before, position: 1n });
    expect(await log(me)).toHaveLength(1);
  });

  test('is one of two that read the same version; the other is told the version that is there', async () => {
    const me = await newCaller();
    const { id } = await start(me);

    const answers = await Promise.allSettled(
      ['a', 'b'].map((title) => updateSession(store, me, { sessionId: id, title, expectedVersion: 1 })),
    );

    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(answers.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'VERSION_CONFLICT', extensions: { expected: 1, actual: 2 } },
    });
  });

  test('is refused where the metadata would outgrow their limit', async () => {
    const me = await newCaller();
    const session = await start(me, { metadata: { a: 'x'.repeat(200_000) } });

    await expect(
      updateSession(store, me, { sessionId: session.id, metadataPatch: { b: 'x'.repeat(100_000) } }),
    ).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(await read(session)).toEqual(session);
  });
});

describe('a start is refused', () => {
  test.for<[string, Partial<StartSessionInput>]>([
    ['input.agentName', { agentName: 'x'.repeat(129) }],
    ['input.capability', { capability: '' }],
    ['input.externalId', { externalId: 'a\u0007' }],
    ['input.instanceId', { instanceId: 'coder-XX-abc123' }],
    ['input.title', { title: 'a\0' }],
    ['input.conversation.externalId', { conversation: { platform: 'slack', externalId: '' } }],
    ['input.contextPercent', { contextPercent: 100.5 }],
    ['input.liveness.stallAfterSeconds', { liveness: { stallAfterSeconds: 0 } }],
    ['input.workspace.hostMachine', { workspace: { hostMachine: '' } }],
    ['input.metadata', { metadata: [] }],
    ['input.occurredAt', { occurredAt: new Date('9000-01-01') }],
  ])('for its %s, and nothing is written', async ([path, input]) => {
    const me = await newCaller();

    await expect(begin(me, input)).rejects.toMatchObject({ code: 'VALIDATION', extensions: { issues: [{ path }] } });
    expect(await database.prisma.session.count({ where: { projectId: me.projectId } })).toBe(0);
  });

  test.for([
    ['externalId', { externalId: 'x' }],
    ['instanceId', { instanceId: 'coder-PS-abc123' }],
  ] as const)('for a taken %s, also where two ask for it at once', async ([field, handle]) => {
    const me = await newCaller();

    const answers = await Promise.allSettled([begin(me, handle), begin(me, handle), begin(me, handle)]);

    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 'rejected')).toMatchObject(
      Array.from({ length: 2 }, () => ({
        reason: { code: 'VALIDATION', extensions: { issues: [{ path: `input.${field}` }] } },
      })),
    );
  });

  test.for(['runId', 'spawnedById', 'parentId'] as const)(
    'for a %s of another project, as for an unknown one',
    async (field) => {
      const [me, other] = [await newCaller(), await newCaller()];
      const id = field === 'runId' ? (await createRun(store, other, {})).run.id : (await start(other)).id;

      for (const ref of [id, unknownId]) {
        await expect(begin(me, { [field]: ref })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      }
      expect(await log(me)).toEqual([]);
    },
  );

  test('two projects use the same handles and names, and know nothing of each other', async () => {
    const handles = { externalId: 'x', instanceId: 'coder-MS-abc123', agentName: 'coder', conversation };
    const [one, two] = [await newCaller(), await newCaller()];
    const [first, second] = [await start(one, handles), await start(two, handles)];

    expect(second.id).not.toBe(first.id);
    await expect(finish(one, second.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(updateSession(store, two, { sessionId: first.id, title: 'T' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
