import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { memoryBus } from '../../src/bus/memory.js';
import { BeatBoard } from '../../src/store/beatBoard.js';
import { FRESH_MS } from '../../src/store/stream.js';

const PROJECT = 'project';
const KEPT_MS = 60_000;

const bus = memoryBus();
const board = new BeatBoard(bus, PROJECT);
let leave: () => void;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  leave = await board.follow();
});
afterEach(() => {
  leave();
  vi.useRealTimers();
});

/** Has the board show a beat of this session; answers with the place before. */
async function post(sessionId: string): Promise<number> {
  const before = board.head;
  const at = new Date().toISOString();
  bus.tellBeats(PROJECT, [{ sessionId, at, contextPercent: null, currentEpic: null, activity: null }]);
  await expect.poll(() => board.head, { interval: 1 }).toBeGreaterThan(before);
  return before;
}
const sessionsAfter = (place: number): string[] => board.page(place).posts.map(({ beat }) => beat.sessionId);

test('what is made of a page is shared for as long as it is fresh, and made anew for who comes later', async () => {
  const place = await post('a');
  let made = 0;
  const look = () => board.page(place).share('count', () => Promise.resolve(++made));

  expect([await look(), await look()]).toEqual([1, 1]);
  vi.advanceTimersByTime(FRESH_MS - 1);
  expect(await look()).toBe(1);
  vi.advanceTimersByTime(1);
  expect([await look(), await look()]).toEqual([2, 2]);
});

test('a beat is forgotten after its time, also where none comes after it', async () => {
  const place = await post('old');
  vi.advanceTimersByTime(KEPT_MS / 2);
  await post('young');
  expect(sessionsAfter(place)).toEqual(['old', 'young']);
  vi.advanceTimersByTime(KEPT_MS / 2);
  expect(sessionsAfter(place)).toEqual(['young']);
  vi.advanceTimersByTime(KEPT_MS);
  const { posts, end } = board.page(place);
  expect([posts, end]).toEqual([[], board.head]);
});
