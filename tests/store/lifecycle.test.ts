import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { DomainError } from '../../src/domain/errors.js';
import { encodeId } from '../../src/domain/id.js';
import { LIFECYCLE_ACTIONS, STATE_EVENT_TYPES, type LifecycleAction } from '../../src/domain/lifecycle.js';
import type { LifecycleState } from '../../src/domain/session.js';
import { transitionSession } from '../../src/store/conversation.js';
import { appendEvents } from '../../src/store/event.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { endLocked, lockOpenSession, moveSession } from '../../src/store/lifecycle.js';
import { endSession, updateSession } from '../../src/store/session.js';
import type { Caller, Event, Session } from '../../src/store/store.js';
import { transact } from '../../src/store/transaction.js';
import { openStore, typesOf } from '../support/store.js';

const { store, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const TOLD: ReadonlySet<string> = new Set(STATE_EVENT_TYPES);
/** The changes of state that the events tell of, in their order. */
const moves = (events: readonly Event[]) =>
  events.flatMap(({ type, data }) =>
    TOLD.has(type) ? (data as { from: LifecycleState | null; to: LifecycleState }) : [],
  );

function act(caller: Caller, { id }: Session, action: LifecycleAction) {
  return transact(store, caller, async (tx) => {
    const session = await lockOpenSession(tx, id);
    const end = { reason: 'FINISHED', outcome: 'SUCCESS' } as const;
    return action === 'end' ? endLocked(tx, session, end) : moveSession(tx, session, action);
  });
}

/** What a session may live through: each returns when it has been done or refused as the domain says. */
const deeds: Record<string, (caller: Caller, session: Session) => Promise<unknown>> = {
  ...Object.fromEntries(
    LIFECYCLE_ACTIONS.map((action) => [action, (caller: Caller, session: Session) => act(caller, session, action)]),
  ),
  beat: (caller, { id }) => heartbeat(store, caller, { sessionId: id }),
  deadBeat: (caller, { id }) => heartbeat(store, caller, { sessionId: id, processAlive: false }),
  append: (caller, { id }) =>
    appendEvents(store, caller, { sessionId: id, events: [{ type: 'PROGRESS', level: 'INFO' }] }),
  update: (caller, { id }) => updateSession(store, caller, { sessionId: id, title: `${Math.random()}` }),
  endSession: (caller, { id }) => endSession(store, caller, { sessionId: id, reason: 'STOPPED', outcome: 'ABORTED' }),
};

async function live(caller: Caller, session: Session, deed: string): Promise<void> {
  await deeds[deed]!(caller, session).catch((error: unknown) => {
    if (!(error instanceof DomainError)) throw error;
  });
}

function expectFold(events: readonly Event[], { state }: Session): void {
  const told = moves(events);
  expect(told[0]).toMatchObject({ from: null, to: 'BOOTING' });
  for (const [index, { from }] of told.slice(1).entries()) expect(from).toBe(told[index]!.to);
  expect(told.at(-1)!.to).toBe(state);
  // Besides its start every event of these is a change.
  for (const { from, to } of told) expect(to).not.toBe(from);
}

describe('the state of a session is the fold of its events', () => {
  // An end is rare, so that histories are long enough to come to every state.
  const deed = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...Object.keys(deeds).filter((name) => !name.startsWith('end'))) },
    { weight: 1, arbitrary: fc.constantFrom('end', 'endSession') },
  );

  test('whatever it lived through', async () => {
    const me = await newCaller();
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { maxLength: 10 }), async (history) => {
        const session = await start(me);
        for (const each of history) await live(me, session, each);
        const events = await log(me, session);
        expectFold(events, await read(session));
        expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => BigInt(index + 1)));
      }),
      { numRuns: 24 },
    );
  });

  test('also where all of it came at once', async () => {
    const me = await newCaller();
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { minLength: 2, maxLength: 10 }), async (history) => {
        const session = await start(me);
        await Promise.all(history.map((each) => live(me, session, each)));
        expectFold(await log(me, session), await read(session));
      }),
      { numRuns: 16 },
    );
  });
});

describe('a change of state', () => {
  test('counts the version on and keeps when it was, with what belongs to the new state', async () => {
    const me = await newCaller();
    const session = await start(me);

    const stalled = await act(me, session, 'stall');
    expect(stalled).toMatchObject({
      state: 'STALLED',
      version: 2,
      stalledSince: stalled.stateChangedAt,
      escalationLevel: 0,
    });
    const zombie = await act(me, session, 'die');
    expect(zombie).toMatchObject({ state: 'ZOMBIE', version: 3, stalledSince: null, escalationLevel: null });
    expect(zombie.zombieSince).toEqual(zombie.stateChangedAt);
    const revived = await act(me, session, 'revive');
    expect(revived).toMatchObject({ state: 'WORKING', version: 4, zombieSince: null });
  });

  test('that is not lawful is refused with what is allowed, and writes nothing', async () => {
    const me = await newCaller();
    const session = await start(me);
    await act(me, session, 'suspend');
    const before = await log(me);

    await expect(act(me, session, 'stall')).rejects.toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      extensions: { from: 'SUSPENDED', to: 'STALLED', allowed: ['WORKING', 'COMPLETED'] },
    });
    expect(await log(me)).toEqual(before);
  });

  test('is one of ten verdicts at once', async () => {
    const me = await newCaller();
    const session = await start(me);

    await Promise.all(Array.from({ length: 10 }, () => act(me, session, 'stall')));

    expect(typesOf(await log(me))).toEqual(['SESSION_STARTED', 'SESSION_STALLED']);
  });
});

describe('an ended session', () => {
  test('names its successor to whoever writes to it, not its fork', async () => {
    const me = await newCaller();
    const session = await start(me, { agentName: 'coder' });
    await endSession(store, me, { sessionId: session.id, reason: 'FINISHED', outcome: 'SUCCESS' });
    const { endedAt } = await read(session);
    const refusal = (successorId: string | null) => ({
      code: 'SESSION_ENDED',
      extensions: {
        sessionId: encodeId('Session', session.id),
        endedAt: endedAt!.toISOString(),
        endReason: 'FINISHED',
        successorId,
      },
    });
    await start(me, { parentId: session.id, startReason: 'FORKED' });

    for (const deed of ['beat', 'deadBeat', 'append', 'update']) {
      await expect(deeds[deed]!(me, session)).rejects.toMatchObject(refusal(null));
    }
    const { session: next } = await transitionSession(store, me, { sessionId: session.id, trigger: 'FIRST_MESSAGE' });
    for (const deed of ['beat', 'deadBeat', 'append', 'update']) {
      await expect(deeds[deed]!(me, session)).rejects.toMatchObject(refusal(encodeId('Session', next!.id)));
    }
  });
});
