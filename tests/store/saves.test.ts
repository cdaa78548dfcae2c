import { afterAll, describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/id.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { endSession } from '../../src/store/session.js';
import { saveState, type SaveStateInput } from '../../src/store/savedState.js';
import type { Caller, Session } from '../../src/store/store.js';
import { race } from '../support/race.js';
import { openSaving } from '../support/saving.js';
import { hold } from '../support/sql.js';
import { typesOf } from '../support/store.js';

const { url, store, statements, newCaller, start, read, log, save, statesOf, ...fixture } = await openSaving();
afterAll(() => fixture[Symbol.asyncDispose]());

test('a save of a zombie is kept, and revives nobody', async () => {
  const me = await newCaller();
  const session = await start(me);
  await save(me, session);
  await heartbeat(store, me, { sessionId: session.id, processAlive: false });

  expect(await save(me, session, { expectedVersion: 1, currentStep: 2 })).toMatchObject({
    version: 2,
    currentStep: 2,
  });
  expect(await read(session)).toMatchObject({ state: 'ZOMBIE' });
});

describe('saves of many sessions at once', () => {
  const saved = (caller: Caller, { id: sessionId }: Session, input: Omit<SaveStateInput, 'sessionId'>) =>
    saveState(store, caller, { sessionId, ...input });

  test('are two statements, and each keeps what is its own', async () => {
    const me = await newCaller();
    const whole = { conversationHistory: ['a'], contextVariables: { a: 1 }, planData: [1], currentPhase: 'p' };
    const sessions = await Promise.all([1, 2, 3, 4].map(() => start(me)));
    const before = await Promise.all(sessions.map((session) => save(me, session, whole)));
    const inputs = [
      { planData: null, mode: 'other' },
      { conversationHistory: ['{"b"}', '\\"', null], currentStep: 3 },
      { contextVariables: { b: 'ö,}' }, currentPhase: null },
      { expiresAt: null },
    ];
    statements.length = 0;

    const answers = await Promise.all(
      sessions.map((session, index) => saved(me, session, { expectedVersion: 1, ...inputs[index] })),
    );

    expect(statements).toHaveLength(2);
    const states = answers.map(({ savedState }) => savedState);
    for (const [index, state] of states.entries()) {
      const { updatedAt, expiresAt } = state;
      expect(state).toEqual({ ...before[index], version: 2, updatedAt, expiresAt, ...inputs[index] });
    }
    expect(await Promise.all(sessions.map(statesOf))).toEqual(states.map((state) => [state]));
    const events = await log(me);
    for (const { savedState, position } of answers) {
      expect(events.find((event) => event.position === position)).toMatchObject({
        type: 'STATE_SAVED',
        sessionId: savedState.sessionId,
        data: { savedStateId: encodeId('SavedState', savedState.id), version: 2, mode: savedState.mode },
      });
    }
  });

  test('that meet the ends of their sessions are saved before them, or refused', async () => {
    const me = await newCaller();
    const sessions = await Promise.all(Array.from({ length: 8 }, () => start(me)));
    for (const session of sessions) await save(me, session);

    const { won, lost } = await race<unknown>(
      sessions.flatMap((session) => [
        save(me, session, { expectedVersion: 1 }),
        endSession(store, me, { sessionId: session.id, reason: 'FINISHED', outcome: 'SUCCESS' }),
      ]),
    );

    expect(won.length + lost.length).toBe(2 * sessions.length);
    for (const failure of lost) expect(failure).toMatchObject({ code: 'SESSION_ENDED' });
    const events = await log(me);
    for (const session of sessions) {
      const types = typesOf(events.filter(({ sessionId }) => sessionId === session.id));
      const [state] = await statesOf(session);
      expect(types.filter((type) => type === 'STATE_SAVED')).toHaveLength(state!.version);
      expect(types.lastIndexOf('STATE_SAVED')).toBeLessThan(types.indexOf('SESSION_ENDED'));
    }
  });

  test('do not wait for one whose session is locked, nor fail with one in conflict', async () => {
    const me = await newCaller();
    const [held, stale, ...free] = await Promise.all([1, 2, 3, 4].map(() => start(me)));
    for (const session of [held!, stale!, ...free]) await save(me, session);
    await using holder = await hold(url, `SELECT FROM sessions WHERE id = '${held!.id}' FOR UPDATE`);

    const waiting = save(me, held!, { expectedVersion: 1 });
    const refused = save(me, stale!, { expectedVersion: 7 });
    const answers = await Promise.all(free.map((session) => save(me, session, { expectedVersion: 1 })));

    expect(answers).toMatchObject([{ version: 2 }, { version: 2 }]);
    await expect(refused).rejects.toMatchObject({ code: 'VERSION_CONFLICT', extensions: { expected: 7, actual: 1 } });
    expect(await statesOf(held!)).toMatchObject([{ version: 1 }]);
    await holder.release();
    expect(await waiting).toMatchObject({ version: 2 });
  });
});
