import { afterAll, describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/id.js';
import { requestApproval } from '../../src/store/approval.js';
import { expireApprovals, expireSavedStates, forgetKeys } from '../../src/store/expiry.js';
import { createRun } from '../../src/store/run.js';
import { saveState } from '../../src/store/savedState.js';
import { suspendSession } from '../../src/store/suspension.js';
import { endSession } from '../../src/store/session.js';
import type { Approval, Caller, Session } from '../../src/store/store.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const PAST = new Date('2020-01-01T00:00:00Z');

async function ask(caller: Caller, { id }: Session): Promise<Approval> {
  const asked = { sessionId: id, type: 'OTHER', question: '?', timeoutSeconds: 300 } as const;
  return (await requestApproval(store, caller, asked)).approval;
}
const overdue = ({ projectId, id }: Approval) =>
  database.prisma.approval.update({ where: { projectId_id: { projectId, id } }, data: { expiresAt: PAST } });
const statesOf = ({ projectId, id: sessionId }: Session) =>
  database.prisma.savedState.findMany({ where: { projectId, sessionId } });
const save = (caller: Caller, { id }: Session, expiresAt?: Date) =>
  saveState(store, caller, { sessionId: id, expiresAt });

describe('an approval whose time has passed', () => {
  test('is expired, and the log tells it; one that has time is not', async () => {
    const me = await newCaller();
    const session = await start(me);
    const [late, early] = [await ask(me, session), await ask(me, session)];
    await overdue(late);

    expect(await expireApprovals(store)).toBe(1);

    const where = { projectId: me.projectId };
    expect(await database.prisma.approval.findMany({ where, orderBy: { id: 'asc' } })).toMatchObject([
      { id: late.id, status: 'EXPIRED', resolution: null, resolvedAt: expect.any(Date) as Date },
      early,
    ]);
    expect((await log(me)).at(-1)).toMatchObject({
      type: 'APPROVAL_RESOLVED',
      sessionId: session.id,
      data: { approvalId: encodeId('Approval', late.id), status: 'EXPIRED', resolution: null },
    });
  });

  test('is told once of three sweeps at once', async () => {
    const me = await newCaller();
    const session = await start(me);
    for (let count = 0; count < 5; count++) await overdue(await ask(me, session));

    await Promise.all(Array.from({ length: 3 }, () => expireApprovals(store)));

    expect(typesOf(await log(me)).filter((type) => type === 'APPROVAL_RESOLVED')).toHaveLength(5);
    expect(await expireApprovals(store)).toBe(0);
  });

  test('that meets the end of its session is closed once', async () => {
    const me = await newCaller();
    for (let round = 0; round < 5; round++) {
      const session = await start(me);
      await overdue(await ask(me, session));

      await Promise.all([
        expireApprovals(store),
        endSession(store, me, { sessionId: session.id, reason: 'FINISHED', outcome: 'SUCCESS' }),
      ]);

      const told = (await log(me, session)).filter(({ type }) => type === 'APPROVAL_RESOLVED');
      expect(told).toHaveLength(1);
    }
  });
});

describe('a saved state whose time has passed', () => {
  test('is expired, and a suspended session ends with it', async () => {
    const me = await newCaller();
    const { run } = await createRun(store, me, {});
    const session = await start(me, { runId: run.id });
    await save(me, session, PAST);
    await suspendSession(store, me, { sessionId: session.id });

    expect(await expireSavedStates(store)).toBe(1);

    expect(await read(session)).toMatchObject({
      state: 'COMPLETED',
      endReason: 'EXPIRED',
      outcome: 'UNKNOWN',
      endedBy: 'lifeline',
    });
    expect(await statesOf(session)).toMatchObject([{ status: 'EXPIRED' }]);
    expect(typesOf(await log(me)).slice(-2)).toEqual(['SESSION_ENDED', 'RUN_WORKERS_FINISHED']);
  });

  test('leaves a session that works as it is, which may save anew', async () => {
    const me = await newCaller();
    const session = await start(me);
    await save(me, session, PAST);
    const before = await log(me);

    await expireSavedStates(store);

    expect(await read(session)).toMatchObject({ state: 'WORKING' });
    expect(await log(me)).toEqual(before);
    expect(await save(me, session)).toMatchObject({ savedState: { version: 1, status: 'ACTIVE' } });
    expect((await statesOf(session)).map(({ status }) => status).sort()).toEqual(['ACTIVE', 'EXPIRED']);
  });

  test('never passes where it has none', async () => {
    const me = await newCaller();
    const session = await start(me);
    await saveState(store, me, { sessionId: session.id, expiresAt: null });
    await suspendSession(store, me, { sessionId: session.id });

    expect(await expireSavedStates(store)).toBe(0);
    expect(await read(session)).toMatchObject({ state: 'SUSPENDED' });
  });

  test('ends its session once of three sweeps at once', async () => {
    const me = await newCaller();
    const sessions = [];
    for (let count = 0; count < 5; count++) {
      const session = await start(me);
      await save(me, session, PAST);
      await suspendSession(store, me, { sessionId: session.id });
      sessions.push(session);
    }

    await Promise.all(Array.from({ length: 3 }, () => expireSavedStates(store)));

    expect(typesOf(await log(me)).filter((type) => type === 'SESSION_ENDED')).toHaveLength(5);
    for (const session of sessions) expect(await statesOf(session)).toMatchObject([{ status: 'EXPIRED' }]);
  });
});

describe('an idempotency key', () => {
  test('is forgotten after a day, and not before', async () => {
    const me = await newCaller();
    for (const idempotencyKey of ['old', 'young']) await createRun(store, me, { idempotencyKey });
    await database.prisma.$executeRaw`
      UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 minute' WHERE key = 'old'`;

    expect(await forgetKeys(store)).toBe(1);

    const keys = await database.prisma.idempotencyKey.findMany({ where: { projectId: me.projectId } });
    expect(keys.map(({ key }) => key)).toEqual(['young']);
  });
});
