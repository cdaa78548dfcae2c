import { afterAll, describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/id.js';
import { DOCUMENT_MAX_BYTES } from '../../src/domain/limits.js';
import { audit } from '../../src/store/audit.js';
import { createCheckpoint, type CreateCheckpointInput } from '../../src/store/checkpoint.js';
import { appendEvents } from '../../src/store/event.js';
import { endSession } from '../../src/store/session.js';
import { suspendSession } from '../../src/store/suspension.js';
import type { Caller, Checkpoint, Session } from '../../src/store/store.js';
import { race } from '../support/race.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, statements, newCaller, start, read, log, ...fixture } = await openStore({ poolSize: 20 });
afterAll(() => fixture[Symbol.asyncDispose]());

const take = async (
  caller: Caller,
  { id }: Session,
  input: Partial<CreateCheckpointInput> = {},
): Promise<Checkpoint> => {
  const picture = { sessionId: id, type: 'MANUAL', trigger: 'MANUAL', workState: {}, ...input } as const;
  return (await createCheckpoint(store, caller, picture)).checkpoint;
};
const checkpointsOf = ({ projectId, id: sessionId }: Session) =>
  database.prisma.checkpoint.findMany({ where: { projectId, sessionId }, orderBy: { sequence: 'asc' } });

describe('a checkpoint', () => {
  test('is answered as it is read, to the order of the members of its work', async () => {
    const me = await newCaller();
    const session = await start(me);
    const workState: unknown = JSON.parse(
      '{"long": [{"b": -0, "a": 1e21}], "s": 5e-324, "10": 1, "9": {"zz": 0, "é": 1, "y": 2}}',
    ) as unknown;
    const checkpoint = await take(me, session, { workState, metadata: { zz: 1, a: 2 } });
    const [stored] = await checkpointsOf(session);
    expect(checkpoint).toEqual(stored);
    expect(JSON.stringify(checkpoint.workState)).toBe(JSON.stringify(stored?.workState));
    expect(checkpoint.sizeBytes).toBe(Buffer.byteLength(JSON.stringify(workState)));
  });

  test('keeps the picture, and the log tells which it is', async () => {
    const me = await newCaller();
    const session = await start(me);
    const picture = {
      type: 'AUTOMATIC',
      trigger: 'CONTEXT_WINDOW',
      contextPercent: 83.5,
      workState: { files: { 'a.ts': 1 } },
      summary: 'Half of it is done.',
      pendingWork: ['the other half'],
      filesModified: ['src/a.ts'],
      branchName: 'main',
      metadata: { by: 'rule' },
    } as const;

    const checkpoint = await take(me, session, picture);

    expect(checkpoint).toMatchObject({ ...picture, sessionId: session.id, sequence: 1n });
    expect(checkpoint.sizeBytes).toBe(JSON.stringify(picture.workState).length);
    expect(await checkpointsOf(session)).toEqual([checkpoint]);
    expect((await log(me)).at(-1)).toMatchObject({
      type: 'CHECKPOINT_CREATED',
      sequence: 3n,
      data: {
        checkpointId: encodeId('Checkpoint', checkpoint.id),
        sequence: 1,
        type: 'AUTOMATIC',
        trigger: 'CONTEXT_WINDOW',
      },
    });
  });

  test('names the newest event before it: of a session that boots its waking', async () => {
    const me = await newCaller();
    const session = await start(me);

    const first = await take(me, session);
    await appendEvents(store, me, { sessionId: session.id, events: [{ type: 'PROGRESS', level: 'INFO' }] });
    const second = await take(me, session);

    const events = await log(me, session);
    expect(typesOf(events)).toEqual([
      'SESSION_STARTED',
      'SESSION_STATE_CHANGED',
      'CHECKPOINT_CREATED',
      'PROGRESS',
      'CHECKPOINT_CREATED',
    ]);
    expect([first.eventSequence, second.eventSequence]).toEqual([2n, 4n]);
    expect(await read(session)).toMatchObject({ state: 'WORKING' });
  });

  test('of many at once is numbered 1 to n, each after what came before it', async () => {
    const me = await newCaller();
    const session = await start(me);

    await Promise.all([
      ...Array.from({ length: 10 }, () => take(me, session)),
      ...Array.from({ length: 5 }, () =>
        appendEvents(store, me, { sessionId: session.id, events: [{ type: 'PROGRESS', level: 'INFO' }] }),
      ),
    ]);

    const checkpoints = await checkpointsOf(session);
    expect(checkpoints.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 10 }, (_, n) => BigInt(n + 1)));
    const created = (await log(me, session)).filter(({ type }) => type === 'CHECKPOINT_CREATED');
    expect(created.map(({ sequence }) => sequence! - 1n)).toEqual(
      checkpoints.map(({ eventSequence }) => eventSequence),
    );
  });

  test('wakes no suspended session', async () => {
    const me = await newCaller();
    const session = await start(me);
    await suspendSession(store, me, { sessionId: session.id });

    await take(me, session);

    expect(await read(session)).toMatchObject({ state: 'SUSPENDED' });
  });

  test('that reports the past is told as of then, and never as of a time to come', async () => {
    const me = await newCaller();
    const session = await start(me);
    const occurredAt = new Date('2024-05-01T10:00:00Z');

    expect(await take(me, session, { occurredAt })).toMatchObject({ createdAt: occurredAt });
    expect((await log(me)).at(-1)).toMatchObject({ type: 'CHECKPOINT_CREATED', occurredAt });
    const ahead = await take(me, session, { occurredAt: new Date(Date.now() + 4_000) });
    expect(ahead.createdAt.getTime()).toBeLessThan(Date.now() + 1_000);
    await expect(take(me, session, { occurredAt: new Date(Date.now() + 60_000) })).rejects.toMatchObject({
      extensions: { issues: [{ path: 'input.occurredAt' }] },
    });
  });

  test('may hold 4 MiB of work, and not a byte more', async () => {
    const me = await newCaller();
    const session = await start(me);
    const workState = (bytes: number) => ({ a: 'x'.repeat(bytes - JSON.stringify({ a: '' }).length) });

    expect(await take(me, session, { workState: workState(DOCUMENT_MAX_BYTES) })).toMatchObject({
      sizeBytes: DOCUMENT_MAX_BYTES,
    });
    await expect(take(me, session, { workState: workState(DOCUMENT_MAX_BYTES + 1) })).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      extensions: {
        path: 'input.workState',
        limitBytes: DOCUMENT_MAX_BYTES,
        actualBytes: DOCUMENT_MAX_BYTES + 1,
      },
    });
    expect(await checkpointsOf(session)).toHaveLength(1);
  });

  test.for<[string, Partial<CreateCheckpointInput>, string]>([
    ['work that is no object', { workState: [] }, 'input.workState'],
    ['U+0000 in its work', { workState: { a: '\0' } }, 'input.workState'],
    ['metadata that is no object', { metadata: 'x' }, 'input.metadata'],
    ['a context of 101 %', { contextPercent: 101 }, 'input.contextPercent'],
    ['a summary of 65,537 characters', { summary: 'x'.repeat(65_537) }, 'input.summary'],
    ['1,001 things to do', { pendingWork: Array<string>(1_001).fill('x') }, 'input.pendingWork'],
    ['a file of 4,097 characters', { filesModified: ['a', 'x'.repeat(4_097)] }, 'input.filesModified.1'],
    ['a branch of 513 characters', { branchName: 'x'.repeat(513) }, 'input.branchName'],
  ])('with %s is refused', async ([, input, path]) => {
    const me = await newCaller();
    const session = await start(me);

    await expect(take(me, session, input)).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path }] },
    });
    expect(await checkpointsOf(session)).toEqual([]);
  });

  test('of another project’s session finds none', async () => {
    const session = await start(await newCaller());

    await expect(take(await newCaller(), session)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a checkpoint of a session that works', () => {
  const working = async (caller: Caller, input = {}) => {
    const session = await start(caller, input);
    await take(caller, session);
    return session;
  };
  const breaches = async () => (await audit(database)).flatMap(({ breaches }) => breaches);

  test('is one statement, and what it is with a key, which takes several', async () => {
    const me = await newCaller();
    const session = await working(me, { conversation: { platform: 'p', externalId: 'x' } });
    const input = {
      type: 'AUTOMATIC',
      trigger: 'TIMED',
      workState: { password: 'hunter2', long: 'x'.repeat(10_000), z: 1, a: [-0] },
      summary: 'token=abcdefgh12345678',
      pendingWork: ['one', 'two'],
      filesModified: ['a.ts'],
      branchName: 'main',
      contextPercent: 40.5,
      metadata: { zz: 1, a: null },
      occurredAt: new Date('2020-01-01T00:00:00.5Z'),
    } as const;
    statements.length = 0;

    const ordinary = await take(me, session, input);
    expect(statements).toHaveLength(1);
    const keyed = await take(me, session, { ...input, idempotencyKey: 'k' });

    const [kept] = (await checkpointsOf(session)).slice(-2);
    expect(ordinary).toEqual(kept);
    expect(keyed).toEqual({
      ...ordinary,
      id: keyed.id,
      sequence: ordinary.sequence + 1n,
      eventSequence: ordinary.eventSequence + 1n,
    });
    const [first, second] = (await log(me, session)).slice(-2);
    expect(first!.sequence).toBe(ordinary.eventSequence + 1n);
    expect(first!.data).toEqual({
      checkpointId: encodeId('Checkpoint', ordinary.id),
      sequence: Number(ordinary.sequence),
      type: 'AUTOMATIC',
      trigger: 'TIMED',
    });
    const { id, position, sequence, recordedAt, data } = second!;
    expect(second).toEqual({ ...first, id, position, sequence, recordedAt, data });
    expect(await breaches()).toEqual([]);
  });

  test('has a sequence without a gap among those of every kind at once', async () => {
    const me = await newCaller();
    const session = await working(me);

    const { lost } = await race<unknown>(
      Array.from({ length: 36 }, (_, index) =>
        index % 3 === 0
          ? take(me, session, { idempotencyKey: `key ${index}` })
          : index % 3 === 1
            ? take(me, session)
            : appendEvents(store, me, { sessionId: session.id, events: [{ type: 'PROGRESS', level: 'INFO' }] }),
      ),
    );

    expect(lost).toEqual([]);
    const sequences = (await checkpointsOf(session)).map(({ sequence }) => Number(sequence));
    expect(sequences).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
    expect((await log(me)).map(({ position }) => Number(position))).toEqual(
      Array.from({ length: 39 }, (_, index) => index + 1),
    );
    expect(await breaches()).toEqual([]);
  });

  test('is there before the end or refused after it', async () => {
    const me = await newCaller();
    const session = await working(me);
    const end = endSession(store, me, { sessionId: session.id, reason: 'FINISHED', outcome: 'SUCCESS' });

    const { won, lost } = await race<unknown>([end, ...Array.from({ length: 8 }, () => take(me, session))]);

    expect(won).toContainEqual(
      expect.objectContaining({ session: expect.objectContaining({ id: session.id }) as object }),
    );
    expect(lost).toEqual(lost.map(() => expect.objectContaining({ code: 'SESSION_ENDED' }) as object));
    expect(await checkpointsOf(session)).toHaveLength(won.length);
    expect(await breaches()).toEqual([]);
  });
});
