import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Coalescer } from '../../src/store/coalescer.js';

/** A coalescer whose work is done when the test says so; an item that begins with «x» has to go alone. */
function open({ batch = 1_000, alone = 5 } = {}) {
  const begun: string[] = [];
  const ends = new Map<string, (failure?: Error) => void>();
  let mostAlone = 0;
  let underWay = 0;

  async function goAlone(item: string): Promise<string> {
    begun.push(`alone: ${item}`);
    mostAlone = Math.max(mostAlone, ++underWay);
    await new Promise<void>((resolve, reject) => {
      ends.set(item, (failure) => (failure ? reject(failure) : resolve()));
    }).finally(() => underWay--);
    return `${item} alone`;
  }
  const coalescer = new Coalescer<string, string>({
    fold: (earlier, later) => `${earlier}+${later}`,
    async flush(items) {
      begun.push(...items.map((item) => `flush: ${item}`));
      await turn();
      return items.map((item) => (item.startsWith('x') ? null : `${item} taken`));
    },
    ...{ batch, alone },
  });
  const put = (key: string, item: string) => coalescer.put(key, item, goAlone);
  /** Ends the work on an item that went alone, once it has begun. */
  const end = async (item: string, failure?: Error) => {
    await expect.poll(() => ends.has(item), { interval: 1 }).toBe(true);
    ends.get(item)!(failure);
  };
  /** Resolves once all that was put before has been flushed, unless it is held back. */
  const flushed = () => put('witness', 'witness');
  return { coalescer, begun, put, end, flushed, mostAlone: () => mostAlone };
}

describe('what has to go alone', () => {
  test('is no more at once than may be, however many batches it is of, and goes in its order', async () => {
    const { put, end, flushed, begun, mostAlone } = open({ batch: 3, alone: 5 });
    const items = Array.from({ length: 20 }, (_, index) => `x${index}`);

    const answers = items.map((item) => put(item, item));
    await flushed();
    for (const item of items) await end(item);

    expect(await Promise.all(answers)).toEqual(items.map((item) => `${item} alone`));
    expect(mostAlone()).toBe(5);
    expect(begun.filter((way) => way.startsWith('alone'))).toEqual(items.map((item) => `alone: ${item}`));
  });

  test.for(['x later', 'later'])('holds back what its key says meanwhile: %s', async (later) => {
    const { put, end, flushed, begun } = open({ alone: 1 });

    const first = put('first', 'x first');
    const waiting = put('key', 'x earlier');
    await flushed();
    const second = put('key', later);
    const third = put('key', 'last');
    await flushed();
    const folded = `${later}+last`;
    expect(begun).not.toContain(`flush: ${folded}`);

    await end('x first');
    await end('x earlier');
    if (later.startsWith('x')) await end(folded);
    expect(await first).toBe('x first alone');
    expect(await waiting).toBe('x earlier alone');
    const answer = `${folded} ${later.startsWith('x') ? 'alone' : 'taken'}`;
    expect(await Promise.all([second, third])).toEqual([answer, answer]);
  });

  test('holds back what its key said while the batch was under way', async () => {
    const { put, end, flushed, begun } = open();

    const earlier = put('key', 'x earlier');
    await turn();
    expect(begun).toEqual(['flush: x earlier']);
    const later = put('key', 'later');
    await flushed();
    expect(begun).not.toContain('flush: later');

    await end('x earlier');
    expect(await Promise.all([earlier, later])).toEqual(['x earlier alone', 'later taken']);
  });

  test('gives its place to the next where it fails', async () => {
    const { put, end } = open({ alone: 1 });

    const answers = [put('a', 'x a'), put('b', 'x b'), put('a', 'more')].map((answer) => answer.catch(String));
    await end('x a+more', new Error('gone'));
    await end('x b');

    expect(await Promise.all(answers)).toEqual(['Error: gone', 'x b alone', 'Error: gone']);
  });

  test('holds up nobody else', async () => {
    const { put, end, flushed } = open({ alone: 1 });
    const slow = put('slow', 'x slow');
    await flushed();
    expect(await put('other', 'other')).toBe('other taken');
    await end('x slow');
    await slow;
  });
});

test('close resolves when also what was held back is answered', async () => {
  const { put, end, flushed, coalescer } = open({ alone: 1 });
  const answered: string[] = [];
  void put('key', 'x earlier').then((answer) => answered.push(answer));
  await flushed();
  void put('key', 'later').then((answer) => answered.push(answer));

  const closed = coalescer.close();
  await end('x earlier');
  await closed;

  expect(answered).toEqual(['x earlier alone', 'later taken']);
});
