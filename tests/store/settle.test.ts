import { afterAll, describe, expect, test } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import { requestApproval } from '../../src/store/approval.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { logCommands } from '../../src/store/command.js';
import { closeConversation, transitionSession } from '../../src/store/conversation.js';
import { appendEvents } from '../../src/store/event.js';
import { expireSavedStates } from '../../src/store/expiry.js';
import { completeHandoff, initiateHandoff } from '../../src/store/handoff.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { restoreCheckpoint } from '../../src/store/restore.js';
import { reviveSession } from '../../src/store/revive.js';
import { createRun } from '../../src/store/run.js';
import { saveState } from '../../src/store/savedState.js';
import { resumeSession, suspendSession } from '../../src/store/suspension.js';
import { endSession, updateSession } from '../../src/store/session.js';
import { acknowledgeSignals, sendSignal } from '../../src/store/signal.js';
import type { Caller, Handoff, Session } from '../../src/store/store.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const conversation = { platform: 'slack', externalId: 'C1' };

/** A session on which everything hangs that can hang on one: the last worker of its run. */
async function laden(me: Caller): Promise<{ session: Session; handoff: Handoff; runId: string }> {
  const { run } = await createRun(store, me, {});
  const session = await start(me, { kind: 'CONVERSATION', conversation, agentName: 'coder', runId: run.id });
  const { id: sessionId } = session;
  const checkpoint = { workState: {} };
  const { handoff } = await initiateHandoff(store, me, { sessionId, reason: 'MANUAL', checkpoint });
  await saveState(store, me, { sessionId });
  for (const question of ['One?', 'Two?']) {
    await requestApproval(store, me, { sessionId, type: 'OTHER', question, timeoutSeconds: 300 });
  }
  await sendSignal(store, me, { sessionId, kind: 'STOP' });
  return { session, handoff, runId: run.id };
}

/** How many of its records still wait for something. */
async function waiting({ projectId, id: sessionId }: Session): Promise<number> {
  const mine = { projectId, sessionId };
  const { savedState, approval, signal, handoff } = database.prisma;
  const counts = await Promise.all([
    savedState.count({ where: { ...mine, status: { in: ['ACTIVE', 'SUSPENDED'] } } }),
    approval.count({ where: { ...mine, status: 'PENDING' } }),
    signal.count({ where: { ...mine, acknowledgedAt: null, cancelledAt: null } }),
    handoff.count({ where: { projectId, fromId: sessionId, completedAt: null, cancelledAt: null } }),
  ]);
  return counts.reduce((sum, count) => sum + count);
}

interface End {
  how: string;
  end: (me: Caller, laden: { session: Session; handoff: Handoff }) => Promise<unknown>;
  /** What becomes of the saved state; COMPLETED if nothing is said. */
  state?: 'EXPIRED';
  /** What becomes of the handoff; cancelled if nothing is said. */
  handoff?: 'completed';
  /** Whether the successor works on in the run. */
  goesOn?: boolean;
}
const ends: End[] = [
  {
    how: 'endSession',
    end: (me, { session: { id } }) => endSession(store, me, { sessionId: id, reason: 'FINISHED', outcome: 'SUCCESS' }),
  },
  {
    how: 'endSession as expired',
    end: (me, { session: { id } }) => endSession(store, me, { sessionId: id, reason: 'EXPIRED', outcome: 'UNKNOWN' }),
    state: 'EXPIRED',
  },
  {
    how: 'a transition that creates',
    end: (me) => transitionSession(store, me, { conversation, trigger: 'PLAN_TO_EXECUTE' }),
    goesOn: true,
  },
  {
    how: 'a transition that deactivates',
    end: (me) => transitionSession(store, me, { conversation, trigger: 'RESET_REQUESTED' }),
  },
  { how: 'a take-over', end: (me) => start(me, { agentName: 'coder', takeOver: true }) },
  {
    how: 'a handoff',
    end: (me, { handoff: { id } }) => completeHandoff(store, me, { handoffId: id }),
    handoff: 'completed',
    goesOn: true,
  },
  {
    how: 'a restored checkpoint',
    end: (me, { handoff: { checkpointId } }) => restoreCheckpoint(store, me, { checkpointId, fork: false }),
    goesOn: true,
  },
  {
    how: 'closing the conversation',
    end: (me) => closeConversation(store, me, { conversation: { key: conversation } }),
  },
  {
    how: 'the expiry of what it saved',
    async end(me, { session: { id: sessionId } }) {
      await suspendSession(store, me, { sessionId });
      await saveState(store, me, { sessionId, expectedVersion: 1, expiresAt: new Date(0) });
      await expireSavedStates(store);
    },
    state: 'EXPIRED',
  },
];

describe.for(ends)('a session that ends by $how', ({ end, state = 'COMPLETED', handoff, goesOn = false }) => {
  test('leaves nothing that waits', async () => {
    const me = await newCaller();
    const all = await laden(me);
    const { session } = all;
    expect(await waiting(session)).toBe(5);

    await end(me, all);

    expect(await read(session)).toMatchObject({ state: 'COMPLETED', endedAt: expect.any(Date) as Date });
    expect(await waiting(session)).toBe(0);
    const mine = { projectId: me.projectId, sessionId: session.id };
    expect(await database.prisma.savedState.findMany({ where: mine })).toMatchObject([{ status: state }]);
    const approvals = await database.prisma.approval.findMany({ where: mine });
    for (const approval of approvals) expect(approval).toMatchObject({ status: 'CANCELLED', resolution: null });
    const at = expect.any(Date) as Date;
    expect(await database.prisma.signal.findMany({ where: mine })).toMatchObject([{ cancelledAt: at }]);
    const [given] = await database.prisma.handoff.findMany({ where: { fromId: session.id } });
    expect(given).toMatchObject(
      handoff ? { completedAt: at, cancelledAt: null } : { completedAt: null, cancelledAt: at, toId: null },
    );
  });

  test('tells of each approval, and of the run, in the transaction of the end', async () => {
    const me = await newCaller();
    const all = await laden(me);
    const asked = await database.prisma.approval.findMany({ where: { projectId: me.projectId } });

    await end(me, all);

    const events = await log(me);
    const told = events.filter(({ type }) => type === 'APPROVAL_RESOLVED');
    expect(told.map(({ data }) => data)).toEqual(
      expect.arrayContaining(
        asked.map(({ id }) => ({ approvalId: encodeId('Approval', id), status: 'CANCELLED', resolution: null })),
      ),
    );
    expect(told).toHaveLength(2);
    const ended = events.find(({ type }) => type === 'SESSION_ENDED')!;
    const finished = events.filter(({ type }) => type === 'RUN_WORKERS_FINISHED');
    expect(finished.map(({ runId }) => runId)).toEqual(goesOn ? [] : [all.runId]);
    // One transaction has one time.
    for (const { recordedAt } of [...told, ...finished]) expect(recordedAt).toEqual(ended.recordedAt);
    const { resolvedAt } = (await database.prisma.approval.findFirst({ where: { projectId: me.projectId } }))!;
    expect(resolvedAt).toEqual(ended.recordedAt);
  });
});

/** Every kind of write, to a session that has ended. */
const writes: Record<string, (me: Caller, sessionId: string) => Promise<unknown>> = {
  heartbeat: (me, sessionId) => heartbeat(store, me, { sessionId }),
  'evidence of death': (me, sessionId) => heartbeat(store, me, { sessionId, processAlive: false }),
  event: (me, sessionId) => appendEvents(store, me, { sessionId, events: [{ type: 'PROGRESS', level: 'INFO' }] }),
  command: (me, sessionId) => {
    const command = { commandType: 't', action: 'a', success: true, source: 'AUTO' } as const;
    return logCommands(store, me, { sessionId, commands: [command] });
  },
  checkpoint: (me, sessionId) =>
    createCheckpoint(store, me, { sessionId, type: 'MANUAL', trigger: 'MANUAL', workState: {} }),
  save: (me, sessionId) => saveState(store, me, { sessionId }),
  approval: (me, sessionId) =>
    requestApproval(store, me, { sessionId, type: 'OTHER', question: '?', timeoutSeconds: 300 }),
  signal: (me, sessionId) => sendSignal(store, me, { sessionId, kind: 'NUDGE' }),
  acknowledgement: (me, sessionId) => acknowledgeSignals(store, me, { sessionId, signalIds: [newId()] }),
  suspension: (me, sessionId) => suspendSession(store, me, { sessionId }),
  resumption: (me, sessionId) => resumeSession(store, me, { sessionId }),
  revival: (me, sessionId) => reviveSession(store, me, { sessionId }),
  handoff: (me, sessionId) => initiateHandoff(store, me, { sessionId, reason: 'CRASH', checkpoint: { workState: {} } }),
  update: (me, sessionId) => updateSession(store, me, { sessionId, title: 'T' }),
};

describe.for(Object.entries(writes))('a late %s', ([, write]) => {
  test('is refused with the successor, changes nothing and is told once', async () => {
    const me = await newCaller();
    const session = await start(me, { agentName: 'coder' });
    await endSession(store, me, { sessionId: session.id, reason: 'STOPPED', outcome: 'ABORTED' });
    const next = await start(me, { agentName: 'coder' });
    const { endedAt } = await read(session);
    const before = await log(me);

    for (let round = 0; round < 2; round++) {
      await expect(write(me, session.id)).rejects.toMatchObject({
        code: 'SESSION_ENDED',
        extensions: {
          sessionId: encodeId('Session', session.id),
          endedAt: endedAt!.toISOString(),
          endReason: 'STOPPED',
          successorId: encodeId('Session', next.id),
        },
      });
    }
    const [told, ...more] = (await log(me)).slice(before.length);
    expect(told).toMatchObject({ type: 'LATE_WRITE_REJECTED', sessionId: session.id, data: { count: 1 } });
    expect(more).toEqual([]);
    expect(await waiting(session)).toBe(0);
  });
});

describe('late writes', () => {
  test('of every kind are counted together, and told at most once a minute', async () => {
    const me = await newCaller();
    const session = await start(me);
    await endSession(store, me, { sessionId: session.id, reason: 'STOPPED', outcome: 'ABORTED' });
    const all = () => Promise.allSettled(Object.values(writes).map((write) => write(me, session.id)));
    const count = Object.keys(writes).length;

    await all();
    await database.prisma.pulse.updateMany({
      where: { sessionId: session.id },
      data: { lateWriteRecordedAt: new Date(Date.now() - 61_000) },
    });
    await all();

    const told = (await log(me)).filter(({ type }) => type === 'LATE_WRITE_REJECTED');
    expect(told.map(({ data }) => data)).toEqual([
      { count: 1, by: me.name },
      { count, by: me.name },
    ]);
    expect(typesOf(await log(me, session))).toEqual([
      'SESSION_STARTED',
      'SESSION_ENDED',
      'LATE_WRITE_REJECTED',
      'LATE_WRITE_REJECTED',
    ]);
  });
});
