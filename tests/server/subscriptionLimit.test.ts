import { once } from 'node:events';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { App } from '../../src/app.js';
import { startApp } from '../support/app.js';
import { probe } from '../support/probe.js';
import { posted, send } from '../support/wire.js';

const PER_CALLER = 60;
const PER_SOCKET = 40;
const env = { LIFELINE_MAX_SUBSCRIPTIONS: `${PER_CALLER}`, LIFELINE_MAX_SUBSCRIPTIONS_PER_SOCKET: `${PER_SOCKET}` };
const { schema, now } = probe();
let app: App;

beforeAll(async () => {
  app = await startApp({ schema, env, log: pino({ level: 'silent' }) });
});
afterAll(() => app.close());

interface Message {
  readonly id?: string;
  readonly type: string;
  readonly payload?: { extensions: object }[];
}

const ENDLESS = 'subscription { probeEndless }';
const REFUSED = { code: 'RATE_LIMITED', retryable: true, retryAfterMs: 1000 };

/** A socket that has been let in, and what is subscribed to on it. */
async function connect() {
  const socket = new WebSocket(app.url.replace(/^http/, 'ws'), 'graphql-transport-ws');
  await once(socket, 'open');
  const received: Message[] = [];
  socket.on('message', (data: Buffer) => received.push(JSON.parse(data.toString()) as Message));
  socket.send('{"type":"connection_init"}');
  await expect.poll(() => received).toHaveLength(1);
  return {
    socket,
    subscribe: (id: string, query = ENDLESS) =>
      socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query } })),
    refusalOf: (id: string) =>
      received.find((message) => message.id === id && message.type === 'error')?.payload?.[0]?.extensions,
    hasEnded: (id: string) => received.some((message) => message.id === id && message.type !== 'next'),
  };
}

it('a caller’s subscriptions are bounded, each refused alone, and leave room when they end', async () => {
  const { socket, subscribe, refusalOf, hasEnded } = await connect();
  const other = await connect();

  for (let i = 0; i < PER_SOCKET; i++) subscribe(`s${i}`);
  await expect.poll(() => now.streaming).toBe(PER_SOCKET);
  subscribe('too many for a socket');
  await expect.poll(() => refusalOf('too many for a socket')).toEqual(REFUSED);

  for (let i = PER_SOCKET; i < PER_CALLER; i++) other.subscribe(`s${i}`);
  await expect.poll(() => now.streaming).toBe(PER_CALLER);
  other.subscribe('too many for a caller');
  await expect.poll(() => other.refusalOf('too many for a caller')).toEqual(REFUSED);
  const stream = await send(app.url, posted({ query: ENDLESS }, { accept: 'text/event-stream' }));
  expect(stream.status).toBe(429);
  expect(stream.text).toContain('"code":"RATE_LIMITED"');
  expect(now.streaming).toBe(PER_CALLER);

  // What cannot begin, or breaks, takes no place; and one that ends gives its own back.
  socket.send('{"id":"s0","type":"complete"}');
  await expect.poll(() => now.streaming).toBe(PER_CALLER - 1);
  for (const name of ['invalid', 'again invalid']) {
    subscribe(name, 'subscription { session(id: "nobody") { id } }');
    await expect.poll(() => hasEnded(name)).toBe(true);
  }
  for (const name of ['faulty', 'again faulty']) {
    subscribe(name, 'subscription { probeFault(after: 1) }');
    await expect.poll(() => hasEnded(name)).toBe(true);
  }
  subscribe('back again');
  await expect.poll(() => now.streaming).toBe(PER_CALLER);
  socket.terminate();
  other.socket.terminate();
  await expect.poll(() => now.streaming).toBe(0);
});
