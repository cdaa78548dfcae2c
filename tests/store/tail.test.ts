import { afterAll, describe, expect, test } from 'vitest';
import { memoryBus } from '../../src/bus/memory.js';
import { transact } from '../../src/store/transaction.js';
import type { Caller } from '../../src/store/store.js';
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

const never = new AbortController().signal;
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
    await expect.poll(() => listening, { timeout: 10_000 }).toEqual([]);
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
    await tail.beyond(missed, never);
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
    await tail.beyond(0n, never);

    expect([tail.followers, tail.head]).toEqual([1, position]);
    leave();
    await expect.poll(() => listening, { timeout: 10_000 }).toEqual([]);
  });

  test('gives what comes after a cursor, and null for what it no longer has at hand', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);
    const leave = await tail.follow();
    for (let total = 0; total < 2_500;) total = Number(await record(me, 500));
    await expect.poll(() => tail.head, { interval: 5, timeout: 10_000 }).toBe(2_500n);

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
    await expect.poll(() => tail.head, { interval: 5, timeout: 10_000 }).toBe(40n);

    expect(tail.since(7n)).toBeNull();
    expect(positionsOf(tail.since(8n))).toHaveLength(32);
    leave();
  });

  test('that is closed says of what it has let go that it is no longer at hand', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);
    const leave = await tail.follow();
    await record(me, 3);
    await tail.beyond(2n, never);

    await tail.close();

    expect(tail.since(1n)).toBeNull();
    leave();
  });
});

describe('waiting for more of the log', () => {
  test('ends with the signal, with the time, or where there is more already', async () => {
    const me = await newCaller();
    const tail = store.tail(me.projectId);
    const leave = await tail.follow();
    const leaving = new AbortController();

    const waits = [tail.beyond(0n, leaving.signal), tail.beyond(0n, never, 1)];
    leaving.abort();
    await Promise.all(waits);
    await tail.beyond(0n, leaving.signal);
    await record(me, 1);
    await Promise.all(Array.from({ length: 5 }, () => tail.beyond(0n, never)));
    await tail.beyond(0n, never);

    expect(tail.head).toBe(1n);
    leave();
  });
});
