import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { GroupQueue } from '../../src/store/groupQueue.js';
import { race } from '../support/race.js';

/** A queue whose groups end when the test says so; what is of a session that begins with «x» is not written. */
function open() {
  const begun: string[] = [];
  const ends: ((failure?: Error) => void)[] = [];
  const queue = new GroupQueue<{ sessionId: string }, bigint>(async (items) => {
    begun.push(items.map(({ sessionId }) => sessionId).join());
    await new Promise<void>((resolve, reject) => {
      ends.push((failure) => (failure ? reject(failure) : resolve()));
    });
    return items.map(({ sessionId }, index) => (sessionId.startsWith('x') ? null : BigInt(index)));
  });
  const put = (sessionId: string, { events = 1, bytes = 10 } = {}) => queue.put({ sessionId }, { events, bytes });
  const putAll = (sessionIds: string) => Promise.all(Array.from(sessionIds, (sessionId) => put(sessionId)));
  return { queue, begun, put, putAll, end: (failure?: Error) => ends.shift()!(failure) };
}

describe('appends that are put', () => {
  test('at once go together, each with its own answer', async () => {
    const { begun, putAll, end } = open();
    const answers = putAll('axb');
    await turn();
    end();

    expect(await answers).toEqual([0n, null, 2n]);
    expect(begun).toEqual(['a,x,b']);
  });

  test('while two statements are under way go together in the next one', async () => {
    const { begun, put, putAll, end } = open();
    const first = put('a');
    await turn();
    const second = put('b');
    await turn();
    const third = putAll('cd');
    await turn();
    expect(begun).toEqual(['a', 'b']);

    end();
    await first;
    expect(begun).toEqual(['a', 'b', 'c,d']);
    end();
    end();
    await Promise.all([second, third]);
  });

  test('to one session wait for one another, and hold up no others', async () => {
    const { begun, put, putAll, end } = open();
    const first = putAll('aab');
    await turn();
    const second = put('c');
    await turn();

    expect(begun).toEqual(['a,b', 'c']);
    end();
    end();
    await second;
    await expect.poll(() => begun).toEqual(['a,b', 'c', 'a']);
    end();
    await first;
  });

  test('fill a statement by their events or by their bytes, in their order', async () => {
    const { begun, put, end } = open();
    const answers = [
      put('a', { events: 300 }),
      put('b', { events: 200 }),
      put('c', { events: 1, bytes: 4 * 1024 * 1024 }),
      put('d'),
      put('e', { events: 500 }),
      put('f', { events: 1 }),
    ];
    await turn();
    expect(begun).toEqual(['a,b', 'c']);

    end();
    end();
    await expect.poll(() => begun.slice(2)).toEqual(['d', 'e']);
    end();
    await expect.poll(() => begun.slice(4)).toEqual(['f']);
    end();
    end();
    await Promise.all(answers);
  });

  test('are refused together where their statement fails, and no others', async () => {
    const { put, end } = open();
    const first = race([put('a'), put('b')]);
    await turn();
    const second = put('c');
    await turn();
    end(new Error('gone'));
    end();

    expect(await first).toMatchObject({ won: [], lost: [{ message: 'gone' }, { message: 'gone' }] });
    expect(await second).toBe(0n);
  });

  test('are all answered before the queue is closed', async () => {
    const { queue, putAll, end } = open();
    const answered: string[] = [];
    const answers = putAll('ab').then(() => answered.push('first'));
    await turn();
    const more = putAll('a').then(() => answered.push('second'));
    const closed = queue.close().then(() => answered.push('closed'));
    end();
    await answers;
    await turn();
    end();
    await Promise.all([more, closed]);

    expect(answered).toEqual(['first', 'second', 'closed']);
    await queue.close();
  });
});
