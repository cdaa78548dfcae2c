import { afterAll, describe, expect, test } from 'vitest';
import { requestApproval } from '../../src/store/approval.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { transitionSession } from '../../src/store/conversation.js';
import { initiateHandoff } from '../../src/store/handoff.js';
import type { Once } from '../../src/store/idempotency.js';
import { restoreCheckpoint } from '../../src/store/restore.js';
import { createRun } from '../../src/store/run.js';
import { endSession, startSession, type StartSessionInput } from '../../src/store/session.js';
import { sendSignal } from '../../src/store/signal.js';
import type { Caller } from '../../src/store/store.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const conversation = { platform: 'slack', externalId: 'C1/42' };
const begin = (caller: Caller, input: Partial<StartSessionInput>) =>
  startSession(store, caller, { kind: 'AGENT', takeOver: false, ...input });
const take = (me: Caller, sessionId: string) =>
  createCheckpoint(store, me, {
    idempotencyKey: 'k',
    sessionId,
    type: 'MANUAL',
    trigger: 'MANUAL',
    workState: { a: 1 },
  });

/** How each call with a key is made, at a session that is there before it where it needs one. */
const mutations: { mutation: string; call: (me: Caller, sessionId: string) => Promise<Once<object>> }[] = [
  { mutation: 'startSession', call: (me) => begin(me, { idempotencyKey: 'k', agentName: 'coder' }) },
  {
    mutation: 'transitionSession',
    call: (me) => transitionSession(store, me, { idempotencyKey: 'k', conversation, trigger: 'PLAN_TO_EXECUTE' }),
  },
  {
    mutation: 'endSession',
    call: (me, sessionId) =>
      endSession(store, me, { idempotencyKey: 'k', sessionId, reason: 'FINISHED', outcome: 'SUCCESS' }),
  },
  { mutation: 'createRun', call: (me) => createRun(store, me, { idempotencyKey: 'k', coordinatorName: 'boss' }) },
  { mutation: 'createCheckpoint', call: take },
  {
    mutation: 'initiateHandoff',
    call: (me, sessionId) => {
      const checkpoint = { workState: { a: 1 } };
      return initiateHandoff(store, me, { idempotencyKey: 'k', sessionId, reason: 'CRASH', checkpoint });
    },
  },
  {
    mutation: 'restoreCheckpoint',
    call: async (me, sessionId) => {
      const { id } = (await database.prisma.checkpoint.findFirst({ where: { sessionId } }))!;
      return restoreCheckpoint(store, me, { idempotencyKey: 'k', checkpointId: id, fork: true, agentName: 'try' });
    },
  },
  {
    mutation: 'requestApproval',
    call: (me, sessionId) =>
      requestApproval(store, me, {
        idempotencyKey: 'k',
        sessionId,
        type: 'PLAN',
        question: 'Go on?',
        timeoutSeconds: 300,
      }),
  },
  {
    mutation: 'sendSignal',
    call: (me, sessionId) => sendSignal(store, me, { idempotencyKey: 'k', sessionId, kind: 'NUDGE' }),
  },
];

/** A session that has a checkpoint, and the key is free. */
async function prepare(me: Caller): Promise<string> {
  const { id: sessionId } = await start(me);
  await take(me, sessionId);
  await database.prisma.idempotencyKey.deleteMany({ where: { projectId: me.projectId } });
  return sessionId;
}

describe.for(mutations)('$mutation with an idempotency key', ({ call }) => {
  test('answers a second call as the first, position and all, and does nothing', async () => {
    const me = await newCaller();
    const sessionId = await prepare(me);
    const first = await call(me, sessionId);
    await start(me);
    const before = await log(me);

    const second = await call(me, sessionId);

    expect(second).toEqual({ ...first, replayed: true });
    expect(await log(me)).toEqual(before);
  });

  test('happens once of ten equal calls at once', async () => {
    const me = await newCaller();
    const sessionId = await prepare(me);

    const answers = await Promise.all(Array.from({ length: 10 }, () => call(me, sessionId)));

    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const [first, ...others] = answers.map((answer) => ({ ...answer, replayed: null }));
    for (const other of others) expect(other).toEqual(first);
    expect((await log(me)).at(-1)!.position).toBe(answers[0]!.position);
  });

  test('is in conflict with what the key was used for before', async () => {
    const me = await newCaller();
    const sessionId = await prepare(me);
    await begin(me, { idempotencyKey: 'k', title: 'another call' });
    const before = await log(me);

    await expect(call(me, sessionId)).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', extensions: { key: 'k' } });
    expect(await log(me)).toEqual(before);
  });
});

describe('an idempotency key', () => {
  test('answers with the rows as they stand now', async () => {
    const me = await newCaller();
    const { session } = await begin(me, { idempotencyKey: 'k' });
    await endSession(store, me, { sessionId: session.id, reason: 'FINISHED', outcome: 'SUCCESS' });

    expect(await begin(me, { idempotencyKey: 'k' })).toMatchObject({ session: { id: session.id, state: 'COMPLETED' } });
  });

  test('remembers what a take-over and a transition ended', async () => {
    const me = await newCaller();
    const holder = await start(me, { agentName: 'coder' });
    const takeOver = () => begin(me, { idempotencyKey: 'a', agentName: 'coder', takeOver: true });
    const reset = () =>
      transitionSession(store, me, { idempotencyKey: 'b', sessionId: holder.id, trigger: 'RESET_REQUESTED' });

    const first = [await takeOver(), await reset()];
    const second = [await takeOver(), await reset()];

    expect(second).toMatchObject([
      { replayed: true, superseded: { id: holder.id } },
      { replayed: true, ended: { endReason: 'RESET_REQUESTED' }, session: null, created: false },
    ]);
    expect(second.map(({ position }) => position)).toEqual(first.map(({ position }) => position));
  });

  test('of an end says of its replay what it said of the end: it was not ended already', async () => {
    const me = await newCaller();
    const { id: sessionId } = await start(me);
    const end = () => endSession(store, me, { idempotencyKey: 'k', sessionId, reason: 'FINISHED', outcome: 'SUCCESS' });

    expect(await end()).toMatchObject({ alreadyEnded: false, replayed: false });
    expect(await end()).toMatchObject({ alreadyEnded: false, replayed: true });
  });

  test('is answered for after the end of the session too, and that is no late write', async () => {
    const me = await newCaller();
    const { id: sessionId } = await start(me);
    const first = await take(me, sessionId);
    await endSession(store, me, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' });
    const before = await log(me);

    expect(await take(me, sessionId)).toEqual({ ...first, replayed: true });
    expect(await log(me)).toEqual(before);
  });

  test('is kept of a call that had nothing to write, too', async () => {
    const me = await newCaller();
    await transitionSession(store, me, { conversation, trigger: 'FIRST_MESSAGE' });
    const again = () => transitionSession(store, me, { idempotencyKey: 'k', conversation, trigger: 'FIRST_MESSAGE' });
    const first = await again();
    await transitionSession(store, me, { conversation, trigger: 'PLAN_TO_EXECUTE' });

    const second = await again();

    expect(second).toMatchObject({ replayed: true, position: first.position, session: { id: first.session?.id } });
  });

  test('is in conflict with another input, and with another mutation', async () => {
    const me = await newCaller();
    await begin(me, { idempotencyKey: 'k', agentName: 'coder' });
    const before = await log(me);

    for (const call of [
      () => begin(me, { idempotencyKey: 'k', agentName: 'other' }),
      () => createRun(store, me, { idempotencyKey: 'k' }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', extensions: { key: 'k' } });
    }
    expect(await log(me)).toEqual(before);
  });

  test('is in conflict with the others of five different calls at once', async () => {
    const me = await newCaller();

    const answers = await Promise.allSettled(
      Array.from({ length: 5 }, (_, index) => begin(me, { idempotencyKey: 'k', title: `T${index}` })),
    );

    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const rejected = answers.filter(({ status }) => status === 'rejected');
    expect(rejected).toMatchObject(Array.from({ length: 4 }, () => ({ reason: { code: 'IDEMPOTENCY_CONFLICT' } })));
    expect(typesOf(await log(me))).toEqual(['SESSION_STARTED']);
  });

  test('takes the same input in another order of its keys for the same', async () => {
    const me = await newCaller();
    const first = await begin(me, { idempotencyKey: 'k', metadata: { a: 1, b: { c: [1, 2], d: 2 } } });

    const second = await begin(me, { metadata: { b: { d: 2, c: [1, 2] }, a: 1 }, idempotencyKey: 'k' });

    expect(second).toEqual({ ...first, replayed: true });
    await expect(begin(me, { idempotencyKey: 'k', metadata: { a: 1, b: { c: [2, 1], d: 2 } } })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
    });
  });

  test('is not used up by a call that failed', async () => {
    const me = await newCaller();
    const holder = await start(me, { agentName: 'coder' });
    await expect(begin(me, { idempotencyKey: 'k', agentName: 'coder' })).rejects.toMatchObject({
      code: 'SESSION_ALREADY_OPEN',
    });
    await endSession(store, me, { sessionId: holder.id, reason: 'FINISHED', outcome: 'SUCCESS' });

    expect(await begin(me, { idempotencyKey: 'k', agentName: 'coder' })).toMatchObject({ replayed: false });
  });

  test('is free again after a day, also for ten at once', async () => {
    const me = await newCaller();
    const first = await begin(me, { idempotencyKey: 'k' });
    const { projectId } = me;
    await database.prisma.$executeRaw`
      UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second'
      WHERE project_id = ${projectId}::uuid`;

    const answers = await Promise.all(
      Array.from({ length: 10 }, () => begin(me, { idempotencyKey: 'k', title: 'new' })),
    );

    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(answers.map(({ session }) => session.id)).size).toBe(1);
    expect(answers[0]!.session.id).not.toBe(first.session.id);
  });

  test('belongs to its project', async () => {
    const [one, two] = [await newCaller(), await newCaller()];
    const first = await begin(one, { idempotencyKey: 'k' });

    expect(await begin(two, { idempotencyKey: 'k', title: 'T' })).toMatchObject({ replayed: false });
    expect(await begin(one, { idempotencyKey: 'k' })).toMatchObject({ session: { id: first.session.id } });
  });

  test('does not count as input: the same without a key happens again', async () => {
    const me = await newCaller();
    const first = await begin(me, { idempotencyKey: 'k' });
    const second = await begin(me, {});
    const third = await begin(me, { idempotencyKey: 'l' });

    expect(new Set([first, second, third].map(({ session }) => session.id)).size).toBe(3);
  });
});
