import { afterAll, describe, expect, test } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import { transitionSession } from '../../src/store/conversation.js';
import {
  completeHandoff,
  initiateHandoff,
  type CompleteHandoffInput,
  type InitiateHandoffInput,
} from '../../src/store/handoff.js';
import { createRun } from '../../src/store/run.js';
import { endSession } from '../../src/store/session.js';
import type { Caller, Handoff, Session } from '../../src/store/store.js';
import { race } from '../support/race.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const initiate = async (
  caller: Caller,
  { id }: Session,
  input: Partial<InitiateHandoffInput> = {},
): Promise<Handoff> => {
  const offer = { sessionId: id, reason: 'COMPACTION', checkpoint: { workState: {} }, ...input } as const;
  return (await initiateHandoff(store, caller, offer)).handoff;
};
const complete = (caller: Caller, { id }: Pick<Handoff, 'id'>, next?: CompleteHandoffInput['next']) =>
  completeHandoff(store, caller, { handoffId: id, next });
const handoffsOf = ({ projectId, id: fromId }: Session) =>
  database.prisma.handoff.findMany({ where: { projectId, fromId }, orderBy: { createdAt: 'asc' } });
const checkpointOf = ({ projectId, checkpointId: id }: Handoff) =>
  database.prisma.checkpoint.findUniqueOrThrow({ where: { projectId_id: { projectId, id } } });

describe('an initiated handoff', () => {
  test('takes a checkpoint and leaves the giver open', async () => {
    const me = await newCaller();
    const session = await start(me);

    const handoff = await initiate(me, session, {
      note: 'to the next one',
      checkpoint: { workState: { a: 1 }, summary: 'so far', pendingWork: ['b'], contextPercent: 90 },
    });

    expect(handoff).toMatchObject({ fromId: session.id, toId: null, completedAt: null, note: 'to the next one' });
    expect(await checkpointOf(handoff)).toMatchObject({
      sessionId: session.id,
      trigger: 'HANDOFF',
      workState: { a: 1 },
      summary: 'so far',
      pendingWork: ['b'],
      contextPercent: 90,
    });
    expect(await read(session)).toMatchObject({ state: 'WORKING', endedAt: null });
    const events = await log(me);
    expect(typesOf(events).slice(1)).toEqual(['SESSION_STATE_CHANGED', 'CHECKPOINT_CREATED', 'HANDOFF_CREATED']);
    expect(events.at(-1)!.data).toEqual({
      handoffId: encodeId('Handoff', handoff.id),
      fromId: encodeId('Session', session.id),
      toId: null,
      checkpointId: encodeId('Checkpoint', handoff.checkpointId),
      reason: 'COMPACTION',
      note: 'to the next one',
    });
  });

  test.for([
    ['MANUAL', 'MANUAL'],
    ['CRASH', 'AUTOMATIC'],
  ] as const)('for the reason %s has a checkpoint that is %s', async ([reason, type]) => {
    const me = await newCaller();

    expect(await checkpointOf(await initiate(me, await start(me), { reason }))).toMatchObject({ type });
  });

  test('is one of five at once; the others are told which, and leave no checkpoint', async () => {
    const me = await newCaller();
    const session = await start(me);

    const { won, lost } = await race(Array.from({ length: 5 }, () => initiate(me, session)));

    expect(lost).toHaveLength(4);
    for (const refusal of lost) {
      expect(refusal).toMatchObject({
        code: 'VALIDATION',
        message: expect.stringContaining(encodeId('Handoff', won[0]!.id)) as string,
        extensions: { issues: [{ path: 'input.sessionId' }] },
      });
    }
    expect(await handoffsOf(session)).toEqual(won);
    expect(typesOf(await log(me)).filter((type) => type === 'CHECKPOINT_CREATED')).toHaveLength(1);
  });

  test('with a checkpoint that is not valid is refused with the path', async () => {
    const me = await newCaller();

    await expect(initiate(me, await start(me), { checkpoint: { workState: [] } })).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path: 'input.checkpoint.workState' }] },
    });
  });
});

describe('a completed handoff', () => {
  test('ends the giver and begins the taker in its chain, conversation and run kept', async () => {
    const me = await newCaller();
    const { run } = await createRun(store, me, { externalId: 'r' });
    const giver = await start(me, {
      kind: 'CONVERSATION',
      conversation: { platform: 'slack', externalId: 'C1' },
      agentName: 'coder',
      runId: run.id,
      workspace: { branchName: 'main' },
    });
    const offered = await initiate(me, giver, { note: 'go on' });

    const { handoff, session, position } = await complete(me, offered, { title: 'second', assistant: 'other' });

    expect(await read(giver)).toMatchObject({
      state: 'COMPLETED',
      endReason: 'HANDED_OFF',
      outcome: 'UNKNOWN',
      endNote: 'go on',
    });
    expect(session).toEqual(await read(session));
    expect(session).toMatchObject({
      kind: 'CONVERSATION',
      parentId: giver.id,
      chainRootId: giver.id,
      chainIndex: 1,
      startReason: 'HANDOFF',
      conversationId: giver.conversationId,
      agentName: 'coder',
      runId: run.id,
      branchName: 'main',
      title: 'second',
      assistant: 'other',
      state: 'BOOTING',
    });
    expect(await handoffsOf(giver)).toEqual([handoff]);
    expect(handoff).toMatchObject({ toId: session.id, completedAt: expect.any(Date) as Date, cancelledAt: null });
    const events = (await log(me)).slice(-4);
    expect(typesOf(events)).toEqual(['SESSION_ENDED', 'SESSION_STARTED', 'CHECKPOINT_LOADED', 'HANDOFF_COMPLETED']);
    expect(events.map(({ sessionId }) => sessionId)).toEqual([giver.id, session.id, session.id, session.id]);
    expect(events[2]!.data).toEqual({ checkpointId: encodeId('Checkpoint', handoff.checkpointId) });
    expect(events[3]).toMatchObject({ position, data: { toId: encodeId('Session', session.id) } });
    // The run was never without a worker.
    expect(typesOf(await log(me))).not.toContain('RUN_WORKERS_FINISHED');
  });

  test('is one of five at once; the others are told that it is done', async () => {
    const me = await newCaller();
    const giver = await start(me, { agentName: 'coder' });
    const offered = await initiate(me, giver);

    const { lost } = await race(Array.from({ length: 5 }, () => complete(me, offered)));

    expect(lost).toHaveLength(4);
    for (const refusal of lost) {
      expect(refusal).toMatchObject({
        code: 'NOT_RESUMABLE',
        extensions: { sessionId: encodeId('Session', giver.id), state: 'COMPLETED' },
      });
    }
    expect(await database.prisma.session.count({ where: { projectId: me.projectId } })).toBe(2);
    expect(typesOf(await log(me))).not.toContain('LATE_WRITE_REJECTED');
  });

  test('frees the taker to give in its turn', async () => {
    const me = await newCaller();
    const giver = await start(me, { agentName: 'coder' });
    const { session: second } = await complete(me, await initiate(me, giver));

    const { session: third } = await complete(me, await initiate(me, second));

    expect(third).toMatchObject({ parentId: second.id, chainRootId: giver.id, chainIndex: 2 });
  });

  test('is no longer possible once the giver has ended otherwise', async () => {
    const me = await newCaller();
    const giver = await start(me);
    const offered = await initiate(me, giver);
    await endSession(store, me, { sessionId: giver.id, reason: 'FAILED', outcome: 'FAILURE' });

    await expect(complete(me, offered)).rejects.toMatchObject({ code: 'NOT_RESUMABLE' });
    expect(await handoffsOf(giver)).toMatchObject([{ completedAt: null, cancelledAt: expect.any(Date) as Date }]);
  });

  test('that meets a transition of the giver leaves one session open at the place', async () => {
    const me = await newCaller();
    for (let round = 0; round < 5; round++) {
      const conversation = { platform: 'slack', externalId: `C${round}` };
      const giver = await start(me, { kind: 'CONVERSATION', conversation });
      const offered = await initiate(me, giver);

      const [handoff, transition] = await Promise.allSettled([
        complete(me, offered),
        transitionSession(store, me, { conversation, trigger: 'CONTEXT_COMPACTED' }),
      ]);

      expect(transition.status).toBe('fulfilled');
      if (handoff.status === 'rejected') expect(handoff.reason).toMatchObject({ code: 'NOT_RESUMABLE' });
      const where = { projectId: me.projectId, conversationId: giver.conversationId, endedAt: null };
      expect(await database.prisma.session.count({ where })).toBe(1);
    }
  });

  test('of another project, or of none, is not found', async () => {
    const me = await newCaller();
    const other = await newCaller();
    const offered = await initiate(me, await start(me));

    for (const attempt of [() => complete(other, offered), () => complete(me, { id: newId() })]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND', extensions: { kind: 'Handoff' } });
    }
  });
});
