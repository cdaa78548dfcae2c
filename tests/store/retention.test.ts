import { afterAll, describe, expect, test } from 'vitest';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { appendEvents } from '../../src/store/event.js';
import { initiateHandoff } from '../../src/store/handoff.js';
import { readLog } from '../../src/store/page.js';
import { retain, type Retention } from '../../src/store/retention.js';
import { endSession } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { addEvents } from '../support/event.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, statements, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const NOTHING: Retention = { sessionDays: null, eventDays: null, checkpointDays: null };
const keep = (days: Partial<Retention>) => retain(store, { ...NOTHING, ...days });
const append = (caller: Caller, { id }: Session, count = 1, causeId?: string) => {
  const event = { type: 'PROGRESS', level: 'INFO', causeId } as const;
  return appendEvents(store, caller, { sessionId: id, events: Array.from({ length: count }, () => event) });
};
const end = (caller: Caller, { id }: Session) =>
  endSession(store, caller, { sessionId: id, reason: 'FINISHED', outcome: 'SUCCESS' });
const take = async (caller: Caller, { id }: Session) =>
  (await createCheckpoint(store, caller, { sessionId: id, type: 'MANUAL', trigger: 'MANUAL', workState: {} }))
    .checkpoint;
const checkpointsOf = async ({ projectId, id: sessionId }: Session) =>
  (await database.prisma.checkpoint.findMany({ where: { projectId, sessionId }, orderBy: { sequence: 'asc' } })).map(
    ({ sequence }) => sequence,
  );
const projectOf = ({ projectId: id }: Caller) => database.prisma.project.findUniqueOrThrow({ where: { id } });

/** Makes all that the project has so many days older. */
async function age({ projectId }: Caller, days: number): Promise<void> {
  const by = `${days} days`;
  await database.prisma.$transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL lifeline.purging = 'on'`;
    await tx.$executeRaw`SET LOCAL session_replication_role = 'replica'`;
    await tx.$executeRaw`UPDATE sessions SET ended_at = ended_at - ${by}::interval WHERE project_id = ${projectId}::uuid`;
    await tx.$executeRaw`UPDATE events SET recorded_at = recorded_at - ${by}::interval WHERE project_id = ${projectId}::uuid`;
    await tx.$executeRaw`
      UPDATE checkpoints SET created_at = created_at - ${by}::interval WHERE project_id = ${projectId}::uuid`;
  });
}

describe('retention', () => {
  test('of nothing removes nothing', async () => {
    const me = await newCaller();
    await end(me, await start(me));
    await age(me, 10_000);
    const before = await log(me);

    await keep({});

    expect(await log(me)).toEqual(before);
  });

  test('of sessions purges those that ended too long ago, and no open one', async () => {
    const me = await newCaller();
    const [old, open] = [await start(me), await start(me)];
    await end(me, old);
    await age(me, 31);
    const young = await start(me);
    await end(me, young);

    await keep({ sessionDays: 32 });
    expect(await database.prisma.session.count({ where: { projectId: me.projectId } })).toBe(3);
    await keep({ sessionDays: 30 });

    const left = await database.prisma.session.findMany({ where: { projectId: me.projectId } });
    expect(new Set(left.map(({ id }) => id))).toEqual(new Set([open.id, young.id]));
    expect((await log(me)).at(-1)).toMatchObject({ type: 'SESSIONS_PURGED', data: { sessions: 1, by: 'lifeline' } });
  });

  test('of events keeps those of open sessions, and the young', async () => {
    const me = await newCaller();
    const [ended, open] = [await start(me), await start(me)];
    const { events } = await append(me, ended, 3);
    await append(me, open, 1, events[0]!.id);
    await end(me, ended);
    await age(me, 31);
    const { events: young } = await append(me, open);
    const mine = await log(me, open);

    await keep({ eventDays: 30 });

    const left = await log(me);
    expect(left.map(({ position }) => position)).toEqual(mine.map(({ position }) => position));
    expect(left.at(-1)!.id).toBe(young[0]!.id);
    // What caused them is gone, and they do not say otherwise.
    expect(left.map(({ causeId }) => causeId)).toEqual(left.map(() => null));
    expect(await read(ended)).toMatchObject({ state: 'COMPLETED' });
  });

  test('of events tells readers from before where the log starts', async () => {
    const me = await newCaller();
    const session = await start(me);
    await append(me, session, 5);
    await end(me, session);
    await age(me, 31);
    const next = await start(me);
    const [first] = await log(me, next);
    const head = first!.position;

    await keep({ eventDays: 30 });

    expect(await projectOf(me)).toMatchObject({ logStart: head, logPosition: head });
    expect(await readLog(store, me.projectId, { after: 0n, first: 9 })).toMatchObject({
      trimmedBefore: head,
      events: [{ position: head }],
    });
    await end(me, next);
    await age(me, 31);
    await keep({ eventDays: 30 });
    expect(await projectOf(me)).toMatchObject({ logStart: head + 2n, logPosition: head + 1n });
    expect((await append(me, await start(me))).position).toBe(head + 4n);
  });

  test('of events goes in steps, each of them short of the whole', async () => {
    const me = await newCaller();
    const session = await start(me);
    await addEvents(database, session, 12_000);
    await end(me, session);
    await age(me, 31);
    statements.length = 0;

    await keep({ eventDays: 30 });

    expect(await log(me)).toEqual([]);
    const steps = statements.filter((sql) => sql.includes('DELETE FROM events') && sql.includes('stretch'));
    expect(steps.length).toBeGreaterThanOrEqual(3);
    // Each step is a transaction of its own: the purge is allowed for it alone.
    expect(statements.filter((sql) => sql.includes('lifeline.purging'))).toHaveLength(steps.length);
  });

  test('of checkpoints keeps each session’s newest, those of handoffs, and the young', async () => {
    const me = await newCaller();
    const [one, two] = [await start(me), await start(me)];
    for (let count = 0; count < 3; count++) await take(me, one);
    await initiateHandoff(store, me, { sessionId: two.id, reason: 'MANUAL', checkpoint: { workState: {} } });
    await take(me, two);
    await take(me, two);
    await age(me, 31);

    await keep({ checkpointDays: 32 });
    expect(await checkpointsOf(one)).toEqual([1n, 2n, 3n]);
    await keep({ checkpointDays: 30 });

    expect(await checkpointsOf(one)).toEqual([3n]);
    expect(await checkpointsOf(two)).toEqual([1n, 3n]);
    expect(await take(me, one)).toMatchObject({ sequence: 4n });
    await keep({ checkpointDays: 30 });
    expect(await checkpointsOf(one)).toEqual([4n]);
  });

  test('by three servers at once does what one does', async () => {
    const me = await newCaller();
    const session = await start(me);
    await append(me, session, 20);
    for (let count = 0; count < 3; count++) await take(me, session);
    const other = await start(me);
    await end(me, session);
    await age(me, 31);

    await Promise.all(
      Array.from({ length: 3 }, () => retain(store, { sessionDays: 30, eventDays: 30, checkpointDays: 30 })),
    );

    expect(typesOf(await log(me))).toEqual(['SESSION_STARTED', 'SESSIONS_PURGED']);
    expect((await log(me))[0]).toMatchObject({ sessionId: other.id });
    expect(await projectOf(me)).toMatchObject({ logStart: (await log(me))[0]!.position });
  });
});
