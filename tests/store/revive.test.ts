import { afterAll, describe, expect, test } from 'vitest';
import { heartbeat, heartbeats } from '../../src/store/heartbeat.js';
import { reviveSession } from '../../src/store/revive.js';
import { suspendSession } from '../../src/store/suspension.js';
import type { Caller, Session } from '../../src/store/store.js';
import { openStore, typesOf } from '../support/store.js';

const { store, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const beat = (caller: Caller, { id }: Session, processAlive?: boolean) =>
  heartbeat(store, caller, { sessionId: id, processAlive });
const revive = (caller: Caller, { id }: Session, note?: string) =>
  reviveSession(store, caller, { sessionId: id, note });
const refusal = (from: string, ...allowed: string[]) => ({
  code: 'ILLEGAL_TRANSITION',
  extensions: { from, to: 'WORKING', allowed },
});

async function zombie(caller: Caller): Promise<Session> {
  const session = await start(caller);
  await beat(caller, session);
  await beat(caller, session, false);
  return session;
}

describe('a session that evidence calls dead', () => {
  const strayBeats: [string, (caller: Caller, session: Session) => Promise<unknown>][] = [
    ['one', beat],
    [
      'several, one after the other,',
      async (me, session) => {
        for (let i = 0; i < 3; i++) await beat(me, session);
      },
    ],
    ['several at once', (me, session) => Promise.all(Array.from({ length: 10 }, () => beat(me, session)))],
    [
      'several in one call with those of others',
      async (me, session) => {
        const sessions = [await start(me), session, session, session];
        await heartbeats(
          store,
          me,
          sessions.map(({ id }) => ({ sessionId: id })),
        );
      },
    ],
  ];
  test.each(strayBeats)(
    'stays so after %s stray heartbeats, contradicted once, and can be revived then',
    async (_how, stray) => {
      const me = await newCaller();
      const session = await zombie(me);
      await expect(revive(me, session)).rejects.toMatchObject(refusal('ZOMBIE', 'COMPLETED'));

      await stray(me, session);

      expect(await read(session)).toMatchObject({ state: 'ZOMBIE' });
      expect(typesOf(await log(me, session)).slice(-2)).toEqual(['SESSION_ZOMBIE', 'SESSION_CONTRADICTION']);
      await revive(me, session);
      expect(await read(session)).toMatchObject({ state: 'WORKING' });
    },
  );
});

describe('a revival', () => {
  test('is refused without a heartbeat newer than the verdict: ending it is all that is left', async () => {
    const me = await newCaller();
    const session = await zombie(me);

    await expect(revive(me, session)).rejects.toMatchObject(refusal('ZOMBIE', 'COMPLETED'));
    expect(await read(session)).toMatchObject({ state: 'ZOMBIE' });
  });

  test('after such a heartbeat takes the verdict back, with its evidence', async () => {
    const me = await newCaller();
    const session = await zombie(me);
    await beat(me, session);

    const { session: revived, position } = await revive(me, session, 'it was the network');

    expect(revived).toEqual(await read(session));
    expect(revived).toMatchObject({ state: 'WORKING', zombieSince: null, evidence: null });
    expect((await log(me)).at(-1)).toMatchObject({
      position,
      type: 'SESSION_REVIVED',
      data: { from: 'ZOMBIE', to: 'WORKING', note: 'it was the network' },
    });
  });

  test('needs a heartbeat for each verdict', async () => {
    const me = await newCaller();
    const session = await zombie(me);
    await beat(me, session);
    await revive(me, session);
    await beat(me, session, false);

    await expect(revive(me, session)).rejects.toMatchObject(refusal('ZOMBIE', 'COMPLETED'));
  });

  test('happens once of five at once', async () => {
    const me = await newCaller();
    const session = await zombie(me);
    await beat(me, session);

    const answers = await Promise.all(Array.from({ length: 5 }, () => revive(me, session)));

    for (const { session: revived } of answers) expect(revived).toEqual(await read(session));
    expect(typesOf(await log(me)).filter((type) => type === 'SESSION_REVIVED')).toHaveLength(1);
  });

  test('of a session that sleeps is refused: it is to be resumed', async () => {
    const me = await newCaller();
    const session = await start(me);
    await suspendSession(store, me, { sessionId: session.id });

    await expect(revive(me, session)).rejects.toMatchObject(refusal('SUSPENDED', 'WORKING', 'COMPLETED'));
  });
});
