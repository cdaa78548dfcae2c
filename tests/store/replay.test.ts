import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { DomainError } from '../../src/domain/errors.js';
import { replay } from '../../src/domain/replay.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { escalateSession } from '../../src/store/escalation.js';
import { appendEvents } from '../../src/store/event.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { lockOpenSession, moveSession } from '../../src/store/lifecycle.js';
import { reviveSession } from '../../src/store/revive.js';
import { saveState } from '../../src/store/savedState.js';
import { endSession } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { resumeSession, suspendSession } from '../../src/store/suspension.js';
import { transact } from '../../src/store/transaction.js';
import { openStore } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

type Step = (caller: Caller, sessionId: string) => Promise<unknown>;

const move =
  (action: 'stall' | 'die'): Step =>
  (caller, id) =>
    transact(store, caller, async (tx) => moveSession(tx, await lockOpenSession(tx, id), action));

// The context moves in steps of 5 points: what a heartbeat moves by less is in the row and not in the log.
const steps = fc.oneof(
  fc
    .record({
      contextPercent: fc.integer({ min: 0, max: 20 }).map((fifth) => fifth * 5),
      currentEpic: fc.string({ minLength: 1 }),
    })
    .map(({ contextPercent, currentEpic }): Step => {
      const epic = currentEpic.replaceAll(/[^a-z]/g, '') || 'epic';
      return (caller, sessionId) => heartbeat(store, caller, { sessionId, contextPercent, currentEpic: epic });
    }),
  fc.constantFrom<Step>(
    (caller, sessionId) => heartbeat(store, caller, { sessionId }),
    (caller, sessionId) => heartbeat(store, caller, { sessionId, processAlive: false }),
    (caller, sessionId) => appendEvents(store, caller, { sessionId, events: [{ type: 'PROGRESS', level: 'INFO' }] }),
    (caller, sessionId) =>
      appendEvents(store, caller, {
        sessionId,
        events: [{ type: 'CONTEXT_WINDOW_UPDATED', level: 'INFO', data: { contextPercent: 45 } }],
      }),
    (caller, sessionId) =>
      createCheckpoint(store, caller, { sessionId, type: 'MANUAL', trigger: 'MANUAL', workState: {} }),
    (caller, sessionId) => saveState(store, caller, { sessionId }),
    (caller, sessionId) => suspendSession(store, caller, { sessionId }),
    (caller, sessionId) => resumeSession(store, caller, { sessionId }),
    (caller, sessionId) => reviveSession(store, caller, { sessionId }),
    (caller, sessionId) => escalateSession(store, caller, { sessionId, level: 2 }),
    move('stall'),
    move('die'),
  ),
);

/** The session as its row and what hangs on it say, in the words of a replay. */
async function standing(session: Session) {
  const { projectId, id: sessionId } = session;
  const { state, endReason, escalationLevel } = await read(session);
  const { contextPercent, currentEpic, eventSequence } = await database.prisma.pulse.findUniqueOrThrow({
    where: { projectId_sessionId: { projectId, sessionId } },
  });
  const checkpoint = await database.prisma.checkpoint.findFirst({
    where: { projectId, sessionId },
    orderBy: { sequence: 'desc' },
  });
  const latestCheckpointId = checkpoint?.id ?? null;
  return {
    sequence: eventSequence,
    state,
    endReason,
    escalationLevel,
    contextPercent,
    currentEpic,
    latestCheckpointId,
  };
}

test('a session stands after each step of any life as its events up to there say', { timeout: 120_000 }, async () => {
  const life = fc.array(steps, { minLength: 4, maxLength: 14 });
  const property = fc.asyncProperty(life, fc.boolean(), async (taken, ends) => {
    const me = await newCaller();
    const session = await start(me);
    const stands = [await standing(session)];
    const last: Step = (caller, sessionId) =>
      endSession(store, caller, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' });
    for (const step of ends ? [...taken, last] : taken) {
      await step(me, session.id).catch((error: unknown) => {
        // Not every step is lawful in every state: what is refused changes nothing.
        if (!(error instanceof DomainError)) throw error;
      });
      stands.push(await standing(session));
    }
    const events = (await log(me, session)).map(({ sequence, type, data }) => ({
      sequence: sequence ?? 0n,
      type,
      data,
    }));
    for (const stand of stands) {
      expect(replay(events.filter(({ sequence }) => sequence <= stand.sequence))).toMatchObject(stand);
    }
  });
  await fc.assert(property, { numRuns: 25 });
});
