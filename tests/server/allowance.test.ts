// What each caller may ask of a server: how often, and by how many WebSockets.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { App } from '../../src/app.js';
import { startApp } from '../support/app.js';
import { asks, bearer, headersOf } from '../support/credential.js';
import { posted, send } from '../support/wire.js';

const ADMIN = bearer('an-admin-key-of-this-very-test-0123456789');
const VIEWER = { query: '{ viewer { name } }' };
const PER_SECOND = 2;
const BURST = PER_SECOND * 5;
const MAX_SOCKETS = 3;
const MAX_ADDRESS_SOCKETS = 5;

let app: App;

beforeAll(async () => {
  // Nothing is granted while requests are under way, however long that takes.
  vi.useFakeTimers({ toFake: ['performance'] });
  app = await startApp({
    env: {
      LIFELINE_AUTH: 'required',
      LIFELINE_ADMIN_KEY: 'an-admin-key-of-this-very-test-0123456789',
      LIFELINE_RATE_PER_SECOND: `${PER_SECOND}`,
      LIFELINE_MAX_SOCKETS: `${MAX_SOCKETS}`,
      LIFELINE_MAX_SOCKETS_PER_ADDRESS: `${MAX_ADDRESS_SOCKETS}`,
      LIFELINE_TRUST_PROXY: '127.0.0.1',
    },
  });
});
afterAll(async () => {
  vi.useRealTimers();
  await app.close();
});

const CREATE = 'mutation { createApiKey(input: { name: "same", role: OBSERVER }) { secret } }';

/** A key that has asked for nothing yet; all of them have one name. */
async function newKey() {
  // The admin's own allowance is as small.
  vi.advanceTimersByTime(1_000);
  const reply = await asks.HTTP(app.url, { query: CREATE }, ADMIN);
  if (!('result' in reply)) throw new Error('no key was made');
  return bearer((reply.result.data as { createApiKey: { secret: string } }).createApiKey.secret);
}

interface Message {
  id?: string;
  type: string;
  payload?: { extensions: object }[];
}

/** A WebSocket that a proxy says to come from this address. */
const from = (address: string) =>
  new WebSocket(app.url.replace(/^http/, 'ws'), 'graphql-transport-ws', { headers: { 'x-forwarded-for': address } });

async function connect(key: object, address = '127.0.0.1') {
  const socket = from(address);
  const received: Message[] = [];
  socket.on('message', (data: Buffer) => received.push(JSON.parse(data.toString()) as Message));
  const closed = once(socket, 'close').then(([code]) => code as number);
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: key }));
  return { socket, received, closed };
}

describe('a caller that asks too often', () => {
  it('is told by HTTP when to come again, and others are not held up', async () => {
    const [key, other] = [await newKey(), await newKey()];
    const ask = (credential: object) => send(app.url, posted(VIEWER, headersOf(credential)));
    const answers = await Promise.all(Array.from({ length: BURST * 3 }, () => ask(key)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(BURST);
    expect(refused).toHaveLength(BURST * 2);
    for (const { headers, text } of refused) {
      const { errors } = JSON.parse(text) as { errors: [{ extensions: { retryAfterMs: number } }] };
      expect(errors[0].extensions).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
      expect(errors[0].extensions.retryAfterMs).toBeLessThanOrEqual(1000 / PER_SECOND);
      expect(headers['retry-after']).toBe('1');
    }
    expect((await ask(other)).status).toBe(200);
  });

  it('is told so by an event stream', async () => {
    const headers = { ...headersOf(await newKey()), accept: 'text/event-stream' };
    const ask = () => send(app.url, posted(VIEWER, headers));
    const answers = await Promise.all(Array.from({ length: BURST * 3 }, ask));
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.headers['retry-after']).toBe('1');
    expect(refused?.text).toContain('"code":"RATE_LIMITED"');
  });

  it('is refused that operation alone on a WebSocket', async () => {
    const { socket, received } = await connect(await newKey());
    await expect.poll(() => received).toHaveLength(1);
    for (let id = 0; id < BURST * 3; id++) {
      socket.send(JSON.stringify({ id: String(id), type: 'subscribe', payload: VIEWER }));
    }
    const ended = () => received.filter(({ type }) => type === 'complete' || type === 'error');
    await expect.poll(ended).toHaveLength(BURST * 3);
    const refused = ended().filter(({ type }) => type === 'error');
    expect(refused).toHaveLength(BURST * 2);
    for (const { payload } of refused) {
      expect(payload?.[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
    }
    expect(socket.readyState).toBe(socket.OPEN);
    socket.terminate();
  });
});

describe('WebSockets', () => {
  it('are so many for each caller, and leave room when they close', async () => {
    const key = await newKey();
    const sockets = [];
    for (let i = 0; i < MAX_SOCKETS; i++) sockets.push(await connect(key));
    for (const { received } of sockets) await expect.poll(() => received).toHaveLength(1);
    expect(await (await connect(key)).closed).toBe(1013);

    const other = await connect(await newKey());
    await expect.poll(() => other.received).toHaveLength(1);
    sockets[0]?.socket.close();
    await sockets[0]?.closed;
    const again = await connect(key);
    await expect.poll(() => again.received).toHaveLength(1);
    for (const { socket, closed } of [...sockets, other, again]) {
      socket.terminate();
      await closed;
    }
  });

  it('are so many from each address, whoever opens them', async () => {
    const [here, there] = ['198.51.100.1', '198.51.100.2'];
    const nameless = Array.from({ length: MAX_ADDRESS_SOCKETS }, () => from(here));
    await Promise.all(nameless.map((socket) => once(socket, 'open')));
    const one = from(here).on('error', () => undefined);
    const [, { statusCode, headers }] = (await once(one, 'unexpected-response')) as [unknown, IncomingMessage];
    expect([statusCode, headers['retry-after']]).toEqual([429, '1']);
    const elsewhere = await connect(await newKey(), there);
    await expect.poll(() => elsewhere.received).toHaveLength(1);
    for (const socket of [...nameless, elsewhere.socket]) socket.terminate();
  });
});
