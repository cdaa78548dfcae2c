import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.js';
import { startApp } from '../support/app.js';
import { probe } from '../support/probe.js';
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
