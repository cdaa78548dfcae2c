import { afterAll, describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/id.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { race } from '../support/race.js';
import { openSaving } from '../support/saving.js';
import { typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, save, suspend, resume, statesOf, activityOf, ...fixture } =
  await openSaving();
afterAll(() => fixture[Symbol.asyncDispose]());

const DAY_MS = 24 * 60 * 60 * 1000;

describe('a suspension', () => {
  test('moves session and saved state together, with one event', async () => {
    const me = await newCaller();
    const session = await start(me);
    await save(me, session);

    const { session: suspended, position } = await suspend(me, session, 'lunch');

    expect(suspended).toEqual(await read(session));
    expect(suspended).toMatchObject({ state: 'SUSPENDED', endedAt: null });
    expect(await statesOf(session)).toMatchObject([{ status: 'SUSPENDED', version: 1 }]);
    expect((await log(me)).at(-1)).toMatchObject({
      position,
      type: 'SESSION_STATE_CHANGED',
      data: { from: 'WORKING', to: 'SUSPENDED', note: 'lunch' },
    });
  });

  test('is one of two at once, and a second one changes nothing', async () => {
    const me = await newCaller();
    const session = await start(me);

    const answers = await Promise.all([suspend(me, session), suspend(me, session), suspend(me, session)]);

    for (const { session: suspended } of answers) expect(suspended).toMatchObject({ state: 'SUSPENDED', version: 2 });
    expect(typesOf(await log(me))).toEqual(['SESSION_STARTED', 'SESSION_STATE_CHANGED']);
  });

  test('of a zombie is refused with what is allowed', async () => {
    const me = await newCaller();
    const session = await start(me);
    await heartbeat(store, me, { sessionId: session.id, processAlive: false });

    await expect(suspend(me, session)).rejects.toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      extensions: { from: 'ZOMBIE', to: 'SUSPENDED', allowed: ['WORKING', 'COMPLETED'] },
    });
  });
});

describe('a resumption', () => {
  test('is one of five at once; the others are told that it is not suspended', async () => {
    const me = await newCaller();
    const session = await start(me);
    await save(me, session);
    await suspend(me, session);

    const { lost } = await race(Array.from({ length: 5 }, () => resume(me, session)));

    expect(lost).toHaveLength(4);
    for (const refusal of lost) {
      expect(refusal).toMatchObject({
        code: 'NOT_RESUMABLE',
        extensions: { sessionId: encodeId('Session', session.id), state: 'WORKING', reason: 'it is WORKING' },
      });
    }
    expect(await read(session)).toMatchObject({ state: 'WORKING' });
    expect(await statesOf(session)).toMatchObject([{ status: 'ACTIVE' }]);
    expect(typesOf(await log(me)).filter((type) => type === 'SESSION_STATE_CHANGED')).toHaveLength(3);
  });

  test('counts as life, so that nobody judges the silence of the sleep', async () => {
    const me = await newCaller();
    const session = await start(me);
    await suspend(me, session);
    await database.prisma.$executeRaw`
      ALTER TABLE pulses DISABLE TRIGGER pulses_only_forward`;
    await database.prisma.pulse.updateMany({
      where: { sessionId: session.id },
      data: { lastActivityAt: new Date(Date.now() - DAY_MS) },
    });
    await database.prisma.$executeRaw`ALTER TABLE pulses ENABLE TRIGGER pulses_only_forward`;

    await resume(me, session);

    expect((await activityOf(session)).getTime()).toBeGreaterThan(Date.now() - 60_000);
  });

  test('of a session whose saved state has expired is refused, and the session sleeps on', async () => {
    const me = await newCaller();
    const session = await start(me);
    await save(me, session, { expiresAt: new Date('2020-01-01T00:00:00Z') });
    await suspend(me, session);

    await expect(resume(me, session)).rejects.toMatchObject({
      code: 'NOT_RESUMABLE',
      extensions: { state: 'SUSPENDED', reason: 'its saved state expired at 2020-01-01T00:00:00.000Z' },
    });
    expect(await read(session)).toMatchObject({ state: 'SUSPENDED' });
  });

  test.for(['BOOTING', 'ZOMBIE'] as const)('of a session that is %s is refused', async (state) => {
    const me = await newCaller();
    const session = await start(me);
    if (state === 'ZOMBIE') await heartbeat(store, me, { sessionId: session.id, processAlive: false });

    await expect(resume(me, session)).rejects.toMatchObject({ code: 'NOT_RESUMABLE', extensions: { state } });
  });

  test('of a session without a saved state works as well', async () => {
    const me = await newCaller();
    const session = await start(me);
    await suspend(me, session);

    expect(await resume(me, session)).toMatchObject({ session: { state: 'WORKING' } });
  });
});
