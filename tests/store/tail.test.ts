import { afterAll, describe, expect, test } from 'vitest';
import { memoryBus } from '../../src/bus/memory.js';
import { transact } from '../../src/store/transaction.js';
import type { Caller } from '../../src/store/store.js';
import { Leave } from '../../src/store/stream.js';
import type { LogTail, Place } from '../../src/store/tail.js';
import { openStore } from '../support/store.js';

// Counts who listens: to listen is all that a tail asks of a bus.
const memory = memoryBus();
const listening: string[] = [];
const bus = {
  ...memory,
  async listen(projectId: string, onHint: (hint: number | null) => void) {
    const unlisten = await memory.listen(projectId, onHint);
    listening.push(projectId);
    return () => {
      listening.splice(listening.indexOf(projectId), 1);
      unlisten();
    };
  },
};
const { store, newCaller, log, ...fixture } = await openStore({ bus });
afterAll(() => fixture[Symbol.asyncDispose]());

/** Resolves once the head is beyond the cursor, or the consumer leaves. */
const beyond = (tail: LogTail, cursor: bigint, leave = new Leave()) =>
  tail.beyond({ cursor, concerns: () => true }, leave);

async function record(caller: Caller, count: number, bytes = 0): Promise<bigint> {
  const { position } = await transact(store, caller, async (tx) => {
    for (let index = 0; index < count; index++) tx.record({ type: 'PROGRESS', data: { text: 'x'.repeat(bytes) } });
    return {};
  });
  return position;
}
const positionsOf = (events: { position: bigint }[] | null) => events?.map(({ position }) => Number(position));

describe('the tail of a log', () => {
  test('listens once for all its followers, and stops with the last of them', async () => {
    const { projectId } = await newCaller();
    const tail = store.tail(projectId);

    const leave = await Promise.all(Array.from({ length: 10 }, () => tail.follow()));
    expect(listening).toEqual([projectId]);
    for (const each of leave.slice(1)) each();
    leave[1]!();
    expect([tail.followers, listening]).toEqual([1, [projectId]]);
    leave[0]!();
    expect(tail.followers).toBe(0);
    await expect.poll(() => listening).toEqual([]);
  });

  test('begins anew after its last follower has left', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);
    (await tail.follow())();
    const missed = await record(me, 3);

    const leave = await tail.follow();

    expect(tail.head).toBe(missed);
    expect(tail.since(0n)).toBeNull();
    const position = await record(me, 2);
    await beyond(tail, missed);
    expect(positionsOf(tail.since(missed))).toEqual([4, 5]);
    expect(tail.head).toBe(position);
    leave();
  });

  test('lets followers come and go at once', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);

    await Promise.all(Array.from({ length: 20 }, async () => (await tail.follow())()));
    const leave = await tail.follow();
    const position = await record(me, 1);
    await beyond(tail, 0n);

    expect([tail.followers, tail.head]).toEqual([1, position]);
    leave();
    await expect.poll(() => listening).toEqual([]);
  });

  test('gives what comes after a cursor, and null for what it no longer has at hand', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);
    const leave = await tail.follow();
    for (let total = 0; total < 2_500;) total = Number(await record(me, 500));
    await expect.poll(() => tail.head, { interval: 5 }).toBe(2_500n);

    expect(positionsOf(tail.since(2_498n))).toEqual([2_499, 2_500]);
    expect(tail.since(2_500n)).toEqual([]);
    expect(tail.since(500n)).toEqual((await log(me)).slice(500));
    expect(tail.since(499n)).toBeNull();
    leave();
  });

  test('keeps no more than 8 MiB at hand', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);
    const leave = await tail.follow();
    for (let total = 0; total < 40;) total = Number(await record(me, 10, 250 * 1024));
    await expect.poll(() => tail.head, { interval: 5 }).toBe(40n);

    expect(tail.since(7n)).toBeNull();
    expect(positionsOf(tail.since(8n))).toHaveLength(32);
    leave();
  });

  test('that is closed says of what it has let go that it is no longer at hand', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);
    const leave = await tail.follow();
    await record(me, 3);
    await beyond(tail, 2n);

    await tail.close();

    expect(tail.since(1n)).toBeNull();
    leave();
  });
});

describe('waiting for more of the log', () => {
  test('ends when the consumer leaves, with the poll, or where there is more already', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);
    const leave = await tail.follow();
    const leaving = new Leave();

    const waits = [beyond(tail, 0n, leaving), beyond(tail, 0n)];
    leaving.give();
    await Promise.all(waits);
    await beyond(tail, 0n, leaving);
    await record(me, 1);
    await Promise.all(Array.from({ length: 5 }, () => beyond(tail, 0n)));
    await beyond(tail, 0n);

    expect(tail.head).toBe(1n);
    leave();
  });

  test('goes on past events that are no concern of it, without waking', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);
    const leave = await tail.follow();
    const seen: bigint[] = [];
    const place: Place = {
      cursor: 0n,
      concerns: (events, head) => {
        seen.push(...events.map(({ position }) => position));
        return head > 2n;
      },
    };
    const waiting = tail.beyond(place, new Leave());

    await record(me, 2);
    await expect.poll(() => tail.head).toBe(2n);
    expect(place.cursor).toBe(2n);
    await record(me, 1);
    await waiting;

    expect(seen).toEqual([1n, 2n, 3n]);
    expect(positionsOf(tail.since(place.cursor))).toEqual([3]);
    leave();
  });
});

describe('what is made of the events at hand', () => {
  test('is the same for all who name the same key, until the head moves on', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);
    const leave = await tail.follow();
    const one = tail.once('key', () => ({}));

    expect(tail.once('key', () => ({}))).toBe(one);
    expect(tail.once('other', () => ({}))).not.toBe(one);
    await record(me, 1);
    await beyond(tail, 0n);
    expect(tail.once('key', () => ({}))).not.toBe(one);
    leave();
  });
});

describe('a settled tail', () => {
  test('is one all of whose followers have taken what was committed', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);
    await tail.settled();
    const leave = await Promise.all([tail.follow(), tail.follow()]);
    const position = await record(me, 1);
    let settled = false;
    const settling = tail.settled().then(() => (settled = true));

    await expect.poll(() => tail.head).toBe(position);
    const end = new Leave();
    const waits = [beyond(tail, position, end)];
    await Promise.resolve();
    expect(settled).toBe(false);
    waits.push(beyond(tail, position, end));
    await settling;

    end.give();
    await Promise.all(waits);
    for (const each of leave) each();
  });

  test('waits no longer for a follower that has left', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);
    const leave = await tail.follow();
    const settling = tail.settled();
    leave();
    await settling;
    expect(tail.followers).toBe(0);
  });
});
