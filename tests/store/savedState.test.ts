import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/id.js';
import { DOCUMENT_MAX_BYTES } from '../../src/domain/limits.js';
import { audit } from '../../src/store/audit.js';
import { saveState, type SaveStateInput } from '../../src/store/savedState.js';
import { endSession } from '../../src/store/session.js';
import type { SavedState } from '../../src/store/store.js';
import { race } from '../support/race.js';
import { openSaving } from '../support/saving.js';
import { typesOf } from '../support/store.js';

const {
  store,
  database,
  statements,
  newCaller,
  start,
  read,
  log,
  save,
  suspend,
  resume,
  statesOf,
  activityOf,
  ...fixture
} = await openSaving();
afterAll(() => fixture[Symbol.asyncDispose]());

const DAY_MS = 24 * 60 * 60 * 1000;

/** How long a state is kept after its last save. */
const keptMs = ({ expiresAt, updatedAt }: SavedState) => expiresAt!.getTime() - updatedAt.getTime();

describe('the first save', () => {
  test('names no version, makes version 1, and wakes a session that boots', async () => {
    const me = await newCaller();
    const session = await start(me);

    const { savedState, position } = await saveState(store, me, {
      sessionId: session.id,
      mode: 'one-shot',
      conversationHistory: [{ role: 'user', text: 'hello' }],
      contextVariables: { topic: 'tea' },
      planData: { steps: 3 },
      currentPhase: 'planning',
      currentStep: 1,
    });

    expect(savedState).toMatchObject({
      sessionId: session.id,
      mode: 'one-shot',
      conversationHistory: [{ role: 'user', text: 'hello' }],
      contextVariables: { topic: 'tea' },
      planData: { steps: 3 },
      currentPhase: 'planning',
      currentStep: 1,
      status: 'ACTIVE',
      version: 1,
    });
    expect(await statesOf(session)).toEqual([savedState]);
    const events = await log(me);
    expect(typesOf(events)).toEqual(['SESSION_STARTED', 'SESSION_STATE_CHANGED', 'STATE_SAVED']);
    expect(events[2]).toMatchObject({
      position,
      data: {
        savedStateId: encodeId('SavedState', savedState.id),
        version: 1,
        mode: 'one-shot',
        currentPhase: 'planning',
        currentStep: 1,
      },
    });
  });

  test('of nothing is a state of empty documents', async () => {
    const me = await newCaller();

    expect(await save(me, await start(me))).toMatchObject({
      mode: 'default',
      conversationHistory: [],
      contextVariables: {},
      planData: null,
      currentPhase: null,
      currentStep: null,
    });
  });

  test('is not later than its creation says, nor earlier', async () => {
    const me = await newCaller();
    const { createdAt, updatedAt } = await save(me, await start(me));

    expect(updatedAt).toEqual(createdAt);
  });

  test('that names a version is in conflict with none', async () => {
    const me = await newCaller();
    const session = await start(me);

    await expect(save(me, session, { expectedVersion: 1 })).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
      retryable: true,
      extensions: { expected: 1, actual: null },
    });
    expect(await statesOf(session)).toEqual([]);
  });

  test('is one of two at once', async () => {
    const me = await newCaller();
    const session = await start(me);

    const { lost } = await race([save(me, session), save(me, session)]);

    expect(lost).toMatchObject([{ code: 'VERSION_CONFLICT', extensions: { expected: null, actual: 1 } }]);
  });
});

describe('a save', () => {
  test('of a session that works is two statements, and is answered as it is read', async () => {
    const me = await newCaller();
    const session = await start(me);
    const { savedState: first } = await saveState(store, me, { sessionId: session.id, planData: [1] });
    statements.length = 0;

    const second = await save(me, session, {
      expectedVersion: 1,
      mode: 'other',
      contextVariables: { z: 'x'.repeat(10_000), a: -0, secret: 'hunter2' },
      currentStep: 7,
    });

    expect(statements).toHaveLength(2);
    expect(await statesOf(session)).toEqual([second]);
    expect(second).toEqual({
      ...first,
      version: 2,
      mode: 'other',
      contextVariables: { z: 'x'.repeat(10_000), a: 0, secret: '[REDACTED]' },
      currentStep: 7,
      updatedAt: second.updatedAt,
      expiresAt: second.expiresAt,
    });
    expect((await log(me)).at(-1)).toMatchObject({
      type: 'STATE_SAVED',
      data: { version: 2, mode: 'other', currentStep: 7 },
    });
  });

  test('of many with one version is one at each version, and the log tells of those alone', async () => {
    const me = await newCaller();
    const session = await start(me);
    await save(me, session);

    for (const version of [1, 2, 3]) {
      const { won, lost } = await race(
        Array.from({ length: 6 }, () => save(me, session, { expectedVersion: version })),
      );
      expect(won).toMatchObject([{ version: version + 1 }]);
      const conflict = { code: 'VERSION_CONFLICT', extensions: { expected: version, actual: version + 1 } };
      expect(lost).toMatchObject(Array<object>(5).fill(conflict));
    }

    const saves = (await log(me)).filter(({ type }) => type === 'STATE_SAVED');
    expect(saves.map(({ data }) => (data as { version: number }).version)).toEqual([1, 2, 3, 4]);
    expect((await audit(database)).flatMap(({ breaches }) => breaches)).toEqual([]);
  });

  test('of two with one version wins, and the other is told the actual one and changes nothing', async () => {
    const me = await newCaller();
    const session = await start(me);
    await save(me, session, { currentStep: 1 });
    const before = await log(me);

    const { won, lost } = await race(
      [2, 3].map((currentStep) => save(me, session, { expectedVersion: 1, currentStep })),
    );

    expect(won).toMatchObject([{ version: 2 }]);
    expect(lost).toMatchObject([{ code: 'VERSION_CONFLICT', extensions: { expected: 1, actual: 2 } }]);
    expect(await statesOf(session)).toEqual(won);
    expect(typesOf((await log(me)).slice(before.length))).toEqual(['STATE_SAVED']);
  });

  test('of many at once is numbered without a gap', async () => {
    const me = await newCaller();
    const session = await start(me);
    await save(me, session, { currentStep: 0 });

    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let done = false; !done;) {
          const [state] = await statesOf(session);
          const { version, currentStep } = state!;
          done = await save(me, session, { expectedVersion: version, currentStep: currentStep! + 1 }).then(
            () => true,
            () => false,
          );
        }
      }),
    );

    expect(await statesOf(session)).toMatchObject([{ version: 9, currentStep: 8 }]);
  });

  test('without its version is refused where there is one', async () => {
    const me = await newCaller();
    const session = await start(me);
    await save(me, session);

    await expect(save(me, session)).rejects.toMatchObject({ extensions: { expected: null, actual: 1 } });
    await expect(save(me, session, { expectedVersion: 7 })).rejects.toMatchObject({
      extensions: { expected: 7, actual: 1 },
    });
  });

  test('keeps what it does not mention, stores 0 as 0, and clears what it calls null', async () => {
    const me = await newCaller();
    const session = await start(me);
    const whole = {
      mode: 'plan',
      conversationHistory: ['a'],
      contextVariables: { a: 1 },
      planData: [1, null],
      currentPhase: 'p',
      currentStep: 3,
    };
    await save(me, session, whole);

    expect(await save(me, session, { expectedVersion: 1 })).toMatchObject({ ...whole, version: 2 });
    expect(await save(me, session, { expectedVersion: 2, currentStep: 0 })).toMatchObject({ ...whole, currentStep: 0 });
    const cleared = await save(me, session, {
      expectedVersion: 3,
      conversationHistory: null,
      contextVariables: null,
      planData: null,
      currentPhase: null,
      currentStep: null,
    });
    expect(cleared).toMatchObject({
      mode: 'plan',
      conversationHistory: [],
      contextVariables: {},
      planData: null,
      currentPhase: null,
      currentStep: null,
    });
    expect(await statesOf(session)).toEqual([cleared]);
  });

  test('of a suspended session is kept and counts as life, and wakes nobody', async () => {
    const me = await newCaller();
    const session = await start(me);
    await save(me, session);
    await suspend(me, session);
    const before = await activityOf(session);

    const saved = await save(me, session, { expectedVersion: 1, currentStep: 2 });

    expect(saved).toMatchObject({ version: 2, status: 'SUSPENDED' });
    expect(await read(session)).toMatchObject({ state: 'SUSPENDED' });
    expect(await activityOf(session)).not.toEqual(before);
    expect(typesOf(await log(me)).slice(-2)).toEqual(['SESSION_STATE_CHANGED', 'STATE_SAVED']);
  });

  test('that a suspended session makes as its first is SUSPENDED, and wakes with it', async () => {
    const me = await newCaller();
    const session = await start(me);
    await suspend(me, session);

    expect(await save(me, session)).toMatchObject({ status: 'SUSPENDED', version: 1 });
    await resume(me, session);
    expect(await statesOf(session)).toMatchObject([{ status: 'ACTIVE', version: 1 }]);
  });

  test.for<[string, Partial<SaveStateInput>, string]>([
    ['a history that is no list', { conversationHistory: {} }, 'input.conversationHistory'],
    ['variables that are no object', { contextVariables: [] }, 'input.contextVariables'],
    ['no mode', { mode: null }, 'input.mode'],
    ['an empty mode', { mode: '' }, 'input.mode'],
    ['a phase of 513 characters', { currentPhase: 'x'.repeat(513) }, 'input.currentPhase'],
    ['a step that is no integer of the database', { currentStep: 2 ** 31 }, 'input.currentStep'],
    ['an expiry of the year 10000', { expiresAt: new Date('+010000-01-01T00:00:00Z') }, 'input.expiresAt'],
  ])('of %s is refused', async ([, input, path]) => {
    const me = await newCaller();
    const session = await start(me);

    await expect(save(me, session, input)).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path }] },
    });
    expect(await statesOf(session)).toEqual([]);
  });

  test.for(['conversationHistory', 'contextVariables', 'planData'] as const)(
    'takes 4 MiB of %s and not a byte more',
    async (field) => {
      const me = await newCaller();
      const session = await start(me);
      const document = (bytes: number) => {
        const empty = field === 'conversationHistory' ? [''] : { a: '' };
        const text = 'x'.repeat(bytes - JSON.stringify(empty).length);
        return field === 'conversationHistory' ? [text] : { a: text };
      };

      const saved = await save(me, session, { [field]: document(DOCUMENT_MAX_BYTES) });
      expect(JSON.stringify(saved[field])).toHaveLength(DOCUMENT_MAX_BYTES);
      await expect(
        save(me, session, { expectedVersion: 1, [field]: document(DOCUMENT_MAX_BYTES + 1) }),
      ).rejects.toMatchObject({
        code: 'PAYLOAD_TOO_LARGE',
        extensions: {
          path: `input.${field}`,
          limitBytes: DOCUMENT_MAX_BYTES,
          actualBytes: DOCUMENT_MAX_BYTES + 1,
        },
      });
    },
  );
});

describe('an expiry', () => {
  test('is a day after the last save, for a suspended one too', async () => {
    const me = await newCaller();
    const session = await start(me);
    expect(keptMs(await save(me, session))).toBe(DAY_MS);
    await suspend(me, session);
    const [suspended] = await statesOf(session);
    expect(suspended!.expiresAt!.getTime()).toBeGreaterThan(Date.now() + DAY_MS - 60_000);

    expect(keptMs(await save(me, session, { expectedVersion: 1 }))).toBe(DAY_MS);
  });

  test('is what the save says: a time, or never', async () => {
    const me = await newCaller();
    const session = await start(me);
    const expiresAt = new Date(Date.now() + 3 * DAY_MS);

    expect(await save(me, session, { expiresAt })).toMatchObject({ expiresAt });
    expect(await save(me, session, { expectedVersion: 1 })).toMatchObject({ expiresAt });
    expect(await save(me, session, { expectedVersion: 2, expiresAt: null })).toMatchObject({ expiresAt: null });
    expect(await save(me, session, { expectedVersion: 3 })).toMatchObject({ expiresAt: null });
  });
});

describe('a session that has ended', () => {
  test('leaves its saved state as it was, and the next one begins with version 1', async () => {
    const me = await newCaller();
    const session = await start(me, { agentName: 'coder' });
    await save(me, session, { currentStep: 4 });
    await endSession(store, me, { sessionId: session.id, reason: 'FINISHED', outcome: 'SUCCESS' });
    const next = await start(me, { agentName: 'coder' });

    expect(await save(me, next)).toMatchObject({ version: 1, currentStep: null });
    expect(await statesOf(session)).toMatchObject([{ status: 'COMPLETED', version: 1, currentStep: 4 }]);
  });
});

describe('a document', () => {
  test('is answered as it is read, to the order of its members and the last digit', async () => {
    const me = await newCaller();
    const session = await start(me);
    let expectedVersion: number | null = null;
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.constantFrom('b', 'aa', 'é', '9', '10', 'ｆ', '😀'),
    );
    const documents = fc.dictionary(name, fc.jsonValue({ stringUnit: 'grapheme', maxDepth: 3 }), { maxKeys: 6 });
    await fc.assert(
      fc.asyncProperty(documents, fc.array(documents, { maxLength: 2 }), async (contextVariables, history) => {
        fc.pre(!/\\u(0000|d[89a-f])/i.test(JSON.stringify([contextVariables, history])));
        const input = { expectedVersion, contextVariables, conversationHistory: history };
        const savedState = await save(me, session, input);
        expectedVersion = savedState.version;
        const [stored] = await statesOf(session);
        expect(savedState).toEqual(stored);
        expect(JSON.stringify(savedState.contextVariables)).toBe(JSON.stringify(stored?.contextVariables));
        expect(JSON.stringify(savedState.conversationHistory)).toBe(JSON.stringify(stored?.conversationHistory));
      }),
      { numRuns: 60 },
    );
  });

  test('that a save does not mention is answered all the same', async () => {
    const me = await newCaller();
    const session = await start(me);
    await save(me, session, { contextVariables: { kept: true }, planData: { steps: 2 } });
    const savedState = await save(me, session, { expectedVersion: 1, conversationHistory: ['new'], planData: null });
    expect(savedState).toMatchObject({
      contextVariables: { kept: true },
      conversationHistory: ['new'],
      planData: null,
      version: 2,
    });
    expect([savedState]).toEqual(await statesOf(session));
  });
});
