import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Door, type Taker } from '../src/door.js';

/** Keeps what it is handed, and has it in hand until it is told to go on. */
class Hand implements Taker {
  readonly taken: Socket[] = [];
  #settle: { take: () => void; fail: () => void } | null = null;

  take(socket: Socket): Promise<void> {
    this.taken.push(socket);
    return new Promise((resolve, reject) => {
      this.#settle = { take: resolve, fail: () => reject(new Error('gone')) };
    });
  }
  confirm(): void {
    this.#settle?.take();
  }
  fail(): void {
    this.#settle?.fail();
  }
}

describe('the door', () => {
  let door: Door;
  let port: number;
  const clients: Socket[] = [];
  beforeEach(async () => {
    door = new Door();
    port = Number(new URL(await door.open('127.0.0.1', 0)).port);
  });
  afterEach(async () => {
    await door.close();
    for (const client of clients.splice(0)) client.destroy();
  });

  async function enter(): Promise<Socket> {
    const client = connect(port, '127.0.0.1');
    client.on('error', () => undefined);
    clients.push(client);
    await once(client, 'connect');
    return client;
  }
  const counts = (...hands: Hand[]) => hands.map(({ taken }) => taken.length);

  it('hands connections to those who have nothing in hand, in turn', async () => {
    const [one, other] = [new Hand(), new Hand()];
    for (const hand of [one, other]) door.add(hand);
    await enter();
    await expect.poll(() => counts(one, other)).toEqual([1, 0]);
    await enter();
    await expect.poll(() => counts(one, other)).toEqual([1, 1]);
    one.confirm();
    await enter();
    await expect.poll(() => counts(one, other)).toEqual([2, 1]);
    one.confirm();
    await enter();
    await expect.poll(() => counts(one, other)).toEqual([3, 1]);
  });

  it('has a connection wait until somebody can take it', async () => {
    await enter();
    const hand = new Hand();
    door.add(hand);
    await expect.poll(() => counts(hand)).toEqual([1]);
    await enter();
    await enter();
    hand.confirm();
    await expect.poll(() => counts(hand)).toEqual([2]);
    hand.confirm();
    await expect.poll(() => counts(hand)).toEqual([3]);
  });

  it('hands what one has not come to take to another, and nothing more to one that has left', async () => {
    const [one, other] = [new Hand(), new Hand()];
    const leave = door.add(one);
    await enter();
    await expect.poll(() => counts(one)).toEqual([1]);
    leave();
    one.fail();
    door.add(other);
    await expect.poll(() => counts(other)).toEqual([1]);
    expect(other.taken).toEqual(one.taken);
    other.confirm();
    await enter();
    await expect.poll(() => counts(one, other)).toEqual([1, 2]);
  });

  it('has read nothing of what it hands over', async () => {
    const hand = new Hand();
    door.add(hand);
    const client = await enter();
    client.write('hello');
    await expect.poll(() => counts(hand)).toEqual([1]);
    const [socket] = hand.taken as [Socket];
    expect(socket.bytesRead).toBe(0);
    expect(String((await once(socket.resume(), 'data'))[0])).toBe('hello');
  });

  it('ends those that wait when it closes, and takes no more', async () => {
    const client = await enter();
    await door.close();
    await once(client, 'close');
    const late = connect(port, '127.0.0.1');
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });
});
