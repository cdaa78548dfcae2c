import { pino } from 'pino';
import { NIL } from 'uuid';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { addAgents } from '../../bench/agent.js';
import { encodeId } from '../../src/domain/id.js';
import { requestApproval } from '../../src/store/approval.js';
import { appendEvents } from '../../src/store/event.js';
import { createRun } from '../../src/store/run.js';
import { endSession } from '../../src/store/session.js';
import { pendingSignals } from '../../src/store/signal.js';
import type { Caller, Session, Store } from '../../src/store/store.js';
import { findSuspects, type Found } from '../../src/store/suspect.js';
import { suspendSession } from '../../src/store/suspension.js';
import { judgeOne, judgeTogether } from '../../src/store/verdict.js';
import { hold, query } from '../support/sql.js';
import { typesOf } from '../support/store.js';
import { openWatch } from '../support/watch.js';

const watch = await openWatch();
const { store, database, url, newCaller, read, log, look, working, beat, rewrite, age } = watch;
afterAll(() => watch[Symbol.asyncDispose]());
beforeEach(() => watch.listenForADay());

const HEARING_SINCE = new Date(Date.now() - 86_400_000);

/** Those of a project on whom something is due, in the order in which a sweep comes to them. */
async function suspectsOf({ projectId }: Caller): Promise<[Found, ...Found[]]> {
  const after = { projectId: NIL, id: NIL };
  const all = await findSuspects(database.prisma, { after, hearingSince: HEARING_SINCE, limit: 1_000 });
  return all.filter((suspect) => suspect.projectId === projectId) as [Found, ...Found[]];
}

const together = async (me: Caller, at: Store = store) => judgeTogether(at, await suspectsOf(me), HEARING_SINCE);

describe('verdicts that are given together', () => {
  /** One session for each verdict there is. */
  async function various(me: Caller): Promise<Session[]> {
    const { run } = await createRun(store, me, { coordinatorName: 'lead' });
    const patient = { liveness: { zombieAfterSeconds: null } };
    const spawner = await working(me, { liveness: { stallAfterSeconds: null, zombieAfterSeconds: null } });
    const stalled = [
      await working(me, { ...patient, agentName: 'nudged' }),
      await working(me, { ...patient, agentName: 'stopped' }),
      await working(me, { ...patient, agentName: 'child', spawnedById: spawner.id }),
      await working(me, { agentName: 'given up after a stall' }),
    ];
    for (const session of stalled) await age(session, 301);
    await look();
    return [
      ...stalled,
      await working(me, { agentName: 'stalled' }),
      await working(me, { agentName: 'given up', runId: run.id }),
      await working(me, { agentName: 'given up too', runId: run.id }),
    ];
  }
  /** For how long each of them is silent then. */
  const SILENT_SECONDS = [61, 190, 61, 300, 301, 601, 602];

  /** All that is left of them, without what is another's in any case. */
  async function traces(me: Caller, sessions: readonly Session[]) {
    const names = new Map(sessions.map(({ id, agentName }) => [id, agentName]));
    const known = /"(signalId|sessionId|spawnedById|lastHeartbeatAt|lastActivityAt)":"[^"]*"|"silentSeconds":[\d.]+/g;
    const events = (await log(me)).map(({ sessionId, sequence, type, level, data, sizeBytes, ...event }) => ({
      of: names.get(sessionId ?? ''),
      ...{ sequence, type, level, sizeBytes: sizeBytes > 0, hasRun: event.runId !== null },
      data: JSON.stringify(data).replaceAll(known, ''),
    }));
    const ofEach = (of: string | null) => events.filter((event) => event.of === of);
    const rows = await Promise.all(
      sessions.map(async (session) => {
        const { state, version, escalationLevel, stalledSince, zombieSince, evidence, agentName } = await read(session);
        const signals = await pendingSignals(database.prisma, me.projectId, session.id);
        const [pulse] = await query(url, 'SELECT steady FROM pulses WHERE session_id = $1', [session.id]);
        return {
          ...{ agentName, state, version, escalationLevel, ...pulse },
          since: [stalledSince !== null, zombieSince !== null],
          evidence: JSON.stringify(evidence).replaceAll(known, ''),
          signals: signals.map(({ kind, note, payload, sentBy }) => ({ kind, note, payload, sentBy })),
          events: ofEach(agentName),
        };
      }),
    );
    return { rows, ofRuns: events.filter(({ of }) => of === undefined).map(({ type }) => type), count: events.length };
  }

  test('leave the same as those that are given singly', { timeout: 120_000 }, async () => {
    const [us, others] = [await newCaller(), await newCaller()];
    const [ours, theirs] = [await various(us), await various(others)];
    for (const sessions of [ours, theirs]) {
      for (const [index, session] of sessions.entries()) await age(session, SILENT_SECONDS[index]!);
    }

    expect(await together(us)).toEqual({ verdicts: ours.length, left: [] });
    for (const suspect of await suspectsOf(others)) expect(await judgeOne(store, suspect, HEARING_SINCE)).toBe(true);

    const left = await traces(us, ours);
    expect(left).toEqual(await traces(others, theirs));
    expect(left.rows.map(({ state, escalationLevel }) => [state, escalationLevel])).toEqual([
      ['STALLED', 1],
      ['STALLED', 3],
      ['STALLED', 1],
      ['ZOMBIE', null],
      ['STALLED', 0],
      ['ZOMBIE', null],
      ['ZOMBIE', null],
    ]);
    expect(left.ofRuns.filter((type) => type === 'RUN_WORKERS_FINISHED')).toHaveLength(1);
    const positions = (await log(us)).map(({ position }) => Number(position));
    expect(positions).toEqual(positions.map((_, index) => index + 1));
  });

  test('leave to a verdict of its own what concerns another session', async () => {
    const me = await newCaller();
    const spawner = await working(me);
    const session = await working(me, { spawnedById: spawner.id, liveness: { zombieAfterSeconds: null } });
    await age(session, 301);
    await look();
    await age(session, 121);

    expect(await together(me)).toMatchObject({ verdicts: 0, left: [{ id: session.id }] });
    await look();

    expect(await pendingSignals(database.prisma, me.projectId, spawner.id)).toMatchObject([{ kind: 'MESSAGE' }]);
    expect(await read(session)).toMatchObject({ escalationLevel: 2 });
  });

  test('are not given to whom something has happened since it was found, whatever it is', async () => {
    const me = await newCaller();
    const happenings: ((session: Session) => Promise<unknown>)[] = [
      (session) => beat(me, session),
      ({ id: sessionId }) => appendEvents(store, me, { sessionId, events: [{ type: 'PROGRESS', level: 'INFO' }] }),
      ({ id: sessionId }) =>
        requestApproval(store, me, { sessionId, type: 'PLAN', question: 'Go on?', timeoutSeconds: 60 }),
      ({ id: sessionId }) => endSession(store, me, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' }),
      ({ id: sessionId }) => suspendSession(store, me, { sessionId }),
    ];
    const sessions = await Promise.all(happenings.map(() => working(me)));
    for (const session of sessions) await age(session, 301);
    const suspects = await suspectsOf(me);
    for (const [index, happen] of happenings.entries()) await happen(sessions[index]!);
    const before = await log(me);

    const { verdicts, left } = await judgeTogether(store, suspects, HEARING_SINCE);

    expect([verdicts, left.map(({ id }) => id)]).toEqual([0, suspects.map(({ id }) => id)]);
    expect(await log(me)).toEqual(before);
  });

  test('see what is done to a suspect while they wait for nobody', async () => {
    const me = await newCaller();
    const [held, free] = (await Promise.all([working(me), working(me)])).toSorted((a, b) => (a.id < b.id ? -1 : 1)) as [
      Session,
      Session,
    ];
    for (const session of [held, free]) await age(session, 301);
    await using lock = await hold(url, `SELECT FROM pulses WHERE session_id = '${held.id}' FOR UPDATE`);

    expect(await together(me)).toMatchObject({ verdicts: 1, left: [{ id: held.id }] });
    await lock.release();

    expect([(await read(held)).state, (await read(free)).state]).toEqual(['WORKING', 'STALLED']);
    await look();
    expect(await read(held)).toMatchObject({ state: 'STALLED' });
  });

  test('harm nobody where one of them cannot be given: it is told, and the others are given', async () => {
    const me = await newCaller();
    const sessions = await Promise.all(Array.from({ length: 3 }, () => working(me)));
    const bad = sessions[1]!;
    for (const session of sessions) await age(session, 301);
    // The next sequence is taken already.
    await rewrite(`UPDATE pulses SET event_sequence = event_sequence - 1 WHERE session_id = '${bad.id}'`);
    const lines: { msg: string; sessionId?: string }[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]) });

    await look({ ...store, log });

    const states = await Promise.all(sessions.map(async (session) => (await read(session)).state));
    expect(states).toEqual(['STALLED', 'WORKING', 'STALLED']);
    expect(lines.map(({ sessionId }) => sessionId)).toEqual([undefined, encodeId('Session', bad.id)]);
    await rewrite(`UPDATE pulses SET event_sequence = event_sequence + 1 WHERE session_id = '${bad.id}'`);
    await look();
    expect(await read(bad)).toMatchObject({ state: 'STALLED' });
  });

  test('of very many are given in several transactions, each told once, and leave no gap', async () => {
    const [us, others] = [await newCaller(), await newCaller()];
    for (const [{ projectId }, count] of [
      [us, 600],
      [others, 3],
    ] as const) {
      await addAgents(url, { projectId, count, stallAfterSeconds: 300, silentForSeconds: 301 });
    }
    const told: string[] = [];
    const bus = { ...store.bus, announce: (projectId: string) => void told.push(projectId) };

    expect(await look({ ...store, bus })).toEqual({ suspects: 603, verdicts: 603 });

    expect(told.filter((id) => id === us.projectId)).toHaveLength(2);
    expect(told.filter((id) => id === others.projectId)).toHaveLength(1);
    for (const [me, count] of [
      [us, 600],
      [others, 3],
    ] as const) {
      const events = await log(me);
      expect(events.map(({ position }) => Number(position))).toEqual(events.map((_, index) => index + 1));
      expect(typesOf(events.slice(2 * count))).toEqual(Array.from({ length: count }, () => 'SESSION_STALLED'));
      expect(new Set(events.slice(2 * count).map(({ sequence }) => sequence))).toEqual(new Set([3n]));
    }
  });

  test('and beats, ends and events that meet them leave a log without a gap, of which each state is the fold', async () => {
    const me = await newCaller();
    const sessions = await Promise.all(Array.from({ length: 12 }, () => working(me)));
    for (let round = 0; round < 6; round++) {
      for (const session of sessions) await age(session, 301);
      await Promise.all([
        look(),
        ...sessions.map(async (session, index) => {
          const { id: sessionId } = session;
          if (index % 3 === 0) await beat(me, session);
          if (index % 3 === 1)
            await appendEvents(store, me, { sessionId, events: [{ type: 'PROGRESS', level: 'INFO' }] });
          if (index === round * 3 - 1)
            await endSession(store, me, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' });
        }),
      ]);
      await Promise.all(sessions.map(async (session) => (await read(session)).endedAt ?? (await beat(me, session))));
    }

    const events = await log(me);
    expect(events.map(({ position }) => Number(position))).toEqual(events.map((_, index) => index + 1));
    for (const session of sessions) {
      const own = events.filter(({ sessionId }) => sessionId === session.id);
      expect(own.map(({ sequence }) => Number(sequence))).toEqual(own.map((_, index) => index + 1));
      const moves = own.flatMap(({ data }) => (data as { from?: string | null; to?: string }).to ?? []);
      const origins = own.flatMap(({ data }) =>
        'from' in (data as object) ? [(data as { from: string | null }).from] : [],
      );
      expect(origins).toEqual([null, ...moves.slice(0, -1)]);
      expect(moves.at(-1)).toBe((await read(session)).state);
    }
  });
});
