import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Ahead } from '../../src/store/ahead.js';

const KEPT_MS = 250;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('what is done ahead', () => {
  test('is had by the one who asks, once', async () => {
    const ahead = new Ahead<number>(KEPT_MS);
    expect(ahead.take()).toBeNull();
    ahead.begin(() => Promise.resolve(1));

    expect(await ahead.take()).toBe(1);
    expect(ahead.take()).toBeNull();
  });

  test('fails for the one who asks, and for nobody else', async () => {
    const ahead = new Ahead<number>(KEPT_MS);
    ahead.begin(() => Promise.reject(new Error('unheard')));
    await Promise.resolve();
    ahead.begin(() => Promise.reject(new Error('heard')));

    await expect(ahead.take()).rejects.toThrow('heard');
  });

  test('is let go where nobody asks in time, counted from when it is there, and nothing is begun any more', async () => {
    const ahead = new Ahead<number>(KEPT_MS);
    let finish: (value: number) => void = () => undefined;
    ahead.begin(() => new Promise((resolve) => (finish = resolve)));
    await vi.advanceTimersByTimeAsync(2 * KEPT_MS);
    finish(1);
    await vi.advanceTimersByTimeAsync(KEPT_MS - 1);
    expect(await ahead.take()).toBe(1);

    ahead.begin(() => Promise.resolve(2));
    await vi.advanceTimersByTimeAsync(KEPT_MS);
    expect(ahead.take()).toBeNull();
    ahead.begin(() => Promise.resolve(3));
    expect(ahead.take()).toBeNull();
  });

  test('leaves no timer behind, whether it is asked for or ended', async () => {
    for (const leave of ['take', 'end'] as const) {
      for (const isThere of [true, false]) {
        const ahead = new Ahead<number>(KEPT_MS);
        ahead.begin(() => Promise.resolve(1));
        if (isThere) await vi.advanceTimersByTimeAsync(0);
        void ahead[leave]();
        await vi.advanceTimersByTimeAsync(0);
        expect(vi.getTimerCount()).toBe(0);
      }
    }
  });
});
