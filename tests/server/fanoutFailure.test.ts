import { strict as assert } from 'node:assert';
import { text } from 'node:stream/consumers';
import { assertObjectType, defaultFieldResolver, type FormattedExecutionResult } from 'graphql';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { UnavailableError } from '../../src/domain/errors.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { startApp } from '../support/app.js';
import { SECRET } from '../support/probe.js';
import { close, subscribe } from '../support/subscriber.js';
import { open, posted, send, transports } from '../support/wire.js';

const schema = buildSchema();
let app: Awaited<ReturnType<typeof startApp>>;
/** What making a result of a batch fails with; null: it does not. */
let fault: (() => Error) | null = null;
let attempts = 0;

beforeAll(async () => {
  const field = assertObjectType(schema.getType('LogBatch')).getFields().caughtUp;
  assert(field);
  const { resolve = defaultFieldResolver } = field;
  field.resolve = (...parameters) => {
    attempts += 1;
    if (fault) throw fault();
    return resolve(...parameters);
  };
  app = await startApp({ schema });
});
afterEach(() => {
  fault = null;
});
afterAll(async () => {
  await app.close();
  // A clock that a server goes by is never put back.
  vi.restoreAllMocks();
});

const LOG = { query: 'subscription { log { position caughtUp } }' };
const OUTAGE_MS = 30_000;

async function start(): Promise<number> {
  const [result] = await transports.HTTP(app.url, { query: 'mutation { startSession(input: {}) { position } }' });
  return (result?.data?.startSession as { position: number }).position;
}

/** The log over an event stream, from where it has begun. */
async function stream(lastEventId?: number) {
  const headers = { accept: 'text/event-stream', ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) };
  const response = await open(app.url, posted(LOG, headers));
  const stream = { response, text: '' };
  response.on('data', (chunk: Buffer) => (stream.text += chunk.toString()));
  await expect.poll(() => stream.text).toContain('event: next');
  return stream;
}

it('a result that the database failed is made as soon as it can be', async () => {
  const [socket, events] = [await subscribe(app.url, LOG), await stream()];
  fault = () => new UnavailableError({ reason: 'unreachable' });
  attempts = 0;
  const position = await start();
  await expect.poll(() => attempts).toBeGreaterThan(1);
  fault = null;

  const result = `{"data":{"log":{"position":${position},"caughtUp":true}}}`;
  await expect.poll(() => socket.payloads.at(-1)).toBe(result);
  await expect.poll(() => events.text).toContain(`id: ${position}\ndata: ${result}\n\n`);
  expect(socket.payloads).toHaveLength(2);
  events.response.destroy();
  close([socket]);
});

it('an outage that lasts ends subscriptions, so that their clients go on from before the value', async () => {
  const [socket, events] = [await subscribe(app.url, LOG), await stream()];
  const ended = text(events.response);
  const [, had] = /^id: (\d+)$/m.exec(events.text) ?? [];
  fault = () => new UnavailableError({ reason: 'unreachable' });
  attempts = 0;
  const position = await start();
  await expect.poll(() => attempts).toBeGreaterThan(0);
  const now = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => now() + OUTAGE_MS + 1);
  await ended;
  await expect.poll(() => socket.messages).toHaveLength(2);

  const [error] = (JSON.parse(socket.messages[1] ?? '') as { payload: { extensions: object }[] }).payload;
  expect(socket.messages[1]).toContain('"type":"error"');
  expect(error?.extensions).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
  // A stream that says no more than that is one to which every EventSource returns.
  expect(events.text).toMatch(/\n\n: unavailable for the moment\n\n$/);
  expect(events.text.match(/^event: /gm)).toHaveLength(1);

  fault = null;
  const again = await stream(Number(had));
  expect(again.text).toContain(`id: ${position}\n`);
  again.response.destroy();
  close([socket]);
});

it('a fault of ours shows nothing of the inside to any of those who share it', async () => {
  const [socket, other, events] = [await subscribe(app.url, LOG), await subscribe(app.url, LOG), await stream()];
  fault = () => new Error(SECRET);
  attempts = 0;
  await start();
  await expect.poll(() => [socket, other].map(({ payloads }) => payloads.length)).toEqual([2, 2]);
  await expect.poll(() => events.text.match(/^data: .+\n\n/gm)).toHaveLength(2);
  expect(attempts).toBe(1);

  const { text: answer } = await send(app.url, posted({ query: '{ log { position caughtUp } }' }));
  const shared = [socket, other].map(({ payloads }) => payloads[1] ?? '');
  const [, streamed = ''] = events.text.match(/(?<=^data: ).+(?=\n\n)/gm) ?? [];
  expect(new Set([...shared, streamed]).size).toBe(1);
  for (const result of [...shared, streamed, answer]) {
    const [error, ...rest] = (JSON.parse(result) as FormattedExecutionResult).errors ?? [];
    expect(rest).toEqual([]);
    expect(Object.keys(error ?? {}).toSorted()).toEqual(['extensions', 'locations', 'message', 'path']);
    expect(error?.message).toBe('Internal server error');
    expect(Object.keys(error?.extensions ?? {}).toSorted()).toEqual(['code', 'requestId', 'retryable']);
    expect(result).not.toContain(SECRET);
  }
  events.response.destroy();
  close([socket, other]);
});
