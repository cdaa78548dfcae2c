import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mutation, openGraphql, type Data, type TestGraphql } from '../support/graphql.js';
import { PASSWORD } from '../support/secret.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const act: TestGraphql['act'] = (...call) => graphql.act(...call);
const refusal = async (name: string, input: object) =>
  (await graphql.refusal(mutation(name, '__typename'), { input })).extensions;
const start = async (input: object = {}): Promise<string> =>
  (await act('startSession', input, 'session { id }')).session.id;
const read = async (id: string, selection: string): Promise<Data> =>
  (await graphql.ask(`query ($id: ID!) { session(by: { id: $id }) { ${selection} } }`, { id })).session;

describe('checkpoints', () => {
  const WHOLE =
    'id session { id } sequence type trigger contextPercent workState summary pendingWork filesModified branchName metadata eventSequence sizeBytes createdAt';

  it('keep all that is said of them, and are listed newest first', async () => {
    const sessionId = await start();
    const picture = {
      contextPercent: 81.5,
      workState: { step: 3, nested: [null, { deep: true }] },
      summary: 'half way',
      pendingWork: ['write', 'test'],
      filesModified: ['a.ts'],
      branchName: 'main',
      metadata: { by: 'rule' },
    };
    const input = { sessionId, type: 'AUTOMATIC', trigger: 'CONTEXT_WINDOW', ...picture };
    const { checkpoint, replayed } = await act('createCheckpoint', input, `checkpoint { ${WHOLE} } replayed position`);
    expect(replayed).toBe(false);
    expect(checkpoint).toMatchObject({
      ...picture,
      session: { id: sessionId },
      sequence: 1,
      type: 'AUTOMATIC',
      trigger: 'CONTEXT_WINDOW',
      sizeBytes: JSON.stringify(picture.workState).length,
    });
    const { checkpoint: second } = await act(
      'createCheckpoint',
      { sessionId, workState: {} },
      'checkpoint { id type trigger }',
    );
    expect(second).toMatchObject({ type: 'MANUAL', trigger: 'MANUAL' });
    const session = await read(
      sessionId,
      `latestCheckpoint { id } checkpoints { totalCount nodes { id } } automatic: checkpoints(type: AUTOMATIC, first: 1) {
        totalCount nodes { ${WHOLE} } pageInfo { hasNextPage } }`,
    );
    expect(session).toEqual({
      latestCheckpoint: { id: second.id },
      checkpoints: { totalCount: 2, nodes: [{ id: second.id }, { id: checkpoint.id }] },
      automatic: { totalCount: 1, nodes: [checkpoint], pageInfo: { hasNextPage: false } },
    });
    const listed = await graphql.ask('{ checkpoints(type: AUTOMATIC) { nodes { id session { id } } } }');
    expect(listed.checkpoints.nodes).toContainEqual({ id: checkpoint.id, session: { id: sessionId } });
  });

  it('keep no secret of what is still to be done', async () => {
    const pendingWork = ['rotate the key', `log in with password=${PASSWORD}`];
    const input = { sessionId: await start(), workState: {}, pendingWork };
    const { checkpoint } = await act('createCheckpoint', input, 'checkpoint { pendingWork }');
    expect(checkpoint.pendingWork).toEqual(['rotate the key', 'log in with password=[REDACTED]']);
  });

  it('are answered for once more to the same key', async () => {
    const input = { sessionId: await start(), workState: { a: 1 }, idempotencyKey: 'checkpoint' };
    const first = await act('createCheckpoint', input, 'checkpoint { id } replayed position');
    expect(await act('createCheckpoint', input, 'checkpoint { id } replayed position')).toEqual({
      ...first,
      replayed: true,
    });
  });

  it('begin the next session of the chain, or a fork', async () => {
    const sessionId = await start({ agentName: 'restored' });
    const { checkpoint } = await act(
      'createCheckpoint',
      { sessionId, workState: { a: 1 }, pendingWork: ['go on'] },
      'checkpoint { id }',
    );
    const selection =
      'session { id startReason parent { id endReason } } plan { session { id } source checkpoint { id workState } nextSteps } replayed';
    const input = { checkpointId: checkpoint.id, idempotencyKey: 'restore' };
    const restored = await act('restoreCheckpoint', input, selection);
    expect(restored).toMatchObject({
      session: { startReason: 'RESTORED', parent: { id: sessionId, endReason: 'RESTORED' } },
      plan: {
        session: { id: sessionId },
        source: 'CHECKPOINT',
        checkpoint: { id: checkpoint.id, workState: { a: 1 } },
        nextSteps: ['go on'],
      },
      replayed: false,
    });
    expect(await act('restoreCheckpoint', input, selection)).toEqual({ ...restored, replayed: true });
    const forked = await act('restoreCheckpoint', { checkpointId: checkpoint.id, fork: true }, selection);
    expect(forked).toMatchObject({ session: { startReason: 'FORKED', parent: { id: sessionId } } });
  });
});

describe('commands', () => {
  const WHOLE =
    'id session { id } sequence commandType action toolName parameters result success errorMessage executionTimeMs tags contextData source redacted createdAt';

  it('keep all that is said of them but secrets, and are found by what they are', async () => {
    const sessionId = await start();
    const slow = {
      commandType: 'tool',
      action: 'npm test',
      toolName: 'Bash',
      parameters: { cwd: '/', password: 'hunter2' },
      result: ['ok', 7],
      success: false,
      errorMessage: 'exit 1',
      executionTimeMs: 9000,
      tags: ['ci', 'slow'],
      contextData: { try: 2 },
      source: 'AUTO',
    };
    const quick = { commandType: 'git', action: 'commit', occurredAt: '2020-01-01T00:00:00.000Z', dedupeKey: 'once' };
    const { commands } = await act(
      'logCommands',
      { sessionId, commands: [slow, quick, quick] },
      `commands { ${WHOLE} }`,
    );
    expect(commands[0]).toMatchObject({
      ...slow,
      parameters: { cwd: '/' },
      session: { id: sessionId },
      sequence: 1,
      redacted: true,
    });
    expect(JSON.stringify(commands)).not.toContain('hunter2');
    expect(commands[1]).toMatchObject({
      success: true,
      source: 'EXPLICIT',
      toolName: null,
      parameters: null,
      tags: [],
      redacted: false,
      createdAt: quick.occurredAt,
    });
    expect(commands[2]).toEqual(commands[1]);

    const of = async (filter: object): Promise<unknown[]> => {
      const document = `query ($id: ID!, $filter: CommandFilter) {
        session(by: { id: $id }) { commands(filter: $filter) { totalCount nodes { sequence } } }
      }`;
      const { session } = await graphql.ask(document, { id: sessionId, filter });
      expect(session.commands.totalCount).toBe(session.commands.nodes.length);
      return session.commands.nodes.map(({ sequence }: Data) => sequence);
    };
    expect(await of({})).toEqual([2, 1]);
    for (const filter of [
      { success: false },
      { action: 'npm test' },
      { toolName: 'Bash' },
      { commandType: 'tool' },
      { tags: ['none', 'slow'] },
      { since: '2021-01-01T00:00:00Z' },
      { slowerThanMs: 8999 },
    ]) {
      expect(await of(filter), JSON.stringify(filter)).toEqual([1]);
    }
    expect(await of({ until: '2021-01-01T00:00:00Z', success: true })).toEqual([2]);
    for (const filter of [
      { slowerThanMs: 9000 },
      { tags: [] },
      { action: '\0' },
      { success: false, commandType: 'git' },
    ]) {
      expect(await of(filter), JSON.stringify(filter)).toEqual([]);
    }
  });

  it('of the project are listed by their time, the newest first', async () => {
    const sessionId = await start();
    const commands = [2001, 2003, 2002].map((year) => ({
      commandType: 'dated',
      action: String(year),
      occurredAt: `${year}-01-01T00:00:00Z`,
    }));
    await act('logCommands', { sessionId, commands }, 'position');
    const LIST = `query ($after: String) { commands(filter: { commandType: "dated" }, first: 2, after: $after) {
      totalCount nodes { action } pageInfo { hasNextPage endCursor }
    } }`;
    const first = (await graphql.ask(LIST)).commands;
    const second = (await graphql.ask(LIST, { after: first.pageInfo.endCursor })).commands;
    expect(first.totalCount).toBe(3);
    expect([...first.nodes, ...second.nodes].map(({ action }) => action)).toEqual(['2003', '2002', '2001']);
    expect([first.pageInfo.hasNextPage, second.pageInfo.hasNextPage]).toEqual([true, false]);
  });
});

describe('a saved state', () => {
  const WHOLE = 'mode conversationHistory contextVariables planData currentPhase currentStep status version expiresAt';

  it('keeps what a save leaves out, takes 0 for 0, and is cleared by null', async () => {
    const sessionId = await start({ kind: 'WORKFLOW' });
    const first = {
      mode: 'plan',
      conversationHistory: [{ role: 'user' }],
      contextVariables: { a: 1 },
      planData: [1],
      currentPhase: 'two',
      currentStep: 2,
    };
    await act('saveState', { sessionId, ...first }, 'position');
    const save = (expectedVersion: number, input: object) =>
      act('saveState', { sessionId, expectedVersion, ...input }, `savedState { ${WHOLE} session { id } }`);
    const kept = await save(1, { contextVariables: { b: 2 } });
    expect(kept.savedState).toMatchObject({ ...first, contextVariables: { b: 2 }, status: 'ACTIVE', version: 2 });
    const zero = await save(2, { currentStep: 0, planData: null, currentPhase: null });
    expect(zero.savedState).toMatchObject({ currentStep: 0, planData: null, currentPhase: null, version: 3 });
    expect(await refusal('saveState', { sessionId, expectedVersion: 1 })).toMatchObject({
      code: 'VERSION_CONFLICT',
      retryable: true,
      expected: 1,
      actual: 3,
    });
    expect((await read(sessionId, `savedState { ${WHOLE} session { id } }`)).savedState).toEqual(zero.savedState);
  });

  it('sleeps and wakes with its session, which is given its plan', async () => {
    const sessionId = await start({ kind: 'WORKFLOW' });
    await act('saveState', { sessionId, currentPhase: 'build', currentStep: 4 }, 'position');
    const suspended = await act(
      'suspendSession',
      { sessionId, note: 'lunch' },
      'session { state savedState { status } } position',
    );
    expect(suspended.session).toEqual({ state: 'SUSPENDED', savedState: { status: 'SUSPENDED' } });
    const resumed = await act(
      'resumeSession',
      { sessionId },
      'session { state savedState { status } } plan { source nextSteps savedState { version } asOf } position',
    );
    expect(resumed).toMatchObject({
      session: { state: 'WORKING', savedState: { status: 'ACTIVE' } },
      plan: { source: 'REGISTRY', nextSteps: ['build, step 4'], savedState: { version: 1 } },
    });
    expect(resumed.plan.asOf).toBeGreaterThanOrEqual(resumed.position);
    expect(await refusal('resumeSession', { sessionId })).toMatchObject({ code: 'NOT_RESUMABLE', state: 'WORKING' });
  });

  it('is the newest where none is open, and none where nothing was saved', async () => {
    const sessionId = await start();
    expect((await read(sessionId, 'savedState { id }')).savedState).toBeNull();
    await act('saveState', { sessionId }, 'position');
    await act('endSession', { sessionId, reason: 'FINISHED' }, 'position');
    expect((await read(sessionId, 'savedState { status }')).savedState).toEqual({ status: 'COMPLETED' });
  });
});

it('a handoff is pending until one of two takes it', async () => {
  const sessionId = await start();
  const input = {
    sessionId,
    reason: 'COMPACTION',
    note: 'full',
    checkpoint: { workState: { a: 1 }, pendingWork: ['x'] },
  };
  const selection =
    'handoff { id from { id } to { id } checkpoint { trigger pendingWork } reason note completedAt } replayed';
  const { handoff } = await act('initiateHandoff', input, selection);
  expect(handoff).toMatchObject({
    from: { id: sessionId },
    to: null,
    checkpoint: { trigger: 'HANDOFF', pendingWork: ['x'] },
    reason: 'COMPACTION',
    note: 'full',
    completedAt: null,
  });
  expect(await read(sessionId, 'pendingHandoff { id } isOpen')).toEqual({
    pendingHandoff: { id: handoff.id },
    isOpen: true,
  });
  const completion = mutation(
    'completeHandoff',
    'handoff { to { id } completedAt } session { id title parent { id endReason } }',
  );
  const next = { title: 'the next one' };
  const answers = await Promise.allSettled(
    [1, 2].map(() => graphql.ask(completion, { input: { handoffId: handoff.id, next } })),
  );
  const taken = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.completeHandoff] : []));
  const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
  expect(refused).toMatchObject([{ extensions: { code: 'NOT_RESUMABLE' } }]);
  expect(taken).toMatchObject([{ session: { ...next, parent: { id: sessionId, endReason: 'HANDED_OFF' } } }]);
  expect(taken[0].handoff.to).toEqual({ id: taken[0].session.id });
  expect((await read(sessionId, 'pendingHandoff { id }')).pendingHandoff).toBeNull();
});

describe('approvals', () => {
  it('wait for one answer, and their session with them', async () => {
    const sessionId = await start();
    const request = { sessionId, type: 'PLAN', question: 'Shall I?', context: { plan: [1] }, timeoutSeconds: 60 };
    const { approval } = await act(
      'requestApproval',
      request,
      'approval { id type question context status resolution result resolvedBy createdAt expiresAt resolvedAt }',
    );
    expect(approval).toMatchObject({
      type: 'PLAN',
      context: { plan: [1] },
      status: 'PENDING',
      resolution: null,
      resolvedAt: null,
    });
    expect(Date.parse(approval.expiresAt) - Date.parse(approval.createdAt)).toBe(60_000);
    const { approval: later } = await act('requestApproval', { sessionId, question: 'And this?' }, 'approval { id }');
    const WAITING = 'liveness { waitingSince } approvals(status: PENDING) { id }';
    expect(await read(sessionId, WAITING)).toEqual({
      liveness: { waitingSince: approval.createdAt },
      approvals: [{ id: approval.id }, { id: later.id }],
    });
    const open = await graphql.ask(
      '{ project { stats { openApprovals } } approvals(first: 1) { totalCount nodes { id } } }',
    );
    expect(open.approvals).toEqual({ totalCount: open.project.stats.openApprovals, nodes: [{ id: later.id }] });

    const answer = { approvalId: approval.id, resolution: 'MODIFIED', result: { but: 'less' }, by: 'ada' };
    const selection = 'approval { status resolution result resolvedBy resolvedAt session { id } }';
    expect((await act('resolveApproval', answer, selection)).approval).toMatchObject({
      status: 'RESOLVED',
      resolution: 'MODIFIED',
      result: { but: 'less' },
      resolvedBy: 'ada',
      session: { id: sessionId },
    });
    expect(await refusal('resolveApproval', { ...answer, resolution: 'REJECTED' })).toMatchObject({
      code: 'ALREADY_RESOLVED',
      approvalId: approval.id,
      resolution: 'MODIFIED',
    });
    await act('resolveApproval', { approvalId: later.id, resolution: 'APPROVED' }, 'position');
    expect(await read(sessionId, WAITING)).toEqual({ liveness: { waitingSince: null }, approvals: [] });
    const settled = await graphql.ask(
      '{ resolved: approvals(status: RESOLVED) { totalCount } any: approvals(status: null) { totalCount } }',
    );
    expect(settled.resolved.totalCount).toBe(2);
    expect(settled.any.totalCount).toBeGreaterThanOrEqual(2);
  });
});

it('revives a session that has shown life since the verdict', async () => {
  const sessionId = await start();
  await act('heartbeat', { sessionId }, 'session { state }');
  await act('heartbeat', { sessionId, processAlive: false }, 'session { state }');
  expect(await refusal('reviveSession', { sessionId })).toMatchObject({ code: 'ILLEGAL_TRANSITION', from: 'ZOMBIE' });
  await act('heartbeat', { sessionId }, 'session { state }');
  expect((await act('reviveSession', { sessionId, note: 'it lives' }, 'session { state }')).session.state).toBe(
    'WORKING',
  );
});
