import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TRIGGERS } from '../../src/domain/trigger.js';
import { encodeId, newId } from '../../src/domain/id.js';
import { mutation, openGraphql, type TestGraphql } from '../support/graphql.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const act: TestGraphql['act'] = (...call) => graphql.act(...call);
const start = async (input: object = {}): Promise<string> =>
  (await act('startSession', input, 'session { id }')).session.id;

it('startSession begins a session with all that is said of it, and takes a place over', async () => {
  const run = await act(
    'createRun',
    { externalId: 'r1', metadata: { a: [1] } },
    'run { id metadata } replayed position',
  );
  expect(run).toMatchObject({ run: { metadata: { a: [1] } }, replayed: false, position: 1 });
  const spawner = await start();
  const input = {
    agentName: 'ada',
    workspace: { branchName: 'main', pid: 7 },
    metadata: { __proto__: 1, nested: { deep: [null] } },
    runId: run.run.id,
    spawnedById: spawner,
    contextPercent: 3,
    liveness: { stallAfterSeconds: 9 },
  };
  const selection =
    'session { id state startReason depth workspace { branchName pid } metadata run { id } spawnedBy { id } contextPercent } superseded { id state } replayed';
  const first = await act('startSession', input, selection);
  expect(first).toMatchObject({
    session: {
      state: 'BOOTING',
      startReason: 'SPAWNED',
      depth: 1,
      workspace: { branchName: 'main', pid: 7 },
      run: { id: run.run.id },
      spawnedBy: { id: spawner },
      contextPercent: 3,
      metadata: { nested: { deep: [null] } },
    },
    superseded: null,
    replayed: false,
  });
  const refused = await graphql.refusal(mutation('startSession', selection), { input });
  expect(refused.extensions).toMatchObject({ code: 'SESSION_ALREADY_OPEN', holderId: first.session.id });
  const second = await act('startSession', { ...input, takeOver: true }, selection);
  expect(second.superseded).toEqual({ id: first.session.id, state: 'COMPLETED' });
});

it('transitionSession ends and creates as its trigger says', async () => {
  const conversation = { platform: 'test', externalId: 'c1' };
  const selection = 'ended { id endReason } session { id parent { id } conversation { externalId } } created position';
  const first = await act('transitionSession', { conversation, trigger: 'FIRST_MESSAGE' }, selection);
  expect(first).toMatchObject({ ended: null, created: true, session: { conversation: { externalId: 'c1' } } });
  const second = await act('transitionSession', { sessionId: first.session.id, trigger: 'PLAN_TO_EXECUTE' }, selection);
  expect(second).toMatchObject({
    ended: { id: first.session.id, endReason: 'PLAN_TO_EXECUTE' },
    session: { parent: { id: first.session.id } },
    created: true,
  });
  const third = await act('transitionSession', { conversation, trigger: 'RESET_REQUESTED' }, selection);
  expect(third).toMatchObject({ ended: { id: second.session.id }, session: null, created: false });
});

it('endSession ends once', async () => {
  const sessionId = await start();
  const selection = 'session { outcome endNote } alreadyEnded position';
  const first = await act('endSession', { sessionId, reason: 'FINISHED', note: 'done' }, selection);
  expect(first).toMatchObject({ session: { outcome: 'UNKNOWN', endNote: 'done' }, alreadyEnded: false });
  const second = await act('endSession', { sessionId, reason: 'FAILED', outcome: 'FAILURE' }, selection);
  expect(second).toMatchObject({ session: { outcome: 'UNKNOWN', endNote: 'done' }, alreadyEnded: true });
});

it('heartbeat answers with what to do', async () => {
  const sessionId = await start();
  const selection = 'session { state contextPercent } recommendedAction';
  expect(await act('heartbeat', { sessionId, contextPercent: 10 }, selection)).toEqual({
    session: { state: 'WORKING', contextPercent: 10 },
    recommendedAction: 'NONE',
  });
  const full = await act('heartbeat', { sessionId, contextPercent: 80 }, selection);
  expect(full.recommendedAction).toBe('CHECKPOINT');
});

it('updateSession changes what is given, clears what is null and leaves the rest', async () => {
  const sessionId = await start({ title: 'old', taskId: 't1', metadata: { a: 1, b: 2 } });
  const selection = 'session { title taskId metadata version }';
  const input = { sessionId, title: null, metadataPatch: { b: null, c: 3 }, expectedVersion: 1 };
  const { session } = await act('updateSession', input, selection);
  expect(session).toEqual({ title: null, taskId: 't1', metadata: { a: 1, c: 3 }, version: 2 });
  const cleared = await act('updateSession', { sessionId, metadataPatch: null, liveness: null }, selection);
  expect(cleared.session).toMatchObject({ metadata: {}, version: 3 });
  const stale = await graphql.refusal(mutation('updateSession', selection), { input });
  expect(stale.extensions).toMatchObject({ code: 'VERSION_CONFLICT', retryable: true, expected: 1, actual: 3 });
});

it('closeConversation closes it by its id or its key', async () => {
  const conversation = { platform: 'test', externalId: 'closing' };
  const id = await start({ conversation });
  const selection = 'conversation { id closedAt openSession { id } sessions { totalCount } } ended { id }';
  const closed = await act('closeConversation', { conversation: { key: conversation } }, selection);
  expect(closed).toMatchObject({ conversation: { openSession: null, sessions: { totalCount: 1 } }, ended: { id } });
  expect(closed.conversation.closedAt).not.toBeNull();
  const again = await act('closeConversation', { conversation: { id: closed.conversation.id } }, selection);
  expect(again).toEqual({ ...closed, ended: null });
});

it('completeRun completes once', async () => {
  const { run } = await act('createRun', {}, 'run { id }');
  const selection = 'run { status completedAt } alreadyCompleted';
  const first = await act('completeRun', { runId: run.id, status: 'FAILED' }, selection);
  expect(first).toMatchObject({ run: { status: 'FAILED' }, alreadyCompleted: false });
  expect(await act('completeRun', { runId: run.id }, selection)).toEqual({ ...first, alreadyCompleted: true });
});

it('appendEvents appends in order, each with its cause', async () => {
  const sessionId = await start();
  const selection = 'events { id type name level data sequence cause { id } session { id } } position';
  const { events } = await act(
    'appendEvents',
    {
      sessionId,
      events: [
        { type: 'TOOL_STARTED', toolName: 'Bash', dedupeKey: 'a', data: { command: 'ls' } },
        { type: 'CUSTOM', name: 'own', level: 'WARN', causeDedupeKey: 'a' },
      ],
    },
    selection,
  );
  const [cause, custom] = events;
  expect(cause).toMatchObject({
    type: 'TOOL_STARTED',
    level: 'INFO',
    data: { command: 'ls' },
    session: { id: sessionId },
  });
  expect(custom).toMatchObject({ name: 'own', level: 'WARN', sequence: cause.sequence + 1, cause: { id: cause.id } });
  const more = await act('appendEvents', { sessionId, events: [{ type: 'TOOL_ENDED', causeId: cause.id }] }, selection);
  expect(more.events[0].cause).toEqual({ id: cause.id });
});

describe('an idempotency key', () => {
  it('makes a call repeatable', async () => {
    const input = { idempotencyKey: 'k1', agentName: 'idem' };
    const first = await act('startSession', input, 'session { id } replayed position');
    const second = await act('startSession', input, 'session { id } replayed position');
    expect(second).toEqual({ ...first, replayed: true });
    const other = await graphql.refusal(mutation('startSession', 'position'), { input: { ...input, agentName: 'x' } });
    expect(other.extensions).toEqual({ code: 'IDEMPOTENCY_CONFLICT', retryable: false, key: 'k1' });
  });
});

describe('an id in an input', () => {
  const unknown = encodeId('Session', newId());
  const foreign = encodeId('Event', newId());
  it.each([
    ['endSession', { reason: 'FINISHED' }, 'sessionId', 'Session'],
    ['heartbeat', {}, 'sessionId', 'Session'],
    ['updateSession', {}, 'sessionId', 'Session'],
    ['transitionSession', { trigger: 'PLAN_TO_EXECUTE' }, 'sessionId', 'Session'],
    ['appendEvents', { events: [{ type: 'PROGRESS' }] }, 'sessionId', 'Session'],
    ['startSession', {}, 'parentId', 'Session'],
    ['startSession', {}, 'spawnedById', 'Session'],
    ['startSession', {}, 'runId', 'Run'],
    ['createRun', {}, 'coordinatorSessionId', 'Session'],
    ['completeRun', {}, 'runId', 'Run'],
  ])('of %s %j that is unknown, malformed or of another type is NOT_FOUND: %s', async (name, input, field, kind) => {
    for (const id of [unknown.replace('ses', kind === 'Run' ? 'run' : 'ses'), foreign, 'x', '', `${unknown}\u0000`]) {
      const { extensions } = await graphql.refusal(mutation(name, '__typename'), {
        input: { ...input, [field]: id },
      });
      expect(extensions).toEqual({ code: 'NOT_FOUND', retryable: false, kind, ref: id });
    }
  });

  it('of a conversation or a cause that is unknown is NOT_FOUND', async () => {
    const input = { conversation: { id: encodeId('Conversation', newId()) } };
    const closing = await graphql.refusal(mutation('closeConversation', 'position'), { input });
    expect(closing.extensions).toMatchObject({ code: 'NOT_FOUND', kind: 'Conversation' });
    const events = [{ type: 'PROGRESS', causeId: encodeId('Event', newId()) }];
    const append = await graphql.refusal(mutation('appendEvents', 'position'), {
      input: { sessionId: await start(), events },
    });
    expect(append.extensions).toMatchObject({ code: 'NOT_FOUND', kind: 'Event' });
  });
});

it('what is wrong with an input is VALIDATION, with the path', async () => {
  const { extensions } = await graphql.refusal(mutation('startSession', 'position'), {
    input: { agentName: 'x'.repeat(129), workspace: { hostMachine: '' } },
  });
  expect(extensions).toMatchObject({
    code: 'VALIDATION',
    issues: [{ path: 'input.agentName' }, { path: 'input.workspace.hostMachine' }],
  });
});

it('transitionTriggers tells what every trigger does', async () => {
  const { transitionTriggers } = await graphql.ask('{ transitionTriggers { trigger behavior description } }');
  expect(transitionTriggers).toEqual(Object.entries(TRIGGERS).map(([trigger, info]) => ({ trigger, ...info })));
});
