import { afterAll, describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/id.js';
import {
  requestApproval,
  resolveApproval,
  type RequestApprovalInput,
  type ResolveApprovalInput,
} from '../../src/store/approval.js';
import { endSession } from '../../src/store/session.js';
import type { Approval, Caller, Session } from '../../src/store/store.js';
import { race } from '../support/race.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const request = async (
  caller: Caller,
  { id }: Session,
  input: Partial<RequestApprovalInput> = {},
): Promise<Approval> => {
  const asked = { sessionId: id, type: 'OTHER', question: 'May I?', timeoutSeconds: 300, ...input } as const;
  return (await requestApproval(store, caller, asked)).approval;
};
const resolve = (caller: Caller, { id }: Approval, input: Partial<ResolveApprovalInput> = {}) =>
  resolveApproval(store, caller, { approvalId: id, resolution: 'APPROVED', ...input });
const readAgain = ({ projectId, id }: Approval) =>
  database.prisma.approval.findUniqueOrThrow({ where: { projectId_id: { projectId, id } } });
const end = (caller: Caller, { id }: Session) =>
  endSession(store, caller, { sessionId: id, reason: 'FINISHED', outcome: 'SUCCESS' });

describe('a request for approval', () => {
  test('is pending until its time, and no activity of its session', async () => {
    const me = await newCaller();
    const session = await start(me);

    const approval = await request(me, session, {
      type: 'TOOL_CALL',
      question: 'Delete it?',
      context: { path: 'a' },
      timeoutSeconds: 60,
    });

    expect(approval).toMatchObject({
      sessionId: session.id,
      type: 'TOOL_CALL',
      question: 'Delete it?',
      context: { path: 'a' },
      status: 'PENDING',
      resolution: null,
      resolvedAt: null,
    });
    expect(approval.expiresAt.getTime() - approval.createdAt.getTime()).toBe(60_000);
    expect(await read(session)).toMatchObject({ state: 'BOOTING' });
    expect((await log(me)).at(-1)).toMatchObject({
      type: 'APPROVAL_REQUESTED',
      data: {
        approvalId: encodeId('Approval', approval.id),
        type: 'TOOL_CALL',
        question: 'Delete it?',
        timeoutSeconds: 60,
      },
    });
  });

  test.for<[string, Partial<RequestApprovalInput>, string]>([
    ['an empty question', { question: '' }, 'input.question'],
    ['a question of 4,097 characters', { question: 'x'.repeat(4_097) }, 'input.question'],
    ['no time to answer', { timeoutSeconds: 0 }, 'input.timeoutSeconds'],
    ['31 days to answer', { timeoutSeconds: 31 * 86_400 }, 'input.timeoutSeconds'],
    ['a context that is no object', { context: [] }, 'input.context'],
  ])('with %s is refused', async ([, input, path]) => {
    const me = await newCaller();

    await expect(request(me, await start(me), input)).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path }] },
    });
  });
});

describe('a resolution', () => {
  test('keeps who said what, and the log tells it', async () => {
    const me = await newCaller();
    const approval = await request(me, await start(me));

    const { approval: resolved, position } = await resolve(me, approval, {
      resolution: 'MODIFIED',
      result: { path: 'b' },
      by: 'ada',
    });

    expect(resolved).toEqual(await readAgain(approval));
    expect(resolved).toMatchObject({
      status: 'RESOLVED',
      resolution: 'MODIFIED',
      result: { path: 'b' },
      resolvedBy: 'ada',
    });
    expect((await log(me)).at(-1)).toMatchObject({
      position,
      type: 'APPROVAL_RESOLVED',
      data: {
        approvalId: encodeId('Approval', approval.id),
        status: 'RESOLVED',
        resolution: 'MODIFIED',
        by: 'ada',
      },
    });
  });

  test('is the caller’s own where it names nobody', async () => {
    const me = await newCaller();

    expect(await resolve(me, await request(me, await start(me)))).toMatchObject({
      approval: { resolvedBy: me.name, result: null },
    });
  });

  test('is one of five at once; the others are told of the first', async () => {
    const me = await newCaller();
    const approval = await request(me, await start(me));

    const { won, lost } = await race(
      (['APPROVED', 'REJECTED', 'MODIFIED', 'APPROVED', 'REJECTED'] as const).map((resolution) =>
        resolve(me, approval, { resolution }),
      ),
    );

    const [first] = won.map((answer) => answer.approval);
    expect(lost).toHaveLength(4);
    for (const refusal of lost) {
      expect(refusal).toMatchObject({
        code: 'ALREADY_RESOLVED',
        extensions: { approvalId: encodeId('Approval', approval.id), resolution: first!.resolution },
      });
    }
    expect(await readAgain(approval)).toEqual(first);
    expect(typesOf(await log(me)).filter((type) => type === 'APPROVAL_RESOLVED')).toHaveLength(1);
  });

  test('after the time has passed is too late, swept up or not', async () => {
    const me = await newCaller();
    const approval = await request(me, await start(me));
    await database.prisma.approval.updateMany({ where: { id: approval.id }, data: { expiresAt: new Date(0) } });

    await expect(resolve(me, approval)).rejects.toMatchObject({
      code: 'ALREADY_RESOLVED',
      extensions: { resolution: null },
    });
    expect(await readAgain(approval)).toMatchObject({ status: 'PENDING' });
  });

  test('after the end of the session is answered like every closed one, and is no late write', async () => {
    const me = await newCaller();
    const session = await start(me);
    const approval = await request(me, session);
    await end(me, session);
    const before = await log(me);

    await expect(resolve(me, approval)).rejects.toMatchObject({
      code: 'ALREADY_RESOLVED',
      extensions: { resolution: null },
    });
    expect(await log(me)).toEqual(before);
  });

  test('that meets the end of the session comes before it or is told that it is closed', async () => {
    const me = await newCaller();
    for (let round = 0; round < 10; round++) {
      const session = await start(me);
      const approval = await request(me, session);

      const [answer] = await Promise.allSettled([resolve(me, approval), end(me, session)]);

      const { status } = await readAgain(approval);
      if (answer.status === 'fulfilled') expect(status).toBe('RESOLVED');
      else {
        expect(answer.reason).toMatchObject({ code: 'ALREADY_RESOLVED' });
        expect(status).toBe('CANCELLED');
      }
    }
    expect(typesOf(await log(me))).not.toContain('LATE_WRITE_REJECTED');
  });

  test('of another project’s approval finds none', async () => {
    const me = await newCaller();
    const approval = await request(me, await start(me));

    await expect(resolve(await newCaller(), approval)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      extensions: { kind: 'Approval' },
    });
  });
});
