import { afterAll, describe, expect, test } from 'vitest';
import { INHERITED_FIELDS } from '../../src/domain/chain.js';
import { TRANSITION_TRIGGERS, TRIGGERS, type EndingTrigger } from '../../src/domain/trigger.js';
import { transitionSession, type TransitionSessionInput } from '../../src/store/conversation.js';
import { completeRun, createRun } from '../../src/store/run.js';
import { endSession, startSession } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const conversation = { platform: 'slack', externalId: 'C1/42' };
const ending = TRANSITION_TRIGGERS.filter((trigger): trigger is EndingTrigger => trigger !== 'FIRST_MESSAGE');
const creating = ending.filter((trigger) => TRIGGERS[trigger].behavior === 'CREATES');
const deactivating = ending.filter((trigger) => TRIGGERS[trigger].behavior === 'DEACTIVATES');

const transition = (caller: Caller, input: TransitionSessionInput) => transitionSession(store, caller, input);
const openSessions = ({ projectId }: Caller) => database.prisma.session.count({ where: { projectId, endedAt: null } });

// Places differ in how they are found and locked, not in what a trigger means: for most one of each kind will do.
const few: readonly EndingTrigger[] = ['RESET_REQUESTED', 'CONVERSATION_CLOSED'];

/** What a transition may be told of, how a first session comes to be there, and which triggers end it there. */
const places = [
  {
    place: 'a conversation',
    triggers: deactivating,
    open: (caller: Caller) => start(caller, { kind: 'CONVERSATION', conversation }),
    name: () => ({ conversation }),
  },
  {
    place: 'a session of a conversation',
    triggers: few,
    open: (caller: Caller) => start(caller, { kind: 'CONVERSATION', conversation }),
    name: ({ id }: Session) => ({ sessionId: id }),
  },
  {
    place: 'a session that has only a name',
    triggers: few,
    open: (caller: Caller) => start(caller, { agentName: 'coder' }),
    name: ({ id }: Session) => ({ sessionId: id }),
  },
  {
    place: 'a session that has neither',
    triggers: few,
    open: (caller: Caller) => start(caller),
    name: ({ id }: Session) => ({ sessionId: id }),
  },
];

describe.for(places)('a transition of $place', ({ open, name, triggers }) => {
  test.for(creating)('ends the open session and creates its child by %s', async (trigger) => {
    const me = await newCaller();
    const first = await open(me);

    const { ended, session, created } = await transition(me, {
      ...name(first),
      trigger,
      note: 'go',
      outcome: 'SUCCESS',
    });

    expect(ended).toMatchObject({ id: first.id, state: 'COMPLETED', endReason: trigger, outcome: 'SUCCESS' });
    expect(ended).toMatchObject({ endNote: 'go', endedBy: me.name, endedAt: expect.any(Date) as Date });
    expect(session).toMatchObject({ parentId: first.id, startReason: trigger, chainIndex: 1, state: 'BOOTING' });
    expect(session).toMatchObject({ chainRootId: first.id, endedAt: null });
    expect(created).toBe(true);
    expect(typesOf(await log(me)).slice(-2)).toEqual(['SESSION_ENDED', 'SESSION_STARTED']);
  });

  test.for(creating)('creates by %s where none is open, in the chain of the newest', async (trigger) => {
    const me = await newCaller();
    const first = await open(me);
    await endSession(store, me, { sessionId: first.id, reason: 'FINISHED', outcome: 'SUCCESS' });

    const { ended, session, created } = await transition(me, { ...name(first), trigger });

    expect({ ended, created }).toEqual({ ended: null, created: true });
    expect(session).toMatchObject({ parentId: first.id, startReason: trigger, chainIndex: 1 });
  });

  test.for(triggers)('ends the open session and creates nothing by %s', async (trigger) => {
    const me = await newCaller();
    const first = await open(me);

    const { ended, session, created } = await transition(me, { ...name(first), trigger });

    expect(ended).toMatchObject({ id: first.id, endReason: trigger, outcome: 'UNKNOWN' });
    expect({ session, created }).toEqual({ session: null, created: false });
    expect(await openSessions(me)).toBe(0);
  });

  test.for(triggers)('does nothing by %s where none is open', async (trigger) => {
    const me = await newCaller();
    const first = await open(me);
    await transition(me, { ...name(first), trigger });
    const before = await log(me);

    const again = await transition(me, { ...name(first), trigger });

    expect(again).toMatchObject({ ended: null, session: null, created: false, position: before.at(-1)!.position });
    expect(await log(me)).toEqual(before);
  });

  test('answers FIRST_MESSAGE with the open session, and writes nothing', async () => {
    const me = await newCaller();
    const first = await open(me);
    const before = await log(me);

    const answer = await transition(me, { ...name(first), trigger: 'FIRST_MESSAGE' });

    expect(answer).toMatchObject({ ended: null, session: { id: first.id }, created: false });
    expect(await log(me)).toEqual(before);
  });

  test('links the FIRST_MESSAGE after a reset to the session that was reset', async () => {
    const me = await newCaller();
    const first = await open(me);
    await transition(me, { ...name(first), trigger: 'RESET_REQUESTED' });

    const { session } = await transition(me, { ...name(first), trigger: 'FIRST_MESSAGE' });

    expect(session).toMatchObject({ parentId: first.id, startReason: 'FIRST_MESSAGE', chainIndex: 1 });
  });

  test('chains 50 PLAN_TO_EXECUTE at once, with one session open', async () => {
    const me = await newCaller();
    const first = await open(me);

    const answers = await Promise.all(
      Array.from({ length: 50 }, () => transition(me, { ...name(first), trigger: 'PLAN_TO_EXECUTE' })),
    );

    expect(answers.map(({ session }) => session?.chainIndex).sort((a, b) => a! - b!)).toEqual(
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
    expect(new Set(answers.map(({ ended }) => ended?.id)).size).toBe(50);
    expect(await openSessions(me)).toBe(1);
  });
});

describe('a transition by conversation', () => {
  test.for(['FIRST_MESSAGE', ...creating] as const)('creates a first session by %s, in no chain', async (trigger) => {
    const me = await newCaller();

    const { session, created } = await transition(me, { conversation, trigger });

    expect(session).toMatchObject({ kind: 'CONVERSATION', parentId: null, chainIndex: 0, startReason: trigger });
    expect(session).toMatchObject({ stallAfterSeconds: null, zombieAfterSeconds: null, maxEscalationLevel: 0 });
    expect(created).toBe(true);
    expect(typesOf(await log(me))).toEqual(['CONVERSATION_OPENED', 'SESSION_STARTED']);
  });

  test.for(deactivating)('does not even make an unknown conversation by %s', async (trigger) => {
    const me = await newCaller();

    expect(await transition(me, { conversation, trigger })).toMatchObject({ ended: null, session: null, position: 0n });
    expect(await database.prisma.conversation.count({ where: { projectId: me.projectId } })).toBe(0);
  });

  test('makes one session of 50 FIRST_MESSAGE at once', async () => {
    const me = await newCaller();

    const answers = await Promise.all(
      Array.from({ length: 50 }, () => transition(me, { conversation, trigger: 'FIRST_MESSAGE' })),
    );

    expect(new Set(answers.map(({ session }) => session?.id)).size).toBe(1);
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    expect(typesOf(await log(me))).toEqual(['CONVERSATION_OPENED', 'SESSION_STARTED']);
  });

  test('leaves the open session of another conversation alone', async () => {
    const me = await newCaller();
    const other = await start(me, { conversation: { ...conversation, externalId: 'C1/43' } });
    await start(me, { conversation });

    await transition(me, { conversation, trigger: 'RESET_REQUESTED' });

    expect(await read(other)).toMatchObject({ endedAt: null });
  });

  test('names the holder where another session has taken the name that the next one inherits', async () => {
    const me = await newCaller();
    const first = await start(me, { conversation, agentName: 'coder' });
    await endSession(store, me, { sessionId: first.id, reason: 'FINISHED', outcome: 'SUCCESS' });
    await start(me, { agentName: 'coder' });

    await expect(transition(me, { conversation, trigger: 'FIRST_MESSAGE' })).rejects.toMatchObject({
      code: 'SESSION_ALREADY_OPEN',
    });
  });
});

describe('a transition by session', () => {
  test('given an ended session acts on what is open in its place now', async () => {
    const me = await newCaller();
    const first = await start(me, { agentName: 'coder' });
    const { session: second } = await transition(me, { sessionId: first.id, trigger: 'PLAN_TO_EXECUTE' });

    const { ended } = await transition(me, { sessionId: first.id, trigger: 'RESET_REQUESTED' });

    expect(ended?.id).toBe(second?.id);
  });

  test('given a fork that has neither conversation nor name acts on the fork alone', async () => {
    const me = await newCaller();
    const root = await start(me);
    const { session: main } = await transition(me, { sessionId: root.id, trigger: 'PLAN_TO_EXECUTE' });
    const fork = await start(me, { parentId: root.id, startReason: 'FORKED' });

    const { ended, session } = await transition(me, { sessionId: fork.id, trigger: 'PLAN_TO_EXECUTE' });

    expect(ended?.id).toBe(fork.id);
    expect(session).toMatchObject({ parentId: fork.id });
    expect(await transition(me, { sessionId: fork.id, trigger: 'FIRST_MESSAGE' })).toMatchObject({ session });
    expect(await transition(me, { sessionId: root.id, trigger: 'FIRST_MESSAGE' })).toMatchObject({ session: main });
  });

  test('misses no open session while others of the same name come and go', async () => {
    const me = await newCaller();
    const lives = [await start(me, { agentName: 'coder' })];
    while (lives.length < 8) {
      const { session } = await transition(me, { sessionId: lives[0]!.id, trigger: 'PLAN_TO_EXECUTE' });
      lives.push(session!);
    }

    // Each names another life of the agent, so that they do not queue for the same row.
    const answers = await Promise.all(
      [...lives, ...lives, ...lives].map(({ id }) => transition(me, { sessionId: id, trigger: 'PLAN_TO_EXECUTE' })),
    );

    expect(answers.filter(({ ended }) => ended === null)).toEqual([]);
    expect(await openSessions(me)).toBe(1);
  });

  test('ends the open session by a reset although the agent moves on at the same time', async () => {
    const me = await newCaller();
    const first = await start(me, { agentName: 'coder' });
    for (let round = 0; round < 10; round++) {
      const { session } = await transition(me, { sessionId: first.id, trigger: 'PLAN_TO_EXECUTE' });

      const [, reset] = await Promise.all([
        transition(me, { sessionId: session!.id, trigger: 'PLAN_TO_EXECUTE' }),
        transition(me, { sessionId: first.id, trigger: 'RESET_REQUESTED' }),
      ]);

      expect(reset.ended, 'a session was open before, between and after').not.toBeNull();
    }
  });
});

describe('the next session', () => {
  test('inherits what makes it the same agent at the same place', async () => {
    const me = await newCaller();
    const { run } = await createRun(store, me, {});
    const spawner = await start(me);
    const parent = await start(me, {
      kind: 'WORKFLOW',
      agentName: 'coder',
      capability: 'builder',
      conversation,
      runId: run.id,
      spawnedById: spawner.id,
      workspace: {
        hostMachine: 'h',
        worktreePath: '/w',
        branchName: 'b',
        tmuxSession: 't',
        pid: 7,
        transcriptPath: '/t',
      },
      assistant: 'claude-code',
      liveness: { stallAfterSeconds: 9, zombieAfterSeconds: null, escalateEverySeconds: 5, maxEscalationLevel: 1 },
      instanceId: 'coder-PS-abc123',
      externalId: 'x',
      providerSessionId: 'p',
      taskId: 'T',
      title: 'Title',
      metadata: { a: 1 },
      contextPercent: 90,
    });

    const { session } = await transition(me, { conversation, trigger: 'CONTEXT_COMPACTED' });

    for (const field of [...INHERITED_FIELDS, 'capability'] as const)
      expect(session).toHaveProperty(field, parent[field]);
    expect(session).toMatchObject({ instanceId: null, externalId: null, providerSessionId: null, title: null });
    expect(session).toMatchObject({ metadata: {}, depth: 1, spawnedById: spawner.id, runId: run.id });
  });

  test('has what its caller says instead, field by field', async () => {
    const me = await newCaller();
    await start(me, { conversation, assistant: 'a', workspace: { pid: 7, branchName: 'b', worktreePath: '/w' } });

    const { session } = await transition(me, {
      conversation,
      trigger: 'PLAN_TO_EXECUTE',
      next: {
        assistant: 'other',
        providerSessionId: 'p',
        title: 'T',
        workspace: { pid: 8, branchName: null },
        metadata: { a: 1 },
      },
    });

    expect(session).toMatchObject({ assistant: 'other', providerSessionId: 'p', title: 'T', metadata: { a: 1 } });
    expect(session).toMatchObject({ pid: 8, branchName: null, worktreePath: '/w' });
  });

  test('joins no run that has been completed meanwhile', async () => {
    const me = await newCaller();
    const { run } = await createRun(store, me, {});
    await start(me, { conversation, runId: run.id });
    await completeRun(store, me, { runId: run.id, status: 'COMPLETED' });

    const { session } = await transition(me, { conversation, trigger: 'PLAN_TO_EXECUTE' });

    expect(session?.runId).toBeNull();
  });

  test('starts when the caller says that the context changed, as the one before it ended then', async () => {
    const me = await newCaller();
    await start(me, { conversation, occurredAt: new Date('2026-01-01T00:00:00.000Z') });
    const occurredAt = new Date('2026-01-02T00:00:00.000Z');

    const { ended, session } = await transition(me, { conversation, trigger: 'PLAN_TO_EXECUTE', occurredAt });

    expect([ended?.endedAt, session?.startedAt]).toEqual([occurredAt, occurredAt]);
    expect((await log(me)).slice(-2).map((event) => event.occurredAt)).toEqual([occurredAt, occurredAt]);
  });
});

describe('a transition is refused', () => {
  test.for([
    ['input', {}],
    ['input', { conversation, sessionId: '01900000-0000-7000-8000-000000000001' }],
    ['input.conversation.platform', { conversation: { ...conversation, platform: '' } }],
    ['input.conversation.externalId', { conversation: { ...conversation, externalId: 'x'.repeat(129) } }],
    ['input.idempotencyKey', { conversation, idempotencyKey: '' }],
    ['input.note', { conversation, note: 'x'.repeat(4097) }],
    ['input.occurredAt', { conversation, occurredAt: new Date('9000-01-01') }],
    ['input.next.assistant', { conversation, next: { assistant: 'a\n' } }],
    ['input.next.title', { conversation, next: { title: 'x'.repeat(513) } }],
    ['input.next.workspace.pid', { conversation, next: { workspace: { pid: -1 } } }],
    ['input.next.metadata', { conversation, next: { metadata: [] } }],
  ] as const)('for its %s, and nothing is written', async ([path, input]) => {
    const me = await newCaller();

    await expect(transition(me, { ...input, trigger: 'FIRST_MESSAGE' })).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path }] },
    });
    expect(await log(me)).toEqual([]);
  });

  test('where it would end a session before it started', async () => {
    const me = await newCaller();
    const session = await start(me, { conversation });

    await expect(
      transition(me, { conversation, trigger: 'RESET_REQUESTED', occurredAt: new Date('2020-01-01') }),
    ).rejects.toMatchObject({ code: 'VALIDATION', extensions: { issues: [{ path: 'input.occurredAt' }] } });
    expect(await read(session)).toEqual(session);
  });

  test('for a session of another project, which nobody here knows', async () => {
    const [me, other] = [await newCaller(), await newCaller()];
    const { session } = await startSession(store, other, { kind: 'AGENT', takeOver: false });

    await expect(transition(me, { sessionId: session.id, trigger: 'RESET_REQUESTED' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(await read(session)).toEqual(session);
  });
});
