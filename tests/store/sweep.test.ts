import { pino } from 'pino';
import { afterAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { memoryBus } from '../../src/bus/memory.js';
import { openDatabase } from '../../src/database/client.js';
import { encodeId } from '../../src/domain/id.js';
import { requestApproval, resolveApproval } from '../../src/store/approval.js';
import { createStore } from '../../src/store/createStore.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { updateSession } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { sweep } from '../../src/store/watchdog.js';
import { hold } from '../support/sql.js';
import { untilWaiting } from '../support/wait.js';
import { INTERVAL_MS, openWatch } from '../support/watch.js';

const watch = await openWatch();
const { store, database, url, newCaller, read, look, working, rewrite, age, pass } = watch;
afterAll(() => watch[Symbol.asyncDispose]());
beforeEach(() => watch.listenForADay());

describe('a sweep', () => {
  /** Sessions that are silent, in the order in which a sweep comes to them. */
  const silent = async (caller: Caller, count: number): Promise<Session[]> => {
    const sessions = await Promise.all(Array.from({ length: count }, () => working(caller)));
    for (const session of sessions) await age(session, 301);
    return sessions.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  };
  const held = (...sessions: Session[]) =>
    hold(url, `SELECT FROM sessions WHERE id IN (${sessions.map(({ id }) => `'${id}'`).join()}) FOR UPDATE`);
  const statesOf = (sessions: Session[]) => Promise.all(sessions.map(async (session) => (await read(session)).state));

  test('goes by the policy that a session has been given since', async () => {
    const me = await newCaller();
    const [strict, lenient] = [await working(me), await working(me)];
    for (const [{ id }, stallAfterSeconds] of [
      [strict, 30],
      [lenient, null],
    ] as const) {
      await updateSession(store, me, { sessionId: id, liveness: { stallAfterSeconds, zombieAfterSeconds: null } });
    }
    await age(strict, 31);
    await age(lenient, 3_600);
    await look();
    expect(await statesOf([strict, lenient])).toEqual(['STALLED', 'WORKING']);
  });

  test('judges only those on whom something is due', async () => {
    const me = await newCaller();
    const [waiting, answered, stalled] = [await working(me), await working(me), await working(me)];
    for (const { id } of [waiting, answered]) {
      const question = { sessionId: id, type: 'PLAN', question: 'Go on?', timeoutSeconds: 7_200 } as const;
      const { approval } = await requestApproval(store, me, question);
      if (id === answered.id) await resolveApproval(store, me, { approvalId: approval.id, resolution: 'APPROVED' });
    }
    await rewrite(
      `UPDATE pulses SET last_activity_at = now() - interval '1 hour' WHERE session_id IN ('${waiting.id}', '${answered.id}')`,
    );
    await age(stalled, 301);
    await look();
    await age(stalled, 30);

    expect(await look()).toEqual({ suspects: 0, verdicts: 0 });
    await age(stalled, 30);
    expect(await look()).toEqual({ suspects: 1, verdicts: 1 });
    expect(await read(stalled)).toMatchObject({ state: 'STALLED', escalationLevel: 1 });
    expect(await look()).toEqual({ suspects: 0, verdicts: 0 });
  });

  test('that is long ticks while it lasts, and is no outage', async () => {
    const me = await newCaller();
    const [first] = (await silent(me, 2)) as [Session];
    const read = async () => {
      const [row] = await database.prisma.$queryRaw<{ tickedAt: Date; hearingSince: Date }[]>`
        SELECT ticked_at AS "tickedAt", hearing_since AS "hearingSince" FROM watchdog`;
      if (!row) throw new Error('no tick');
      return { tickedAt: row.tickedAt.getTime(), hearingSince: row.hearingSince.getTime() };
    };
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());

    await using lock = await held(first);
    const sweeping = look();
    await untilWaiting(database, 1);
    const before = await read();
    for (let interval = 1; interval <= 4; interval++) {
      await pass(INTERVAL_MS / 1000);
      const { tickedAt } = await read();
      vi.advanceTimersByTime(INTERVAL_MS);
      await expect.poll(async () => (await read()).tickedAt, { interval: 10 }).toBeGreaterThan(tickedAt);
    }
    await lock.release();
    await sweeping;

    expect((await read()).hearingSince).toBe(before.hearingSince - 4 * INTERVAL_MS);
  });

  test('goes on where somebody holds a suspect, says so, and has ticked', async () => {
    const me = await newCaller();
    const [first, second] = (await silent(me, 2)) as [Session, Session];
    const lines: { sessionId: string; err: { type: string } }[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]) });
    const tickedAt = () => database.prisma.$queryRaw<unknown[]>`SELECT ticked_at FROM watchdog`;
    const before = await tickedAt();

    await using lock = await held(first);
    await look({ ...store, log });
    await lock.release();

    expect(lines).toMatchObject([{ sessionId: encodeId('Session', first.id), err: { type: 'UnavailableError' } }]);
    expect(await statesOf([first, second])).toEqual(['WORKING', 'STALLED']);
    expect(await tickedAt()).not.toEqual(before);
    await look();
    expect(await statesOf([first])).toEqual(['STALLED']);
  });

  test('goes on where a suspect is purged meanwhile', async () => {
    const me = await newCaller();
    const [first, purged, last] = (await silent(me, 3)) as [Session, Session, Session];

    await using lock = await held(first);
    await using ofPurged = await held(purged);
    const sweeping = look();
    await untilWaiting(database, 1);
    await ofPurged.release();
    await rewrite(
      ...['events', 'pulses'].map((table) => `DELETE FROM ${table} WHERE session_id = '${purged.id}'`),
      `DELETE FROM sessions WHERE id = '${purged.id}'`,
    );
    await lock.release();

    expect(await sweeping).toMatchObject({ verdicts: 2 });
    expect(await statesOf([first, last])).toEqual(['STALLED', 'STALLED']);
  });

  test('that is told to stop does so after the suspects that it is at', async () => {
    const me = await newCaller();
    const sessions = (await silent(me, 3)) as [Session, Session, Session];
    const stop = new AbortController();

    await using lock = await held(...sessions);
    const sweeping = sweep(store, { intervalMs: INTERVAL_MS, signal: stop.signal });
    await untilWaiting(database, 1);
    stop.abort();
    await lock.release();
    await sweeping;

    // Those that are held are judged singly.
    expect(await statesOf(sessions)).toEqual(['STALLED', 'WORKING', 'WORKING']);
  });

  test('needs no more connections than one of each kind, and lets heartbeats through', async () => {
    const me = await newCaller();
    const sessions = await silent(me, 3);
    const speaking = await working(me);
    const narrow = openDatabase(url, { poolSize: 1 });
    const small = await createStore({ database: narrow, bus: memoryBus(), log: pino({ level: 'silent' }) });

    const [swept] = await Promise.all([
      look(small),
      ...Array.from({ length: 5 }, () => heartbeat(small, me, { sessionId: speaking.id })),
    ]);
    await small.close();
    await narrow.close();

    expect(swept).not.toBeNull();
    expect(await statesOf(sessions)).toEqual(['STALLED', 'STALLED', 'STALLED']);
  });
});
