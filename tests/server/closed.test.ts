// A server as it stands on a network: what it shows to whoever has a key, and to whoever has none.
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.js';
import { startApp } from '../support/app.js';
import { asks, bearer, type Ask } from '../support/credential.js';
import { posted, send, type Answer } from '../support/wire.js';

const ADMIN_KEY = 'an-admin-key-of-this-very-test-0123456789';
const VIEWER = { query: '{ viewer { role } }' };
const FRIEND = 'https://app.example';

let app: App;
let metricsUrl: string;
const logged: { address?: string; msg: string }[] = [];

beforeAll(async () => {
  const env = {
    LIFELINE_AUTH: 'required',
    LIFELINE_ADMIN_KEY: ADMIN_KEY,
    LIFELINE_CORS_ORIGINS: FRIEND,
    LIFELINE_ALLOWED_HOSTS: 'lifeline.example',
    LIFELINE_TRUST_PROXY: '127.0.0.1,10.0.0.0/8',
  };
  const log = pino({ level: 'info' }, { write: (line) => logged.push(JSON.parse(line) as (typeof logged)[number]) });
  app = await startApp({ env, log, metricsPort: '0' });
  [metricsUrl = ''] = /http:\S+\/metrics/.exec(logged.map(({ msg }) => msg).join('\n')) ?? [];
});
afterAll(() => app.close());

describe.each(Object.entries(asks))('over %s', (_, ask: Ask) => {
  it.each([
    ['the schema', '{ __schema { description } }'],
    ['a type', '{ __type(name: "Session") { name } }'],
  ])('a key does not open %s', async (_name, query) => {
    const reply = await ask(app.url, { query }, bearer(ADMIN_KEY));
    const { errors = [], data } = 'result' in reply ? reply.result : {};
    expect(data ?? null).toBeNull();
    expect(new Set(errors.map(({ extensions }) => extensions?.code))).toEqual(new Set(['GRAPHQL_VALIDATION_FAILED']));
  });

  it.each([
    ['a field', '{ viewr { role } }'],
    ['an argument', '{ sessions(frist: 1) { totalCount } }'],
    ['a type', '{ node(id: "x") { ... on Sesion { id } } }'],
    ['an enum', '{ approvals(status: PENDNG) { totalCount } }'],
    ['an input field', '{ session(by: { agentNam: "x" }) { id } }'],
    ['an enum in a variable', 'query ($s: ApprovalStatus) { approvals(status: $s) { totalCount } }', { s: 'PENDNG' }],
    ['an input field in a variable', 'query ($by: SessionRef!) { session(by: $by) { id } }', { by: { agentNam: 'x' } }],
  ])('nothing is suggested for %s that is almost right', async (_name, query, variables?: Record<string, unknown>) => {
    const reply = await ask(app.url, { query, variables }, bearer(ADMIN_KEY));
    const text = JSON.stringify(reply);
    expect(text).toContain('"errors"');
    expect(text).not.toMatch(/did you mean/i);
    expect(text).not.toMatch(/\bviewer\b|\bfirst\b|\bSession\b|\bPENDING\b|\bagentName\b/);
  });
});

describe('a page of an origin that is let in', () => {
  it('may call and read, and no other may', async () => {
    const headers = { origin: FRIEND, authorization: `Bearer ${ADMIN_KEY}` };
    const answer = await send(app.url, posted(VIEWER, headers));
    expect(answer).toMatchObject({ status: 200, text: '{"data":{"viewer":{"role":"ADMIN"}}}' });
    expect(answer.headers).toMatchObject({ 'access-control-allow-origin': FRIEND, vary: 'origin' });
    for (const origin of ['https://app.example.evil.example', 'http://app.example', `${FRIEND}:8443`, 'null']) {
      const refused = await send(app.url, posted(VIEWER, { ...headers, origin }));
      expect(refused.status).toBe(403);
      expect(corsOf(refused)).toEqual([]);
    }
  });

  it('is answered in advance, without a credential, and never asked for one that the browser keeps', async () => {
    const headers = {
      origin: FRIEND,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    };
    const answer = await send(app.url, { method: 'OPTIONS', headers });
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-origin']).toBe(FRIEND);
    expect(answer.headers['access-control-allow-headers']).toMatch(/\bauthorization, content-type\b/);
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
    expect(corsOf(await send(app.url, { method: 'OPTIONS', headers: { ...headers, origin: 'null' } }))).toEqual([]);
  });

  it('can read why it was refused', async () => {
    const answer = await send(app.url, posted(VIEWER, { origin: FRIEND }));
    expect(answer).toMatchObject({ status: 401, headers: { 'access-control-allow-origin': FRIEND } });
  });
});

const corsOf = ({ headers }: Answer): string[] =>
  Object.keys(headers).filter((name) => name.startsWith('access-control'));

it.each([
  ['lifeline.example', 200],
  ['LIFELINE.example:8443', 200],
  ['localhost:4000', 200],
  ['evil.example', 403],
  ['lifeline.example.evil.example', 403],
  ['lifeline.example@evil.example', 403],
])('under the name %s the server answers with %i', async (host, status) => {
  const answer = await send(app.url, posted(VIEWER, { host, authorization: `Bearer ${ADMIN_KEY}` }));
  expect(answer.status).toBe(status);
});

it.each([
  ['', '127.0.0.1'],
  ['192.0.2.1', '192.0.2.1'],
  ['192.0.2.1, 10.1.2.3', '192.0.2.1'],
  ['203.0.113.9, 192.0.2.1', '192.0.2.1'],
  ['192.0.2.1, nonsense', '127.0.0.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8::1'],
])('of x-forwarded-for %j no more is believed than trusted proxies say: %s', async (forwarded, address) => {
  logged.length = 0;
  await send(app.url, posted(VIEWER, forwarded ? { 'x-forwarded-for': forwarded } : {}));
  expect(logged).toMatchObject([{ msg: 'a credential was refused', address }]);
});

describe('where no proxy is trusted', () => {
  it('nobody gives himself another address', async () => {
    const lines: { address?: string }[] = [];
    const log = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line) as { address?: string }) });
    await using untrusting = await startApp({ env: { LIFELINE_AUTH: 'required', LIFELINE_ADMIN_KEY: ADMIN_KEY }, log });
    lines.length = 0;
    await send(untrusting.url, posted(VIEWER, { 'x-forwarded-for': '192.0.2.1' }));
    expect(lines).toMatchObject([{ address: '127.0.0.1' }]);
  });
});

describe('GraphiQL', () => {
  const page = { headers: { accept: 'text/html' } };

  it('is not served unless it is asked for, and then asks with the key that its user sets', async () => {
    expect((await send(app.url, page)).text).not.toContain('<html');
    const env = { LIFELINE_AUTH: 'required', LIFELINE_ADMIN_KEY: ADMIN_KEY, LIFELINE_GRAPHIQL: 'on' };
    await using shown = await startApp({ env });
    const answer = await send(shown.url, page);
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'text/html' } });
    // Headers go with event streams, and not with WebSockets.
    expect(answer.text).toMatch(/"subscriptionsProtocol":"SSE"/);
    expect(answer.text).not.toContain(ADMIN_KEY);
  });

  it('is served where no key is needed, unless it is switched off', async () => {
    await using usual = await startApp();
    expect((await send(usual.url, page)).text).toMatch(/"subscriptionsProtocol":"WS"/);
    await using off = await startApp({ env: { LIFELINE_GRAPHIQL: 'off' } });
    expect((await send(off.url, page)).text).not.toContain('<html');
  });
});

it('the metrics tell nobody a secret', async () => {
  const made = await asks.HTTP(
    app.url,
    { query: 'mutation { createApiKey(input: { name: "whose", role: AGENT }) { secret } }' },
    bearer(ADMIN_KEY),
  );
  const { secret } = (made as { result: { data: { createApiKey: { secret: string } } } }).result.data.createApiKey;
  for (const key of [secret, `${secret.slice(0, -2)}zz`]) await asks.HTTP(app.url, VIEWER, bearer(key));
  const { status, text } = await send(metricsUrl);
  expect(status).toBe(200);
  for (const part of [secret.slice(-20), ADMIN_KEY, 'llk_', 'whose', 'postgresql:']) expect(text).not.toContain(part);
});
