import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClientError, ConnectionError, createClient } from '../../src/client/client.js';
import { AppendEventsDocument, FindSessionDocument, PingDocument } from '../../src/client/operation.js';
import { startTarget, type Target } from '../support/imported.js';

const UNAVAILABLE = JSON.stringify({
  errors: [{ message: 'Away.', extensions: { code: 'UNAVAILABLE', retryable: true } }],
});
const PONG = JSON.stringify({ data: { project: { slug: 'default' } } });

/** A server that is not Lifeline; tells how often it was asked. */
async function serve(listener: RequestListener): Promise<{ url: string; asked(): number } & AsyncDisposable> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    listener(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    asked: () => requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a request to the server', () => {
  let target: Target;
  beforeAll(async () => {
    target = await startTarget();
  });
  afterAll(() => target[Symbol.asyncDispose]());

  it('answers with the data', async () => {
    expect(await target.client.request(FindSessionDocument, { externalId: 'nobody' })).toEqual({
      session: null,
      project: { logPosition: 0 },
    });
  });

  it('rejects with the errors and their codes where it is refused', async () => {
    const input = { sessionId: 'ses_none', events: [{ type: 'PROGRESS' as const }] };
    const refused = await target.client.request(AppendEventsDocument, { input }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ClientError);
    expect(refused).toMatchObject({
      code: 'NOT_FOUND',
      errors: [{ path: ['appendEvents'], extensions: { code: 'NOT_FOUND', ref: 'ses_none', retryable: false } }],
    });
    expect((refused as ClientError).message).toContain('ses_none');
  });

  it('rejects with the code of a variable of the wrong kind', async () => {
    const variables = { externalId: 1 as unknown as string };
    await expect(target.client.request(FindSessionDocument, variables)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    });
  });
});

describe('a request without an answer', () => {
  it('says which server it was that did not answer, and why', async () => {
    const gone = await serve(() => undefined);
    await gone[Symbol.asyncDispose]();
    const failure = await createClient({ url: gone.url })
      .request(PingDocument, {})
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConnectionError);
    expect((failure as Error).message).toMatch(`No answer came from ${gone.url}: connect ECONNREFUSED`);
  });

  it('is not repeated unless its caller says that it may be', async () => {
    await using server = await serve((_, response) => response.writeHead(503).end(UNAVAILABLE));
    const client = createClient({ url: server.url });
    await expect(client.request(PingDocument, {})).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(server.asked()).toBe(1);
  });

  it.each<[string, RequestListener]>([
    ['the server is unavailable', (_, response) => response.writeHead(503).end(UNAVAILABLE)],
    ['a proxy says so', (_, response) => response.writeHead(502).end('<h1>Bad Gateway</h1>')],
    ['the connection breaks off', (request) => request.socket.destroy()],
  ])('is repeated where it may be: %s', async (_, fail) => {
    await using server = await serve((request, response) => {
      if (server.asked() < 3) fail(request, response);
      else response.end(PONG);
    });
    const client = createClient({ url: server.url });
    expect(await client.request(PingDocument, {}, { repeatForMs: Infinity })).toEqual({ project: { slug: 'default' } });
    expect(server.asked()).toBe(3);
  });

  it('is not repeated for longer than its caller says', async () => {
    await using server = await serve((_, response) => response.writeHead(503).end(UNAVAILABLE));
    const client = createClient({ url: server.url });
    await expect(client.request(PingDocument, {}, { repeatForMs: 2_000 })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(server.asked()).toBeGreaterThan(1);
  });

  it('is not repeated where something else answers', async () => {
    await using server = await serve((_, response) => response.writeHead(404).end('<h1>Not here</h1>'));
    const client = createClient({ url: server.url });
    await expect(client.request(PingDocument, {}, { repeatForMs: Infinity })).rejects.toThrow(
      'with status 404, speaks no GraphQL',
    );
    expect(server.asked()).toBe(1);
  });

  it('ends with its signal, between two attempts too', async () => {
    const stopping = new AbortController();
    await using server = await serve((_, response) => response.writeHead(503).end(UNAVAILABLE, () => stopping.abort()));
    const client = createClient({ url: server.url });
    const options = { repeatForMs: Infinity, signal: stopping.signal };
    await expect(client.request(PingDocument, {}, options)).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('carries the headers of its client', async () => {
    await using server = await serve((request, response) => {
      const slug = `${request.headers.authorization} ${String(request.headers['x-lifeline-project'])}`;
      response.end(JSON.stringify({ data: { project: { slug } } }));
    });
    const headers = { authorization: 'Bearer key', 'x-lifeline-project': 'mine' };
    const client = createClient({ url: server.url, headers });
    expect(await client.request(PingDocument, {})).toEqual({ project: { slug: 'Bearer key mine' } });
  });
});
