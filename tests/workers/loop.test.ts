import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { startLoop } from '../../src/workers/loop.js';

const silent = pino({ level: 'silent' });

/** A chore whose runs wait to be let go, and that counts them. */
function chore(everyMs = 1) {
  const now = { started: 0, running: 0, most: 0 };
  let go: () => void = () => undefined;
  const run = async (): Promise<void> => {
    now.started += 1;
    now.running += 1;
    now.most = Math.max(now.most, now.running);
    await new Promise<void>((resolve) => (go = resolve));
    now.running -= 1;
  };
  return { now, release: () => go(), chore: { name: 'test', everyMs, run } };
}

describe('a loop', () => {
  test('never runs its chore twice at once, however long a run takes', async () => {
    const { now, release, chore: slow } = chore();
    const stop = startLoop(slow, silent);
    let turns = 0;
    const stopOther = startLoop({ name: 'other', everyMs: 1, run: async () => void (turns += 1) }, silent);

    for (let round = 1; round <= 3; round++) {
      await expect.poll(() => now.started, { interval: 1 }).toBe(round);
      const before = turns;
      await expect.poll(() => turns, { interval: 1 }).toBeGreaterThan(before + 5);
      expect(now).toEqual({ started: round, running: 1, most: 1 });
      release();
    }
    await stopOther();
    await expect.poll(() => now.started, { interval: 1 }).toBe(4);
    const stopped = stop();
    release();
    await stopped;
  });

  test('goes on after a failure, which is logged with the name of the chore', async () => {
    const lines: { chore: string; err: { message: string } }[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]) });
    let runs = 0;
    const run = async () => {
      runs += 1;
      if (runs < 3) throw new Error(`failure ${runs}`);
    };

    const stop = startLoop({ name: 'sweep', everyMs: 1, run }, log);
    await expect.poll(() => runs, { interval: 1 }).toBeGreaterThan(3);
    await stop();

    expect(lines.map(({ chore: name, err }) => [name, err.message])).toEqual([
      ['sweep', 'failure 1'],
      ['sweep', 'failure 2'],
    ]);
  });

  test('that is stopped lets the run under way end, and begins no other', async () => {
    const { now, release, chore: slow } = chore();
    const stop = startLoop(slow, silent);
    await expect.poll(() => now.started, { interval: 1 }).toBe(1);
    let stopped = false;

    const stopping = stop().then(() => (stopped = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(false);
    release();
    await stopping;

    expect(now).toEqual({ started: 1, running: 0, most: 1 });
  });

  test('that is stopped tells the run under way', async () => {
    let isUnderWay = false;
    const run = (signal: AbortSignal) =>
      new Promise<void>((resolve) => {
        isUnderWay = true;
        signal.addEventListener('abort', () => resolve());
      });
    const stop = startLoop({ name: 'long', everyMs: 1, run }, silent);
    await expect.poll(() => isUnderWay, { interval: 1 }).toBe(true);

    await stop();
  });

  test('that is stopped before its first run never runs', async () => {
    const { now, chore: slow } = chore(3_600_000);

    await startLoop(slow, silent)();

    expect(now.started).toBe(0);
  });
});
