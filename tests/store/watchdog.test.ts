import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { requestApproval, resolveApproval } from '../../src/store/approval.js';
import { expireApprovals } from '../../src/store/expiry.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { importSessions } from '../../src/store/import.js';
import { createRun } from '../../src/store/run.js';
import { endSession } from '../../src/store/session.js';
import { pendingSignals } from '../../src/store/signal.js';
import type { Caller, Session } from '../../src/store/store.js';
import { sweep } from '../../src/store/watchdog.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore({ poolSize: 12 });
afterAll(() => fixture[Symbol.asyncDispose]());

const INTERVAL_MS = 30_000;
const look = () => sweep(store, { intervalMs: INTERVAL_MS });
const beat = (caller: Caller, { id }: Session, more = {}) => heartbeat(store, caller, { sessionId: id, ...more });

/** Runs statements that the triggers would refuse: what is past cannot be made otherwise. */
async function rewrite(...statements: string[]): Promise<void> {
  await database.prisma.$transaction([
    database.prisma.$executeRawUnsafe(`SET LOCAL session_replication_role = 'replica'`),
    ...statements.map((statement) => database.prisma.$executeRawUnsafe(statement)),
  ]);
}
/** As if all that a session has shown, and its state, were so many seconds older. */
const age = ({ id }: Session, seconds: number) => {
  const older = (column: string) => `${column} = ${column} - interval '${seconds} seconds'`;
  return rewrite(
    `UPDATE pulses SET ${older('last_activity_at')}, ${older('last_heartbeat_at')} WHERE session_id = '${id}'`,
    `UPDATE sessions SET ${older('stalled_since')} WHERE id = '${id}'`,
    `UPDATE approvals SET ${older('resolved_at')}, ${older('created_at')} WHERE session_id = '${id}'`,
  );
};
const working = async (caller: Caller, input = {}) => {
  const session = await start(caller, input);
  await beat(caller, session);
  return session;
};

// The service has been listening for a day.
beforeEach(async () => {
  await database.prisma.$executeRaw`
    INSERT INTO watchdog (id, ticked_at, hearing_since) VALUES (1, now(), now() - interval '1 day')
    ON CONFLICT (id) DO UPDATE SET ticked_at = now(), hearing_since = now() - interval '1 day'`;
});

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

  test('escalates step by step, with one signal each, also where three look at once', async () => {
    const me = await newCaller();
    const grandparent = await working(me);
    const parent = await working(me, { spawnedById: grandparent.id });
    const session = await working(me, {
      spawnedById: parent.id,
      liveness: { zombieAfterSeconds: null },
    });
    await endSession(store, me, { sessionId: parent.id, reason: 'FINISHED', outcome: 'SUCCESS' });
    await age(session, 301);
    await Promise.all([look(), look(), look()]);
    for (let step = 1; step <= 4; step++) {
      await age(session, 60);
      await beat(me, grandparent);
      await Promise.all([look(), look(), look()]);
      await look();
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
    expect(await kindsOf(parent)).toEqual([]);
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
    await rewrite(`UPDATE approvals SET expires_at = now() WHERE session_id = '${expired.id}'`);
    await expireApprovals(store);
    await look();
    expect([(await read(answered)).state, (await read(expired)).state]).toEqual(['WORKING', 'WORKING']);

    for (const session of [answered, expired]) await age(session, 301);
    await look();
    expect([(await read(answered)).state, (await read(expired)).state]).toEqual(['STALLED', 'STALLED']);
  });

  test('condemns nobody for what the service could not hear', async () => {
    const me = await newCaller();
    const session = await working(me);
    await age(session, 1_200);
    await database.prisma.$executeRaw`UPDATE watchdog SET ticked_at = now() - interval '20 minutes'`;

    await look();
    await look();

    expect(await read(session)).toMatchObject({ state: 'WORKING' });
    await database.prisma.$executeRaw`UPDATE watchdog SET hearing_since = now() - interval '301 seconds'`;
    await look();
    expect(await read(session)).toMatchObject({ state: 'STALLED' });
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
    const sweeps = await Promise.all(Array.from({ length: 5 }, look));
    expect(sweeps.filter((done) => done !== null).length).toBeGreaterThanOrEqual(1);
    expect(sweeps.filter((done) => done === null).length).toBeGreaterThanOrEqual(1);
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
