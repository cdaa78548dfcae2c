import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { assertObjectType, defaultFieldResolver } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../src/graphql/context.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { startApp } from '../support/app.js';
import { bearer, headersOf } from '../support/credential.js';
import { close, subscribe, type Subscriber } from '../support/subscriber.js';
import { open, posted, send, transports } from '../support/wire.js';

const schema = buildSchema();
/** For whom a batch was looked at by GraphQL. */
const resolved: string[] = [];
let app: Awaited<ReturnType<typeof startApp>>;
let sessionId: string;

beforeAll(async () => {
  const field = assertObjectType(schema.getType('LogBatch')).getFields().caughtUp;
  assert(field);
  const { resolve = defaultFieldResolver } = field;
  field.resolve = (batch, args, context: Context, info) => {
    resolved.push(context.caller.name);
    return resolve(batch, args, context, info);
  };
  app = await startApp({ schema });
  sessionId = (await ask('mutation { startSession(input: {}) { session { id } } }')).startSession.session.id;
});
afterAll(() => app.close());

interface Data {
  startSession: { position: number; session: { id: string } };
  appendEvents: { position: number };
  createApiKey: { secret: string };
}

async function ask(query: string, variables: Record<string, unknown> = {}, url = app.url): Promise<Data> {
  const [result] = await transports.HTTP(url, { query, variables });
  return result?.data as unknown as Data;
}

const append = async (count = 1, text = ''): Promise<number> => {
  const events = Array.from({ length: count }, () => ({ type: 'PROGRESS', data: { text } }));
  const query = 'mutation ($input: AppendEventsInput!) { appendEvents(input: $input) { position } }';
  return (await ask(query, { input: { sessionId, events } })).appendEvents.position;
};

const LOG =
  'subscription ($after: SafeInt, $few: Boolean = false) { log(after: $after) { position caughtUp events @skip(if: $few) { position } } }';

const follow = (variables: Record<string, unknown> = {}, query = LOG, url = app.url): Promise<Subscriber> =>
  subscribe(url, { query, variables });

const positionsOf = ({ payloads }: Subscriber): number[] =>
  payloads.flatMap((payload) =>
    Array.from(payload.matchAll(/\{"position":(\d+)\}/g), ([, position]) => Number(position)),
  );
const headOf = ({ payloads }: Subscriber): number =>
  Number(/"log":\{"position":(\d+)/.exec(payloads.at(-1) ?? '')?.[1]);
const until = (subscribers: Subscriber[], position: number) =>
  expect.poll(() => subscribers.map(headOf)).toEqual(subscribers.map(() => position));

describe('equal operations', () => {
  it('are executed once for each batch, and are sent the same text', async () => {
    const subscribers = await Promise.all(Array.from({ length: 50 }, () => follow()));
    resolved.length = 0;
    await until(subscribers, await append());

    expect(resolved).toHaveLength(1);
    expect(new Set(subscribers.map(({ payloads }) => payloads.at(-1))).size).toBe(1);
    close(subscribers);
  });

  it('are equal also where they have begun at different positions', async () => {
    const head = await append(3);
    const subscribers = await Promise.all([0, 1, 2].map((back) => follow({ after: head - back })));
    resolved.length = 0;
    await until(subscribers, await append());

    expect(resolved).toHaveLength(1);
    expect(subscribers.map(positionsOf)).toEqual(
      [0, 1, 2].map((back) => Array.from({ length: back + 1 }, (_, index) => head - back + 1 + index)),
    );
    close(subscribers);
  });

  it('go to event streams as well, each message with its position', async () => {
    const socket = await follow();
    const stream = await open(app.url, posted({ query: LOG }, { accept: 'text/event-stream' }));
    let text = '';
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await expect.poll(() => text).toContain('event: next');
    resolved.length = 0;
    const position = await append();
    await until([socket], position);
    await expect.poll(() => text).toContain(`id: ${position}\ndata: ${socket.payloads.at(-1)}\n\n`);

    expect(resolved).toHaveLength(1);
    stream.destroy();
    close([socket]);
  });
});

describe('operations that differ', () => {
  const events = 'events @skip(if: $no) { session { id } }';
  const FIELD = `subscription ($no: Boolean = false) { log { position ${events} } }`;
  const SPREAD =
    'subscription ($yes: Boolean!) { log { position ...Rest @include(if: $yes) } } fragment Rest on LogBatch';
  const ARGUMENT =
    'subscription ($first: Int) { log { events { session { commands(first: $first) { totalCount } } } } }';
  const NAMED = 'subscription One { log { position } } subscription Two { log { caughtUp } }';
  const fragment = (fields: string) => `subscription { log { ...Same } } fragment Same on LogBatch { ${fields} }`;
  const log = (fields: string) => new RegExp(`^\\{"data":\\{"log":\\{${fields}\\}\\}\\}$`);

  it.each([
    ['a variable of @skip', [FIELD, { no: true }], log('"position":\\d+'), [FIELD], log('"position":\\d+,"events":.*')],
    [
      'a variable of @include, at a fragment',
      [`${SPREAD} { caughtUp }`, { yes: false }],
      log('"position":\\d+'),
      [`${SPREAD} { caughtUp }`, { yes: true }],
      log('"position":\\d+,"caughtUp":true'),
    ],
    ['a name', [NAMED, {}, 'One'], log('"position":\\d+'), [NAMED, {}, 'Two'], log('"caughtUp":true')],
    [
      'what a fragment of one name holds',
      [fragment('position')],
      log('"position":\\d+'),
      [fragment('caughtUp')],
      log('"caughtUp":true'),
    ],
    [
      'an alias',
      ['subscription { log { at: position } }'],
      log('"at":\\d+'),
      ['subscription { log { position } }'],
      log('"position":\\d+'),
    ],
    [
      'a variable of a field below, which is not valid for one of them',
      [ARGUMENT, { first: -1 }],
      /"errors":\[.*"code":"VALIDATION"/,
      [ARGUMENT, { first: 1 }],
      /"commands":\{"totalCount":0\}/,
    ],
  ] as const)('in %s get each its own', async (_how, one, ofOne, other, ofOther) => {
    const subscribers = await Promise.all(
      [one, other, one, other].map(([query, variables = {}, operationName]) =>
        subscribe(app.url, { query, variables, operationName }),
      ),
    );
    const before = subscribers.map(({ payloads }) => payloads.length);
    await append();
    const arrived = () => subscribers.every(({ payloads }, index) => payloads.length > (before[index] ?? 0));
    await expect.poll(arrived).toBe(true);
    const last = subscribers.map(({ payloads }) => payloads.at(-1));
    expect(last[0]).toMatch(ofOne);
    expect(last[1]).toMatch(ofOther);
    expect(last.slice(2)).toEqual(last.slice(0, 2));
    close(subscribers);
  });

  it('in their callers are executed for each of them', async () => {
    const key = await ask(`mutation { createApiKey(input: { name: "reader", role: OBSERVER }) { secret } }`);
    const subscribers = [
      await follow(),
      await subscribe(app.url, { query: LOG }, bearer(key.createApiKey.secret)),
      await follow(),
    ];
    resolved.length = 0;
    await until(subscribers, await append());

    expect(resolved.toSorted()).toEqual(['local', 'reader']);
    close(subscribers);
  });

  it('in their projects hear each of its own', async () => {
    await ask('mutation { createProject(input: { slug: "other", name: "Other" }) { project { id } } }');
    const own = await follow();
    const other = await subscribe(app.url, { query: LOG }, { project: 'other' });
    const headers = headersOf({ project: 'other' });
    const query = 'mutation { startSession(input: {}) { position } }';
    const started = JSON.parse((await send(app.url, posted({ query }, headers))).text) as { data: Data };
    const { position } = started.data.startSession;
    await until([other], position);
    const head = await append();
    await until([own], head);

    expect(positionsOf(other)).toEqual(Array.from({ length: position }, (_, index) => index + 1));
    expect(positionsOf(own)).toEqual([head]);
    close([own, other]);
  });
});

it('a subscriber that joins while others write has each event once and in order', async () => {
  const writing = Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let round = 0; round < 10; round++) await append(3);
    }),
  );
  const subscribers = await Promise.all(Array.from({ length: 20 }, () => follow({ after: 0 })));
  await writing;
  const head = await append();
  await until(subscribers, head);

  const whole = Array.from({ length: head }, (_, index) => index + 1);
  for (const each of subscribers) expect(positionsOf(each)).toEqual(whole);
  close(subscribers);
});

it('a server that closes sends what it has acknowledged before it says goodbye', async () => {
  await using own = await startApp();
  const subscribers = await Promise.all(Array.from({ length: 10 }, () => follow({}, LOG, own.url)));
  const goodbyes = Promise.all(subscribers.map(({ socket }) => once(socket, 'close')));
  const { position } = (await ask('mutation { startSession(input: {}) { position session { id } } }', {}, own.url))
    .startSession;
  await own.close();

  for (const [code] of (await goodbyes) as [number][]) expect(code).toBe(1001);
  expect(subscribers.map(headOf)).toEqual(subscribers.map(() => position));
});
