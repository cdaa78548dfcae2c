import type { OutgoingHttpHeaders } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { App } from '../../src/app.js';
import { startApp } from '../support/app.js';
import { posted, send, type Answer } from '../support/wire.js';

const QUERY = '{ viewer { role } }';
const EXECUTED = '{"data":{"viewer":{"role":"ADMIN"}}}';

let app: App;

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const get = (headers: OutgoingHttpHeaders, query = QUERY): Promise<Answer> =>
  send(`${app.url}?query=${encodeURIComponent(query)}`, { headers });

function expectRefusal(answer: Answer, status: number): void {
  expect(answer.status).toBe(status);
  const { errors } = JSON.parse(answer.text) as { errors: { message: string; extensions: object }[] };
  expect(errors).toEqual([
    { message: expect.any(String) as unknown, extensions: { code: 'BAD_REQUEST', retryable: false } },
  ]);
}

describe('a page of another site', () => {
  const foreign = 'https://evil.example';

  it.each([
    ['text/plain', JSON.stringify({ query: QUERY })],
    ['text/plain; application/json', JSON.stringify({ query: QUERY })],
    ['application/x-www-form-urlencoded', `query=${encodeURIComponent(QUERY)}`],
    ['application/graphql', QUERY],
    [
      'multipart/form-data; boundary=b',
      '--b\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{}\r\n--b--\r\n',
    ],
  ])('cannot have a body of %s carried out, which it could send unasked', async (type, body) => {
    expectRefusal(await send(app.url, { method: 'POST', headers: { 'content-type': type }, body }), 415);
  });

  it('cannot have a body without a type carried out', async () => {
    expectRefusal(await send(app.url, { method: 'POST', body: JSON.stringify({ query: QUERY }) }), 415);
  });

  it.each([{ origin: foreign }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }])(
    'cannot have a request carried out that its browser sends with %j',
    async (headers) => {
      expectRefusal(await send(app.url, posted({ query: QUERY }, headers)), 403);
      expectRefusal(await get({ ...headers, accept: 'text/event-stream' }), 403);
    },
  );

  it('is granted nothing when its browser asks in advance', async () => {
    const answer = await send(app.url, {
      method: 'OPTIONS',
      headers: { origin: foreign, 'access-control-request-method': 'POST' },
    });
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('cannot have a query by GET carried out, for which its browser asks nobody', async () => {
    expectRefusal(await get({}), 400);
    expectRefusal(await get({ accept: 'application/json' }), 400);
  });

  it('cannot keep a WebSocket', async () => {
    const socket = new WebSocket(app.url.replace(/^http/, 'ws'), 'graphql-transport-ws', { origin: foreign });
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(4403);
  });

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io:4000'])(
    'cannot reach the server under the name %s',
    async (host) => expectRefusal(await send(app.url, posted({ query: QUERY }, { host })), 403),
  );
});

describe('who may call', () => {
  it('is a program, which has no origin', async () => {
    expect(await send(app.url, posted({ query: QUERY }))).toMatchObject({ status: 200, text: EXECUTED });
  });

  it.each(['localhost', '127.0.0.1', '[::1]'])('is whoever calls the loopback %s', async (host) => {
    expect(await send(app.url, posted({ query: QUERY }, { host: `${host}:4000` }))).toMatchObject({ text: EXECUTED });
  });

  it('is a page of this server', async () => {
    const headers = { origin: new URL(app.url).origin, 'sec-fetch-site': 'same-origin' };
    expect(await send(app.url, posted({ query: QUERY }, headers))).toMatchObject({ text: EXECUTED });
  });

  it.each(['x-requested-with', 'apollo-require-preflight', 'x-graphql-csrf', 'x-graphql-yoga-csrf'])(
    'is a GET request with the header %s, which no foreign page can set',
    async (name) => expect(await get({ [name]: '1' })).toMatchObject({ status: 200, text: EXECUTED }),
  );

  it('is an EventSource, which cannot set headers', async () => {
    const answer = await get({ accept: 'text/event-stream' });
    expect(answer.text).toContain(`event: next\ndata: ${EXECUTED}\n\nevent: complete\ndata:\n\n`);
  });

  it('is nobody with a mutation by GET', async () => {
    const mutation = 'mutation { startSession(input: { agentName: "by-get" }) { session { id } } }';
    for (const headers of [{ 'x-requested-with': 'test' }, { accept: 'text/event-stream' }]) {
      const answer = await get(headers, mutation);
      expect(answer.status).toBe(405);
      expect(answer.text).toContain('BAD_REQUEST');
    }
    const query = '{ session(by: { agentName: "by-get" }) { id } }';
    expect(await send(app.url, posted({ query }))).toMatchObject({ text: '{"data":{"session":null}}' });
  });
});
