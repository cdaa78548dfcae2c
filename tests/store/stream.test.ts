import { describe, expect, test } from 'vitest';
import { Leave, stream } from '../../src/store/stream.js';

/** Counts up, and waits for its consumer to leave after each number but the first. */
function counting() {
  const told = { ended: false };
  const numbers = stream(async function* (leave) {
    try {
      for (let number = 0; !leave.given; number++) {
        yield number;
        if (number > 0) await new Promise<void>((resolve) => leave.on(resolve));
      }
    } finally {
      told.ended = true;
    }
  });
  return { numbers, told };
}

describe('a stream', () => {
  test('yields what its generator yields', async () => {
    const { numbers } = counting();
    const seen: number[] = [];

    for await (const number of numbers) {
      seen.push(number);
      if (number === 1) break;
    }

    expect(seen).toEqual([0, 1]);
  });

  test('that is left while it waits ends at once, and runs what must run at its end', async () => {
    const { numbers, told } = counting();
    await numbers.next();
    await numbers.next();
    const waiting = numbers.next();

    expect(await numbers.return()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(told.ended).toBe(true);
  });

  test('that is left before its first value never begins', async () => {
    const { numbers, told } = counting();

    await numbers.return();

    expect([await numbers.next(), told.ended]).toEqual([{ done: true, value: undefined }, false]);
  });

  test('ends at the end of its scope', async () => {
    const { numbers, told } = counting();
    {
      await using scoped = numbers;
      await scoped.next();
    }
    expect(told.ended).toBe(true);
  });

  test('into which an error is thrown ends with it', async () => {
    const { numbers, told } = counting();
    await numbers.next();

    await expect(numbers.throw(new Error('enough'))).rejects.toThrow('enough');
    expect(told.ended).toBe(true);
  });
});

describe('a pause', () => {
  test('ends after its time, or as soon as the consumer leaves', async () => {
    const leave = new Leave();
    await leave.pause(1);
    const pause = leave.pause(1_000_000);
    leave.give();
    await pause;
    await leave.pause(1_000_000);
    expect(leave.given).toBe(true);
  });

  test('leaves nothing behind when it is over', async () => {
    const leave = new Leave();
    let called = 0;
    const callback = (): void => void (called += 1);
    leave.on(callback);
    leave.off(callback);
    await leave.pause(1);
    leave.give();
    leave.give();
    expect(called).toBe(0);
  });
});
