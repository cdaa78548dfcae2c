import { strict as assert } from 'node:assert';
import { text } from 'node:stream/consumers';
import { EventSource } from 'eventsource';
import { assertObjectType, type GraphQLSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { App } from '../../src/app.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { KEEP_ALIVE_MS } from '../../src/server/limits.js';
import { eventSource } from '../clients/eventSource.js';
import { startApp } from '../support/app.js';
import { bearer, headersOf } from '../support/credential.js';
import { createDatabase } from '../support/postgres.js';
import { probe } from '../support/probe.js';
import { openRelay } from '../support/relay.js';
import { open, posted, send, transports } from '../support/wire.js';

const { schema, now } = probe();
let app: App;

beforeAll(async () => {
  app = await startApp({ schema });
});
afterAll(() => app.close());

const ENDLESS = { query: 'subscription { probeEndless }' };

describe('an event stream', () => {
  it('asks everything between server and client neither to keep nor to collect it', async () => {
    const stream = await open(app.url, posted(ENDLESS, { accept: 'text/event-stream' }));
    expect(stream.statusCode).toBe(200);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    stream.destroy();
  });

  it('gives its subscription up when the client leaves', async () => {
    const stream = await open(app.url, posted(ENDLESS, { accept: 'text/event-stream' }));
    await expect.poll(() => now.streaming).toBeGreaterThan(0);
    stream.destroy();
    await expect.poll(() => now.streaming).toBe(0);
  });

  it('is what a subscription is answered with where the client accepts anything', async () => {
    const query = 'subscription { probeFault(after: 1) }';
    expect(await send(app.url, posted({ query }))).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/event-stream; charset=utf-8' },
    });
    expect(await send(app.url, posted({ query }, { accept: 'application/json' }))).toMatchObject({ status: 406 });
  });

  it('is not what a query is answered with where the client accepts JSON as well', async () => {
    const accept = 'application/graphql-response+json, application/json, text/event-stream';
    const answer = await send(app.url, posted({ query: '{ __typename }' }, { accept }));
    expect(answer).toMatchObject({ status: 200, text: '{"data":{"__typename":"Query"}}' });
  });

  it('gives each durable message its position as id, and goes on after it', async () => {
    const start = 'mutation { startSession(input: {}) { position } }';
    const [first] = await transports.HTTP(app.url, { query: start });
    const { position } = first?.data?.startSession as { position: number };
    await transports.HTTP(app.url, { query: start });

    const query = 'subscription { log(after: 0) { position events { position } } }';
    const stream = await open(app.url, posted({ query }, { accept: 'text/event-stream', 'last-event-id': position }));
    let text = '';
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await expect.poll(() => text).toMatch(/^data: .*\n\n/m);
    stream.destroy();

    expect(text).toMatch(/^retry: \d{3}\n/m);
    const [, id, data = ''] = /^id: (.*)\ndata: (.*)$/m.exec(text) ?? [];
    const { log } = (JSON.parse(data) as { data: { log: { position: number; events: { position: number }[] } } }).data;
    expect(log.events[0]?.position).toBe(position + 1);
    expect(id).toBe(String(log.position));
  });

  it('names the position also where the client does not ask for it, or under another name', async () => {
    const [started] = await transports.HTTP(app.url, {
      query: 'mutation { startSession(input: {}) { session { id } position } }',
    });
    const { position, session } = started?.data?.startSession as { position: number; session: { id: string } };
    for (const selection of ['to', 'position: to', 'where: position to']) {
      const query = `subscription { sessionTransitioned(after: ${position - 1}) { ${selection} } }`;
      const stream = await open(app.url, posted({ query }, { accept: 'text/event-stream' }));
      let text = '';
      stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await expect.poll(() => text).toMatch(/^data: .*\n\n/m);
      stream.destroy();
      expect(/^id: (.*)$/m.exec(text)?.[1], `${session.id} by ${selection}`).toBe(String(position));
    }
  });
});

describe('an event stream whose client does not read', () => {
  const EVENT_BYTES = 250_000;
  const EVENTS = 80;

  /** The real schema, which tells how many subscriptions to the log begin and end. */
  function counted(tell: (change: 1 | -1) => void): GraphQLSchema {
    const counting = buildSchema();
    const { log } = assertObjectType(counting.getType('Subscription')).getFields();
    assert(log?.subscribe);
    const { subscribe } = log;
    log.subscribe = async (...parameters) => {
      const batches = (await subscribe(...parameters)) as AsyncGenerator<unknown, void, void>;
      tell(1);
      const values = {
        next: () => batches.next(),
        return() {
          tell(-1);
          return batches.return();
        },
      };
      return { ...values, [Symbol.asyncIterator]: () => values };
    };
    return counting;
  }

  it('is cut off once signs of life have waited for it, and no other is', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    let streaming = 0;
    await using server = await startApp({ schema: counted((change) => (streaming += change)) });
    const ask = async (query: string, variables = {}) =>
      (await transports.HTTP(server.url, { query, variables }))[0]?.data as Record<string, { position: number }>;
    const { startSession } = await ask('mutation { startSession(input: {}) { position session { id } } }');
    const { session } = startSession as unknown as { session: { id: string } };
    const events = [{ type: 'PROGRESS', data: { text: 'x'.repeat(EVENT_BYTES) } }];
    const input = { sessionId: session.id, events };
    const APPEND = 'mutation ($input: AppendEventsInput!) { appendEvents(input: $input) { position } }';
    let head = 0;
    for (let count = 0; count < EVENTS; count++) head = (await ask(APPEND, { input })).appendEvents?.position ?? 0;

    const query = 'subscription { log(after: 0) { events { data } position } }';
    const follow = () => open(server.url, posted({ query }, { accept: 'text/event-stream' }));
    const [idle, reader] = [await follow(), await follow()];
    let read = '';
    reader.on('data', (chunk: Buffer) => (read = (read + chunk.toString()).slice(-100)));
    await expect.poll(() => read).toMatch(new RegExp(`"position":${head}}}}\\n\\n$`));
    expect(streaming).toBe(2);

    await expect
      .poll(() => {
        vi.advanceTimersByTime(KEEP_ALIVE_MS);
        return streaming;
      })
      .toBe(1);
    await expect(text(idle)).rejects.toThrow('aborted');
    read = '';
    vi.advanceTimersByTime(KEEP_ALIVE_MS);
    await expect.poll(() => read).toBe(':\n\n');
    reader.destroy();
  });
});

describe('a plain EventSource that comes back while the database is away', () => {
  const START = 'mutation { startSession(input: {}) { session { id } position } }';
  interface Started {
    session: { id: string };
    position: number;
  }

  it('is not turned away, and goes on once that is back, with nothing lost or repeated', async () => {
    await using database = await createDatabase();
    await using wayToDatabase = await openRelay(database.url);
    await using server = await startApp({ databaseUrl: wayToDatabase.url });
    await using writer = await startApp({ databaseUrl: database.url });
    await using wayToServer = await openRelay(server.url);
    const start = async () => {
      const [result] = await transports.HTTP(writer.url, { query: START });
      return result?.data?.startSession as Started;
    };
    const { session } = await start();

    let opened = 0;
    class Counted extends EventSource {
      constructor(...parameters: ConstructorParameters<typeof EventSource>) {
        super(...parameters);
        this.addEventListener('open', () => (opened += 1));
      }
    }
    await using client = eventSource(Counted)(wayToServer.url);
    const heard = { log: [] as number[], shown: [] as string[], others: [] as unknown[] };
    const subscribe = (query: string, variables: object, next: (data: never) => void) =>
      client.subscribe(
        { query, variables: { ...variables } },
        {
          next,
          refused: (errors) => heard.others.push(errors),
          completed: () => heard.others.push('completed'),
        },
      );
    const LOG = 'subscription { log(after: 0) { events { position } } }';
    subscribe(LOG, {}, ({ log }: { log: { events: Started[] } }) =>
      heard.log.push(...log.events.map(({ position }) => position)),
    );
    // Unlike the log it reads before it begins.
    const SESSION = 'subscription ($id: ID!) { session(id: $id) { title } }';
    subscribe(SESSION, session, ({ session }: { session: { title: string } }) => heard.shown.push(session.title));
    await expect.poll(() => [heard.log.length, heard.shown.length]).toEqual([1, 1]);

    wayToDatabase.lead('postgres://127.0.0.1:1');
    wayToDatabase.cut();
    const before = opened;
    wayToServer.cut();
    // Both have come back more than once: what they found did not make them give up.
    await expect.poll(() => opened).toBeGreaterThanOrEqual(before + 6);
    expect([heard.log.length, heard.shown.length]).toEqual([1, 1]);
    const { position } = await start();
    wayToDatabase.lead(database.url);

    await expect.poll(() => heard.log).toEqual(Array.from({ length: position }, (_, index) => index + 1));
    await expect.poll(() => heard.shown.length).toBe(2);
    expect(heard.others).toEqual([]);
  });
});

describe('a client whose key cannot be looked up, since the database is away', () => {
  it('is not turned away by an event stream, but told when to return', async () => {
    const admin = bearer('an-admin-key-of-this-very-test-0123456789');
    const env = { LIFELINE_AUTH: 'required', LIFELINE_ADMIN_KEY: 'an-admin-key-of-this-very-test-0123456789' };
    await using database = await createDatabase();
    await using way = await openRelay(database.url);
    await using server = await startApp({ databaseUrl: way.url, env });
    await using other = await startApp({ databaseUrl: database.url, env });
    const query = 'mutation { createApiKey(input: { name: "key", role: OBSERVER }) { secret } }';
    const made = JSON.parse((await send(other.url, posted({ query }, headersOf(admin)))).text) as {
      data: { createApiKey: { secret: string } };
    };
    const headers = headersOf(bearer(made.data.createApiKey.secret));
    const ask = (accept: string) => send(server.url, posted(ENDLESS, { ...headers, accept }));

    way.lead('postgres://127.0.0.1:1');
    way.cut();
    const stream = await ask('text/event-stream');
    expect(stream).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
    expect(stream.text).toMatch(/^:\n\nretry: \d{3}\n: unavailable for the moment\n\n$/);
    for (const accept of ['application/json', 'application/json, text/event-stream', '*/*']) {
      expect(await ask(accept)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    }
    way.lead(database.url);
    await expect.poll(async () => (await ask('application/json')).status).toBe(200);
  });
});
