import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.js';
import { BODY_MAX_BYTES } from '../../src/server/limits.js';
import { startApp } from '../support/app.js';
import { createDatabase } from '../support/postgres.js';
import { posted, send } from '../support/wire.js';

let app: App;

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const beside = (path: string): string => new URL(path, app.url).href;

describe('a browser', () => {
  const navigation = { accept: 'text/html,application/xhtml+xml', 'sec-fetch-mode': 'navigate' };

  it('gets GraphiQL', async () => {
    const answer = await send(app.url, { headers: navigation });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('text/html');
    expect(answer.headers['x-frame-options']).toBe('DENY');
    expect(answer.text).toContain('<title>Lifeline</title>');
  });

  it('gets it whole: it loads nothing, and may load nothing, from another host', async () => {
    const { headers, text } = await send(app.url, { headers: navigation });
    const [, style = ''] = /<style>([^]*?)<\/style>/.exec(text) ?? [];
    const markup = text.replaceAll(/<(script|style)>[^]*?<\/\1>/g, '');
    const references = Array.from(markup.matchAll(/\b(?:src|href)="([^"]*)"/g), ([, url]) => url);
    expect(references).toEqual([expect.stringMatching(/^data:/)]);
    expect(style).not.toMatch(/@import|url\((?!["']?data:)/);
    // What its scripts could ask for is the browser's to refuse: no source is the name of a host.
    const policy = String(headers['content-security-policy']).split('; ');
    expect(policy).toContain("default-src 'none'");
    for (const rule of policy) expect(rule).toMatch(/^[a-z-]+( '[a-z-]+'| blob:| data:)+$/);
  });

  it('gets it by a link of another site too', async () => {
    const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'cross-site' };
    expect(await send(app.url, { headers })).toMatchObject({ status: 200 });
  });
});

describe('health', () => {
  it('is live and ready while the database answers', async () => {
    expect(await send(beside('/health/live'))).toMatchObject({ status: 200, text: '{"status":"ok"}' });
    const { status, text } = await send(beside('/health/ready'));
    expect(status).toBe(200);
    const rest = { migrations: 'ok', tailLag: 0, watchdogSeconds: null };
    expect(JSON.parse(text)).toEqual({ status: 'ok', database: 'ok', bus: 'ok', ...rest });
  });

  it('is degraded, and yet ready, without its Redis', async () => {
    await using other = await startApp({ redisUrl: 'redis://127.0.0.1:1' });
    expect(await send(new URL('/health/ready', other.url).href)).toMatchObject({
      status: 200,
      text: expect.stringContaining('{"status":"degraded","database":"ok","bus":"degraded"') as string,
    });
  });

  it('is not ready, but live, without its database', async () => {
    await using database = await createDatabase();
    await using other = await startApp({ databaseUrl: database.url });
    await database.drop();
    expect(await send(new URL('/health/ready', other.url).href)).toMatchObject({
      status: 503,
      text: expect.stringContaining('{"status":"unavailable","database":"unavailable","bus":"ok"') as string,
    });
    expect(await send(new URL('/health/live', other.url).href)).toMatchObject({ status: 200 });
  });
});

describe('a request', () => {
  const padded = (bytes: number): string => {
    const frame = { query: '{ __typename }', variables: { pad: '' } };
    return JSON.stringify({ ...frame, variables: { pad: 'x'.repeat(bytes - JSON.stringify(frame).length) } });
  };
  const json = { 'content-type': 'application/json' };
  const tooLarge = { code: 'REQUEST_ENTITY_TOO_LARGE', retryable: false };

  it('may be as large as the limit', async () => {
    const answer = await send(app.url, { method: 'POST', headers: json, body: padded(BODY_MAX_BYTES) });
    expect(answer).toMatchObject({ status: 200, text: '{"data":{"__typename":"Query"}}' });
  });

  it.each([{ 'content-length': BODY_MAX_BYTES + 1 }, { 'transfer-encoding': 'chunked' }])(
    'that is larger is refused, announced by %j',
    async (announced) => {
      const headers = { ...json, ...announced };
      const answer = await send(app.url, { method: 'POST', headers, body: padded(BODY_MAX_BYTES + 1) });
      expect(answer.status).toBe(413);
      expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ extensions: tooLarge }] });
    },
  );

  it('that is no JSON is refused, without a word of the parser', async () => {
    const answer = await send(app.url, { method: 'POST', headers: json, body: '{"query": ' });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toEqual({
      errors: [{ message: 'POST body sent invalid JSON.', extensions: { code: 'BAD_REQUEST', retryable: false } }],
    });
  });

  it('that is compressed is refused, and never unpacked', async () => {
    const body = gzipSync(JSON.stringify({ query: '{ __typename }' }));
    const answer = await send(app.url, { method: 'POST', headers: { ...json, 'content-encoding': 'gzip' }, body });
    expect(answer).toMatchObject({ status: 415 });
  });

  it('with several operations in a list is refused', async () => {
    const body = JSON.stringify([{ query: '{ __typename }' }, { query: '{ __typename }' }]);
    const answer = await send(app.url, { method: 'POST', headers: json, body });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({
      errors: [{ extensions: { code: 'BAD_REQUEST', retryable: false } }],
    });
  });

  it('for another path is told where GraphQL is', async () => {
    const answer = await send(beside('/'), posted({ query: '{ __typename }' }));
    expect(answer.status).toBe(404);
    expect(answer.text).toContain('/graphql');
  });
});

describe('a server', () => {
  it('says that its port is in use', async () => {
    const { port } = new URL(app.url);
    await expect(startApp({ port })).rejects.toThrow(`Port ${port} of 127.0.0.1 is in use by another program.`);
  });
});
