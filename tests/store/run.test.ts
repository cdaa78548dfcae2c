import { afterAll, describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/id.js';
import { transitionSession } from '../../src/store/conversation.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { completeRun, createRun, type CreateRunInput } from '../../src/store/run.js';
import { endSession } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { openStore, typesOf } from '../support/store.js';

const { store, newCaller, start, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const unknownId = '01900000-0000-7000-8000-000000000001';
const create = (caller: Caller, input: CreateRunInput = {}) => createRun(store, caller, input);
const finish = (caller: Caller, { id }: Session) =>
  endSession(store, caller, { sessionId: id, reason: 'FINISHED', outcome: 'SUCCESS' });
/** How often the log has told that all workers of a run are finished. */
const finishes = async (caller: Caller) =>
  typesOf(await log(caller)).filter((type) => type === 'RUN_WORKERS_FINISHED').length;

describe('a run', () => {
  test('begins active, with an event of its own', async () => {
    const me = await newCaller();
    const coordinator = await start(me);
    const occurredAt = new Date('2026-01-01T00:00:00.000Z');
    const said = { externalId: 'x', description: 'D', coordinatorName: 'boss', metadata: { a: 1 } };

    const { run, replayed, position } = await create(me, { ...said, coordinatorSessionId: coordinator.id, occurredAt });

    expect(run).toMatchObject({ ...said, status: 'ACTIVE', coordinatorSessionId: coordinator.id, completedAt: null });
    expect({ startedAt: run.startedAt, replayed, position }).toEqual({
      startedAt: occurredAt,
      replayed: false,
      position: 2n,
    });
    expect((await log(me)).at(-1)).toMatchObject({
      type: 'RUN_STARTED',
      runId: run.id,
      sessionId: null,
      sequence: null,
    });
  });

  test('is the only active one of its coordinator, also of ten that begin at once', async () => {
    const me = await newCaller();

    const answers = await Promise.allSettled(Array.from({ length: 10 }, () => create(me, { coordinatorName: 'boss' })));

    const runs = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.run : []));
    expect(runs).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 'rejected')).toMatchObject(
      Array.from({ length: 9 }, () => ({
        reason: { code: 'RUN_ALREADY_ACTIVE', extensions: { runId: encodeId('Run', runs[0]!.id) } },
      })),
    );
    await completeRun(store, me, { runId: runs[0]!.id, status: 'COMPLETED' });
    expect((await create(me, { coordinatorName: 'boss' })).run.status).toBe('ACTIVE');
  });

  test('stands beside any number of others that have no coordinator', async () => {
    const me = await newCaller();

    const runs = [await create(me), await create(me)];

    expect(new Set(runs.map(({ run }) => run.id)).size).toBe(2);
  });

  test('is completed once, also where it is said twice at once', async () => {
    const me = await newCaller();
    const { run } = await create(me);

    const answers = await Promise.all([
      completeRun(store, me, { runId: run.id, status: 'FAILED' }),
      completeRun(store, me, { runId: run.id, status: 'FAILED' }),
    ]);
    const late = await completeRun(store, me, { runId: run.id, status: 'COMPLETED' });

    expect(answers.filter(({ alreadyCompleted }) => !alreadyCompleted)).toHaveLength(1);
    expect(late).toMatchObject({
      alreadyCompleted: true,
      run: { status: 'FAILED', completedAt: expect.any(Date) as Date },
    });
    expect(typesOf(await log(me))).toEqual(['RUN_STARTED', 'RUN_COMPLETED']);
  });

  test('that is completed leaves its sessions as they are', async () => {
    const me = await newCaller();
    const { run } = await create(me);
    const worker = await start(me, { runId: run.id });

    await completeRun(store, me, { runId: run.id, status: 'COMPLETED' });

    expect(await fixture.read(worker)).toEqual(worker);
  });

  test('ends neither before it began nor later than now', async () => {
    const me = await newCaller();
    const soon = new Date(store.now().getTime() + 3_000);
    for (const occurredAt of [new Date('2020-01-01'), soon]) {
      const { run } = await create(me);

      const { run: done } = await completeRun(store, me, { runId: run.id, status: 'COMPLETED', occurredAt });

      expect(done.completedAt! >= run.startedAt).toBe(true);
      expect(done.completedAt! < soon).toBe(true);
    }
  });
});

describe('the workers of a run are finished', () => {
  test('where the last of them ends: said once, also where the last two end at once', async () => {
    const me = await newCaller();
    const { run } = await create(me);
    const workers = [
      await start(me, { runId: run.id }),
      await start(me, { runId: run.id }),
      await start(me, { runId: run.id }),
    ];
    await finish(me, workers[0]!);
    expect(await finishes(me)).toBe(0);

    await Promise.all(workers.slice(1).map((worker) => finish(me, worker)));

    expect((await log(me)).at(-1)).toMatchObject({ type: 'RUN_WORKERS_FINISHED', runId: run.id, sessionId: null });
    expect(await finishes(me)).toBe(1);
  });

  test('once per run, whoever joins and ends afterwards', async () => {
    const me = await newCaller();
    const { run } = await create(me);

    await finish(me, await start(me, { runId: run.id }));
    await finish(me, await start(me, { runId: run.id }));

    expect(await finishes(me)).toBe(1);
  });

  test.for(['by name', 'by session'])('although its coordinator, known %s, goes on', async (known) => {
    const me = await newCaller();
    const boss = known === 'by session' ? await start(me) : null;
    const { run } = await create(me, boss ? { coordinatorSessionId: boss.id } : { coordinatorName: 'boss' });
    const coordinator = await start(me, { runId: run.id, ...(boss ? {} : { agentName: 'boss' }) });
    const worker = await start(me, { runId: run.id, agentName: 'worker' });
    if (boss) await finish(me, coordinator);

    await finish(me, worker);

    expect(await finishes(me)).toBe(1);
  });

  test('not by the end of its coordinator alone', async () => {
    const me = await newCaller();
    const { run } = await create(me, { coordinatorName: 'boss' });

    await finish(me, await start(me, { runId: run.id, agentName: 'boss' }));

    expect(await finishes(me)).toBe(0);
  });

  test('not while one goes on in a new session', async () => {
    const me = await newCaller();
    const { run } = await create(me);
    const worker = await start(me, { runId: run.id, agentName: 'worker' });

    const { session } = await transitionSession(store, me, { sessionId: worker.id, trigger: 'CONTEXT_COMPACTED' });

    expect(session?.runId).toBe(run.id);
    expect(await finishes(me)).toBe(0);
    await finish(me, session!);
    expect(await finishes(me)).toBe(1);
  });

  test('where the last of them is found dead', async () => {
    const me = await newCaller();
    const { run } = await create(me);
    const [one, two] = [await start(me, { runId: run.id }), await start(me, { runId: run.id })];
    await finish(me, one);

    await heartbeat(store, me, { sessionId: two.id, processAlive: false });
    await finish(me, two);

    expect(typesOf(await log(me)).slice(-3)).toEqual(['SESSION_ZOMBIE', 'RUN_WORKERS_FINISHED', 'SESSION_ENDED']);
  });

  test('and none fails where 20 of them go on at once', async () => {
    const me = await newCaller();
    const { run } = await create(me);
    const workers = await Promise.all(Array.from({ length: 20 }, () => start(me, { runId: run.id })));

    const answers = await Promise.all(
      workers.map(({ id }) => transitionSession(store, me, { sessionId: id, trigger: 'PLAN_TO_EXECUTE' })),
    );

    expect(answers.every(({ session }) => session?.runId === run.id)).toBe(true);
    expect(await finishes(me)).toBe(0);
  });
});

describe('a run is refused', () => {
  test.for<[string, CreateRunInput]>([
    ['externalId', { externalId: '' }],
    ['description', { description: 'x'.repeat(4097) }],
    ['coordinatorName', { coordinatorName: 'x'.repeat(129) }],
    ['metadata', { metadata: 3 }],
    ['occurredAt', { occurredAt: new Date('9000-01-01') }],
  ])('for its %s', async ([field, input]) => {
    const me = await newCaller();

    await expect(create(me, input)).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path: `input.${field}` }] },
    });
    expect(await log(me)).toEqual([]);
  });

  test('for an externalId that another has, also of two at once', async () => {
    const me = await newCaller();

    const answers = await Promise.allSettled([create(me, { externalId: 'x' }), create(me, { externalId: 'x' })]);

    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(answers.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'VALIDATION', extensions: { issues: [{ path: 'input.externalId' }] } },
    });
  });

  test('for a coordinator of another project, and completed by nobody from there', async () => {
    const [me, other] = [await newCaller(), await newCaller()];
    const theirs = await start(other);
    const { run } = await create(other);

    await expect(create(me, { coordinatorSessionId: theirs.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (const runId of [run.id, unknownId]) {
      await expect(completeRun(store, me, { runId, status: 'COMPLETED' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    await expect(completeRun(store, other, { runId: run.id, status: 'ACTIVE' })).rejects.toMatchObject({
      code: 'VALIDATION',
    });
  });
});
