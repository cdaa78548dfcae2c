import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Coalescer } from '../../src/store/coalescer.js';

interface Item {
  key: string;
  text: string;
}

/**
 * A coalescer whose work is done when the test says so; an item that begins with «x» has to go alone. Keys may name a realm:
 * «r/a».
 */
function open({ batch = 1_000, batches = 1, alone = 5, hold = false } = {}) {
  const begun: string[] = [];
  const ends = new Map<string, (failure?: Error) => void>();
  let mostAlone = 0;
  let underWay = 0;

  const ended = (work: string) =>
    new Promise<void>((resolve, reject) => {
      ends.set(work, (failure) => (failure ? reject(failure) : resolve()));
    });
  async function goAlone({ text }: Item): Promise<string> {
    begun.push(`alone: ${text}`);
    mostAlone = Math.max(mostAlone, ++underWay);
    await ended(text).finally(() => underWay--);
    return `${text} alone`;
  }
  const coalescer = new Coalescer<Item, string>({
    realmOf: ({ key }) => path.dirname(key),
    keyOf: ({ key }) => path.basename(key),
    fold: (earlier, later) => ({ ...later, text: `${earlier.text}+${later.text}` }),
    async flush(items) {
      const texts = items.map(({ text }) => text);
      begun.push(...texts.map((text) => `flush: ${text}`));
      await (hold ? ended(texts.join()) : turn());
      return texts.map((text) => (text.startsWith('x') ? null : `${text} taken`));
    },
    ...{ batch, batches, alone },
  });
  const putAll = (items: [key: string, text: string][]) =>
    coalescer.put(
      items.map(([key, text]) => ({ key, text })),
      goAlone,
    );
  const put = async (key: string, text: string) => {
    const [outcome] = await putAll([[key, text]]);
    if (outcome?.status === 'rejected') throw outcome.reason;
    return outcome!.value;
  };
  /** Ends the work on an item that went alone, or on a batch that is held, once it has begun. */
  const end = async (work: string, failure?: Error) => {
    await expect.poll(() => ends.has(work), { interval: 1 }).toBe(true);
    ends.get(work)!(failure);
  };
  /** Resolves once all that was put before has been flushed, unless it is held back. */
  const flushed = () => put('witness', 'witness');
  return { coalescer, begun, put, putAll, end, flushed, mostAlone: () => mostAlone };
}

describe('what is put together', () => {
  test('is answered together, each item on its own and in its place', async () => {
    const { putAll, end } = open();
    const outcomes = putAll([
      ['a', 'a'],
      ['b', 'x b'],
      ['c', 'x c'],
      ['a', 'more'],
    ]);
    await end('x c', new Error('gone'));
    await end('x b');

    expect(await outcomes).toMatchObject([
      { value: 'a+more taken' },
      { value: 'x b alone' },
      { reason: { message: 'gone' } },
      { value: 'a+more taken' },
    ]);
    expect(await putAll([])).toEqual([]);
  });

  test('is folded where realm and key are the same, and not where only the key is', async () => {
    const { begun, putAll } = open();
    const outcomes = await putAll([
      ['r/a', 'one'],
      ['s/a', 'another'],
      ['r/a', 'more'],
    ]);

    expect(outcomes).toMatchObject([
      { value: 'one+more taken' },
      { value: 'another taken' },
      { value: 'one+more taken' },
    ]);
    expect(begun).toEqual(['flush: one+more', 'flush: another']);
  });

  test('is refused together where its batch fails, and nothing else', async () => {
    const { put, putAll, end } = open({ batch: 2, hold: true });
    const outcomes = putAll([
      ['a', 'a'],
      ['b', 'b'],
      ['c', 'c'],
    ]);
    await end('a,b', new Error('gone'));
    await end('c');

    expect(await outcomes).toMatchObject([
      { reason: { message: 'gone' } },
      { reason: { message: 'gone' } },
      { value: 'c taken' },
    ]);
    const next = put('a', 'again');
    await end('again');
    expect(await next).toBe('again taken');
  });
});

describe('a batch', () => {
  test('goes beside others where it is full, as many at once as may be', async () => {
    const { begun, put, end, putAll } = open({ batch: 2, batches: 2, hold: true });
    const few = putAll([['a', 'a']]);
    await turn();
    const many = putAll(['b', 'c', 'd', 'e', 'f'].map((key) => [key, key]));
    await turn();
    expect(begun).toEqual(['a', 'b', 'c'].map((text) => `flush: ${text}`));

    await end('b,c');
    await expect.poll(() => begun.slice(3)).toEqual(['flush: d', 'flush: e']);
    await end('d,e');
    await turn();
    expect(begun).not.toContain('flush: f');
    await end('a');
    await end('f');
    expect(await Promise.all([few, many])).toMatchObject([
      [{ value: 'a taken' }],
      ['b', 'c', 'd', 'e', 'f'].map((text) => ({ value: `${text} taken` })),
    ]);
    const last = put('a', 'last');
    await end('last');
    await last;
  });

  test('holds nothing of a key that another one is under way with', async () => {
    const { begun, putAll, end } = open({ batch: 2, batches: 2, hold: true });
    const first = putAll([
      ['a', 'a1'],
      ['b', 'b1'],
    ]);
    await turn();
    const second = putAll([
      ['a', 'a2'],
      ['c', 'c2'],
      ['d', 'd2'],
      ['a', 'a3'],
    ]);
    await end('c2,d2');
    await turn();
    expect(begun).toEqual(['a1', 'b1', 'c2', 'd2'].map((text) => `flush: ${text}`));

    await end('a1,b1');
    await end('a2+a3');
    expect(await first).toMatchObject([{ value: 'a1 taken' }, { value: 'b1 taken' }]);
    expect((await second).map((outcome) => outcome.status === 'fulfilled' && outcome.value)).toEqual([
      'a2+a3 taken',
      'c2 taken',
      'd2 taken',
      'a2+a3 taken',
    ]);
  });
});

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
