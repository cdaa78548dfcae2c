import { afterAll, describe, expect, test } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { transitionSession } from '../../src/store/conversation.js';
import { restoreCheckpoint, type RestoreCheckpointInput } from '../../src/store/restore.js';
import { endSession, type StartSessionInput } from '../../src/store/session.js';
import type { Caller, Checkpoint, Session } from '../../src/store/store.js';
import { race } from '../support/race.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const restore = async (caller: Caller, { id }: Pick<Checkpoint, 'id'>, input: Partial<RestoreCheckpointInput> = {}) =>
  (await restoreCheckpoint(store, caller, { checkpointId: id, fork: false, ...input })).session;
const take = async (caller: Caller, { id }: Session): Promise<Checkpoint> => {
  const picture = { sessionId: id, type: 'MANUAL', trigger: 'MANUAL', workState: { a: 1 } } as const;
  return (await createCheckpoint(store, caller, picture)).checkpoint;
};
const end = (caller: Caller, { id }: Session) =>
  endSession(store, caller, { sessionId: id, reason: 'FAILED', outcome: 'FAILURE' });
const sessionsOf = ({ projectId }: Caller) =>
  database.prisma.session.findMany({ where: { projectId }, orderBy: { ordinal: 'asc' } });

const conversation = { platform: 'slack', externalId: 'C1' };
const places: { place: string; input: Partial<StartSessionInput> }[] = [
  { place: 'a conversation', input: { kind: 'CONVERSATION', conversation } },
  { place: 'a name', input: { agentName: 'coder' } },
  { place: 'neither', input: {} },
];

describe.for(places)('a checkpoint of a session that has $place', ({ input }) => {
  test('is restored from an open session, which ends, by the next in its chain', async () => {
    const me = await newCaller();
    const origin = await start(me, { ...input, workspace: { branchName: 'main' } });
    const checkpoint = await take(me, origin);

    const answer = await restoreCheckpoint(store, me, { checkpointId: checkpoint.id, fork: false });

    expect(answer).toMatchObject({ checkpoint, replayed: false });
    const { session } = answer;
    expect(await read(origin)).toMatchObject({ state: 'COMPLETED', endReason: 'RESTORED', outcome: 'UNKNOWN' });
    expect(session).toMatchObject({
      parentId: origin.id,
      chainRootId: origin.id,
      chainIndex: 1,
      startReason: 'RESTORED',
      conversationId: origin.conversationId,
      agentName: origin.agentName,
      branchName: 'main',
    });
    const events = (await log(me)).slice(-3);
    expect(typesOf(events)).toEqual(['SESSION_ENDED', 'SESSION_STARTED', 'CHECKPOINT_LOADED']);
    expect(events[2]).toMatchObject({
      position: answer.position,
      sessionId: session.id,
      data: { checkpointId: encodeId('Checkpoint', checkpoint.id) },
    });
  });

  test('is restored from an ended session, whose end stays as it was', async () => {
    const me = await newCaller();
    const origin = await start(me, input);
    const checkpoint = await take(me, origin);
    await end(me, origin);

    expect(await restore(me, checkpoint)).toMatchObject({ parentId: origin.id, startReason: 'RESTORED' });
    expect(await read(origin)).toMatchObject({ endReason: 'FAILED', outcome: 'FAILURE' });
  });

  test('is restored at the end of the chain that has gone on meanwhile', async () => {
    const me = await newCaller();
    const origin = await start(me, input);
    const checkpoint = await take(me, origin);
    const compact = async (sessionId: string) =>
      (await transitionSession(store, me, { sessionId, trigger: 'CONTEXT_COMPACTED' })).session!;
    const third = await compact((await compact(origin.id)).id);

    const session = await restore(me, checkpoint);

    expect(session).toMatchObject({ parentId: third.id, chainRootId: origin.id, chainIndex: 3 });
    expect(await read(third)).toMatchObject({ endReason: 'RESTORED' });
    expect(await sessionsOf(me)).toHaveLength(4);
  });

  test('twice at once is restored twice, one after the other, and one session is open', async () => {
    const me = await newCaller();
    const origin = await start(me, input);
    const checkpoint = await take(me, origin);

    await Promise.all([restore(me, checkpoint), restore(me, checkpoint), restore(me, checkpoint)]);

    const sessions = await sessionsOf(me);
    expect(sessions.map(({ chainIndex }) => chainIndex)).toEqual([0, 1, 2, 3]);
    expect(sessions.map(({ parentId }) => parentId)).toEqual([null, ...sessions.slice(0, 3).map(({ id }) => id)]);
    expect(sessions.map(({ endReason }) => endReason)).toEqual(['RESTORED', 'RESTORED', 'RESTORED', null]);
  });

  test.for([true, false])('is forked from a session that is open (%s), which stays as it is', async (open) => {
    const me = await newCaller();
    const origin = await start(me, input);
    const checkpoint = await take(me, origin);
    if (!open) await end(me, origin);
    const before = await read(origin);

    const session = await restore(me, checkpoint, { fork: true, next: { title: 'a try' } });

    expect(session).toMatchObject({
      parentId: origin.id,
      chainRootId: origin.id,
      chainIndex: 1,
      startReason: 'FORKED',
      conversationId: null,
      agentName: null,
      title: 'a try',
    });
    expect(await read(origin)).toEqual(before);
    expect(typesOf(await log(me)).slice(-2)).toEqual(['SESSION_STARTED', 'CHECKPOINT_LOADED']);
  });

  test('is restored under another name in the same chain, again and again', async () => {
    const me = await newCaller();
    const origin = await start(me, input);
    const checkpoint = await take(me, origin);

    const second = await restore(me, checkpoint, { agentName: 'reviewer' });
    const third = await restore(me, checkpoint, { agentName: 'reviewer' });
    const fourth = await restore(me, checkpoint);

    expect(second).toMatchObject({ agentName: 'reviewer', parentId: origin.id });
    expect(third).toMatchObject({ agentName: 'reviewer', parentId: second.id });
    expect(fourth).toMatchObject({ parentId: third.id });
    expect((await sessionsOf(me)).filter(({ endedAt }) => !endedAt).map(({ id }) => id)).toEqual([fourth.id]);
  });
});

describe('a restored session', () => {
  test('may not take a name that another holds', async () => {
    const me = await newCaller();
    const holder = await start(me, { agentName: 'reviewer' });
    const origin = await start(me, { agentName: 'coder' });
    const checkpoint = await take(me, origin);
    const before = await log(me);

    for (const fork of [true, false]) {
      await expect(restore(me, checkpoint, { fork, agentName: 'reviewer' })).rejects.toMatchObject({
        code: 'SESSION_ALREADY_OPEN',
        extensions: { holderId: encodeId('Session', holder.id), holderState: 'BOOTING' },
      });
    }
    expect(await log(me)).toEqual(before);
  });

  test('that forks under a name is one of five at once; the others are told who it is', async () => {
    const me = await newCaller();
    const checkpoint = await take(me, await start(me, { agentName: 'coder' }));

    const { won, lost } = await race(
      Array.from({ length: 5 }, () => restore(me, checkpoint, { fork: true, agentName: 'try' })),
    );

    expect(lost).toHaveLength(4);
    for (const refusal of lost) {
      expect(refusal).toMatchObject({
        code: 'SESSION_ALREADY_OPEN',
        extensions: { holderId: encodeId('Session', won[0]!.id) },
      });
    }
  });

  test('of a fork goes on with the fork, and leaves the chain alone', async () => {
    const me = await newCaller();
    const origin = await start(me);
    const fork = await restore(me, await take(me, origin), { fork: true });

    const next = await restore(me, await take(me, fork));

    expect(next).toMatchObject({ parentId: fork.id, chainRootId: origin.id, startReason: 'RESTORED' });
    expect(await read(origin)).toMatchObject({ endedAt: null });
  });

  test('of another project’s checkpoint, or of none, is refused', async () => {
    const me = await newCaller();
    const other = await newCaller();
    const checkpoint = await take(me, await start(me));

    for (const attempt of [() => restore(other, checkpoint), () => restore(me, { id: newId() })]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND', extensions: { kind: 'Checkpoint' } });
    }
  });
});
