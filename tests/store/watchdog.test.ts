import { pino } from 'pino';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { memoryBus } from '../../src/bus/memory.js';
import { openDatabase } from '../../src/database/client.js';
import { requestApproval, resolveApproval } from '../../src/store/approval.js';
import { createStore } from '../../src/store/createStore.js';
import { expireApprovals } from '../../src/store/expiry.js';
import { importSessions } from '../../src/store/import.js';
import { createRun } from '../../src/store/run.js';
import { endSession } from '../../src/store/session.js';
import { pendingSignals } from '../../src/store/signal.js';
import type { Session } from '../../src/store/store.js';
import { hold } from '../support/sql.js';
import { typesOf } from '../support/store.js';
import { untilWaiting } from '../support/wait.js';
import { INTERVAL_MS, openWatch } from '../support/watch.js';

const watch = await openWatch();
const { store, database, url, newCaller, read, log, look, working, beat, rewrite, age, pass } = watch;
afterAll(() => watch[Symbol.asyncDispose]());
beforeEach(() => watch.listenForADay());

/** Further servers on the same database, each with connections of its own. */
const others = await Promise.all(
  [1, 2].map(() =>
    createStore({ database: openDatabase(url, { poolSize: 4 }), bus: memoryBus(), log: pino({ level: 'silent' }) }),
  ),
);
afterAll(() => Promise.all(others.map((other) => other.close().then(() => other.database.close()))));
const lookFromAll = () => Promise.all([store, ...others].map((one) => look(one)));

describe('the watchdog', () => {
  test('leaves who speaks alone, and writes nothing', async () => {
    const me = await newCaller();
    const session = await working(me);
    const before = await log(me);

    await look();

    expect(await read(session)).toMatchObject({ state: 'WORKING' });
    expect(await log(me)).toEqual(before);
  });

  test('stalls who is silent, once, with its evidence, and a heartbeat brings it back', async () => {
    const me = await newCaller();
    const session = await working(me);
    await age(session, 301);

    await look();
    await look();

    const stalled = await read(session);
    expect(stalled).toMatchObject({ state: 'STALLED', escalationLevel: 0 });
    expect(stalled.evidence).toMatchObject({ thresholdSeconds: 300, reportedBy: 'watchdog' });
    await beat(me, session);
    expect(await read(session)).toMatchObject({
      state: 'WORKING',
      escalationLevel: null,
      stalledSince: null,
      evidence: null,
    });
    const events = await log(me, session);
    expect(typesOf(events).slice(2)).toEqual(['SESSION_STALLED', 'SESSION_RECOVERED']);
  });

  test('gives up who stays silent, tells the run, and ends nobody', async () => {
    const me = await newCaller();
    const { run } = await createRun(store, me, {});
    const session = await working(me, { runId: run.id });
    await age(session, 601);

    await look();
    await look();

    expect(await read(session)).toMatchObject({ state: 'ZOMBIE', endedAt: null });
    expect(typesOf(await log(me)).slice(-2)).toEqual(['SESSION_ZOMBIE', 'RUN_WORKERS_FINISHED']);
  });

  test('escalates step by step, with one signal each, also where three servers look at once', async () => {
    const me = await newCaller();
    const founder = await working(me);
    const grandparent = await working(me, { spawnedById: founder.id });
    const parent = await working(me, { spawnedById: grandparent.id });
    const session = await working(me, {
      spawnedById: parent.id,
      liveness: { zombieAfterSeconds: null },
    });
    await endSession(store, me, { sessionId: parent.id, reason: 'FINISHED', outcome: 'SUCCESS' });
    await age(session, 301);
    await lookFromAll();
    for (let step = 1; step <= 4; step++) {
      await age(session, 60);
      await lookFromAll();
      await lookFromAll();
    }

    const events = await log(me, session);
    expect(typesOf(events).filter((type) => /STALLED|ESCALATED/.test(type))).toEqual([
      'SESSION_STALLED',
      ...Array.from({ length: 3 }, () => 'SESSION_ESCALATED'),
    ]);
    expect(events.filter(({ type }) => type === 'SESSION_ESCALATED').map(({ data }) => data)).toEqual(
      [1, 2, 3].map((level) => ({ level, by: 'lifeline' })),
    );
    const kindsOf = async ({ id }: Session) =>
      (await pendingSignals(database.prisma, me.projectId, id)).map(({ kind }) => kind);
    expect(await kindsOf(session)).toEqual(['NUDGE', 'STOP']);
    expect(await kindsOf(grandparent)).toEqual(['MESSAGE']);
    expect([await kindsOf(parent), await kindsOf(founder)]).toEqual([[], []]);
    expect(await read(session)).toMatchObject({ state: 'STALLED', escalationLevel: 3 });
  });

  test('makes up for the steps that it missed', async () => {
    const me = await newCaller();
    const session = await working(me, { liveness: { zombieAfterSeconds: null } });
    await age(session, 301);
    await look();
    await age(session, 130);

    await look();

    const levels = (await log(me, session)).filter(({ type }) => type === 'SESSION_ESCALATED');
    expect(levels.map(({ data }) => (data as { level: number }).level)).toEqual([1, 2]);
  });

  test('waits with who waits for a person, and counts from the answer on', async () => {
    const me = await newCaller();
    const [answered, expired] = [await working(me), await working(me)];
    const ask = ({ id }: Session) =>
      requestApproval(store, me, { sessionId: id, type: 'PLAN', question: 'Go on?', timeoutSeconds: 7_200 });
    const { approval } = await ask(answered);
    await ask(expired);
    for (const session of [answered, expired]) await age(session, 3_600);

    await look();
    expect(await read(answered)).toMatchObject({ state: 'WORKING' });

    await resolveApproval(store, me, { approvalId: approval.id, resolution: 'APPROVED' });
    await rewrite(`UPDATE approvals SET expires_at = now() - interval '1 second' WHERE session_id = '${expired.id}'`);
    await expireApprovals(store);
    await look();
    expect([(await read(answered)).state, (await read(expired)).state]).toEqual(['WORKING', 'WORKING']);

    for (const session of [answered, expired]) await age(session, 301);
    await look();
    expect([(await read(answered)).state, (await read(expired)).state]).toEqual(['STALLED', 'STALLED']);
  });

  test('condemns nobody for what the service could not hear, nor for three intervals after its return', async () => {
    const me = await newCaller();
    const [silent, impatient, stalled] = [
      await working(me),
      await working(me, { liveness: { stallAfterSeconds: 10 } }),
      await working(me, { liveness: { zombieAfterSeconds: null } }),
    ];
    await age(stalled, 301);
    await look();
    for (const session of [silent, impatient, stalled]) await age(session, 1_200);
    await pass(1_200);
    const states = async () => {
      const sessions = [await read(silent), await read(impatient), await read(stalled)];
      return sessions.map(({ state, escalationLevel }) => [state, escalationLevel]);
    };

    for (let interval = 0; interval < 3; interval++) {
      await look();
      expect(await states()).toEqual([
        ['WORKING', null],
        ['WORKING', null],
        ['STALLED', 0],
      ]);
      await pass(INTERVAL_MS / 1000);
    }

    await look();
    expect(await states()).toEqual([
      ['WORKING', null],
      ['STALLED', 0],
      ['STALLED', 1],
    ]);
    await rewrite(`UPDATE watchdog SET hearing_since = now() - interval '301 seconds'`);
    await look();
    expect((await states())[0]).toEqual(['STALLED', 0]);
  });

  test('believes evidence also where it has just come back', async () => {
    const me = await newCaller();
    const session = await working(me);
    await pass(1_200);
    await look();

    await beat(me, session, { processAlive: false });

    expect(await read(session)).toMatchObject({ state: 'ZOMBIE' });
  });

  test('judges at its very first look, by what it has seen since', async () => {
    const me = await newCaller();
    const [patient, impatient] = [await working(me), await working(me, { liveness: { stallAfterSeconds: 10 } })];
    for (const session of [patient, impatient]) await age(session, 1_200);
    await rewrite('DELETE FROM watchdog');

    await look();

    expect([(await read(patient)).state, (await read(impatient)).state]).toEqual(['WORKING', 'STALLED']);
  });

  test('leaves an imported session alone until it has shown life here', async () => {
    const me = await newCaller();
    const startedAt = new Date('2026-01-01T00:00:00Z');
    const { sessions } = await importSessions(store, me, {
      source: 'elsewhere',
      runs: [],
      sessions: [{ externalId: 'a', kind: 'AGENT', state: 'WORKING', startReason: 'IMPORTED', startedAt }],
    });
    const [session] = sessions as [Session];
    await look();
    expect(await read(session)).toMatchObject({ state: 'WORKING' });

    await beat(me, session);
    await age(session, 301);
    await look();
    expect(await read(session)).toMatchObject({ state: 'STALLED' });
  });

  test('looks once at a time', async () => {
    const session = await working(await newCaller());
    await age(session, 301);
    await using lock = await hold(url, `SELECT FROM sessions WHERE id = '${session.id}' FOR UPDATE`);
    const looking = look();
    await untilWaiting(database, 1);

    expect(await look()).toBeNull();
    await lock.release();
    expect(await looking).not.toBeNull();
  });
});

describe('a heartbeat that meets a verdict', () => {
  test(
    'wins or is answered by a recovery: never is a session stalled with a newer beat',
    { timeout: 120_000 },
    async () => {
      const me = await newCaller();
      const sessions = await Promise.all(Array.from({ length: 20 }, () => working(me)));
      for (let round = 0; round < 50; round++) {
        const silent = sessions.map(({ id }) => `'${id}'`).join();
        await rewrite(
          `UPDATE pulses SET last_activity_at = now() - interval '301 seconds',
           last_heartbeat_at = now() - interval '301 seconds' WHERE session_id IN (${silent})`,
        );
        await Promise.all([look(), ...sessions.map((session) => beat(me, session))]);
        const contradictory = await database.prisma.$queryRaw<unknown[]>`
        SELECT s.id FROM sessions s JOIN pulses p ON p.project_id = s.project_id AND p.session_id = s.id
        WHERE s.project_id = ${me.projectId}::uuid AND s.state = 'STALLED'
          AND p.last_heartbeat_at > s.state_changed_at`;
        expect(contradictory).toEqual([]);
        await Promise.all(sessions.map((session) => beat(me, session)));
      }
      for (const session of sessions) {
        const moves = typesOf(await log(me, session)).filter((type) => /STALLED|RECOVERED/.test(type));
        // Each stall is followed by its recovery, and neither comes twice.
        expect(moves).toEqual(moves.map((_, index) => (index % 2 === 0 ? 'SESSION_STALLED' : 'SESSION_RECOVERED')));
        expect(await read(session)).toMatchObject({ state: 'WORKING' });
      }
    },
  );
});
