import { once } from 'node:events';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { App } from '../../src/app.js';
import { BODY_MAX_BYTES, INIT_WAIT_MS } from '../../src/server/limits.js';
import { startApp } from '../support/app.js';
import { probe } from '../support/probe.js';
import { webSocketClient } from '../support/wire.js';

const { schema, now } = probe();
const lines: string[] = [];
let app: App;

beforeAll(async () => {
  app = await startApp({ schema, log: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }) });
});
afterAll(() => app.close());

/** An acknowledged socket on which a test may send anything. */
async function connect(): Promise<WebSocket> {
  const socket = new WebSocket(app.url.replace(/^http/, 'ws'), 'graphql-transport-ws');
  await once(socket, 'open');
  socket.send('{"type":"connection_init"}');
  await once(socket, 'message');
  return socket;
}

const subscribe = (id: string, query: string): string => JSON.stringify({ id, type: 'subscribe', payload: { query } });

describe('a WebSocket', () => {
  it('keeps its other operations when one fails', async () => {
    const socket = await connect();
    const received: { id: string; type: string }[] = [];
    socket.on('message', (data: Buffer) => received.push(JSON.parse(data.toString()) as { id: string; type: string }));
    socket.send(subscribe('endless', 'subscription { probeEndless }'));
    socket.send(subscribe('unreadable', '{ viewer('));
    socket.send(subscribe('invalid', '{ noSuchField }'));
    socket.send(subscribe('faulty', 'subscription { probeFault(after: 0) }'));
    socket.send(subscribe('sound', '{ __typename }'));
    await expect
      .poll(() => received.map(({ id, type }) => `${id} ${type}`).sort())
      .toEqual(['endless next', 'faulty error', 'invalid error', 'sound complete', 'sound next', 'unreadable error']);
    expect(socket.readyState).toBe(WebSocket.OPEN);
    socket.terminate();
  });

  it('tells what is refused before it begins by `error`, and what fails later in a result', async () => {
    const socket = await connect();
    const received: { id: string; type: string; payload: unknown }[] = [];
    socket.on('message', (data: Buffer) => received.push(JSON.parse(data.toString()) as (typeof received)[number]));
    socket.send(subscribe('variable', 'query ($id: ID!) { session(by: { id: $id }) { id } }'));
    socket.send(subscribe('nobody', 'subscription { session(id: "nobody") { id } }'));
    socket.send(
      subscribe('nothing', 'mutation { endSession(input: { sessionId: "x", reason: FINISHED }) { position } }'),
    );
    await expect
      .poll(() => received.map(({ id, type }) => `${id} ${type}`).sort())
      .toEqual(['nobody error', 'nothing complete', 'nothing next', 'variable error']);
    const codes = { nobody: 'NOT_FOUND', variable: 'BAD_USER_INPUT' };
    for (const { id, payload } of received.filter(({ type }) => type === 'error')) {
      expect(payload).toMatchObject([{ extensions: { code: codes[id as keyof typeof codes] } }]);
    }
    socket.terminate();
  });

  it('is closed where it does not say whom it stands for', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const socket = new WebSocket(app.url.replace(/^http/, 'ws'), 'graphql-transport-ws');
    const closed = once(socket, 'close');
    await once(socket, 'open');
    vi.advanceTimersByTime(INIT_WAIT_MS);
    const [code] = (await closed) as [number];
    expect(code).toBe(4408);
  });

  it('gives its subscriptions up when the client completes them', async () => {
    const client = webSocketClient(app.url);
    const results = client.iterate({ query: 'subscription { probeEndless }' });
    await results.next();
    const open = now.streaming;
    await results.return?.();
    await expect.poll(() => now.streaming).toBe(open - 1);
    await client.dispose();
  });

  it('gives its subscriptions up when the client vanishes', async () => {
    await expect.poll(() => now.streaming).toBe(0);
    const socket = await connect();
    socket.send(subscribe('1', 'subscription { probeEndless }'));
    await once(socket, 'message');
    expect(now.streaming).toBe(1);
    socket.terminate();
    await expect.poll(() => now.streaming).toBe(0);
  });

  it.each([
    ['no JSON', 'hello', 4400],
    ['a message of a type that only servers send', '{"id":"1","type":"next","payload":{}}', 4400],
    ['a second connection_init', '{"type":"connection_init"}', 4429],
    ['a message over the limit', ' '.repeat(BODY_MAX_BYTES + 1), 1009],
  ])('is closed by %s, and the log stays quiet', async (_case, message, code) => {
    lines.length = 0;
    const socket = await connect();
    socket.send(message);
    const [closed] = (await once(socket, 'close')) as [number];
    expect(closed).toBe(code);
    expect(lines).toEqual([]);
  });

  it('is opened on the path of GraphQL only', async () => {
    const socket = new WebSocket(new URL('/elsewhere', app.url).href.replace(/^http/, 'ws'), 'graphql-transport-ws');
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('404');
  });
});
