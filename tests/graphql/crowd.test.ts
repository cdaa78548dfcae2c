// What equal subscribers ask of the database: as much as one of them would.
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openDatabase } from '../../src/database/client.js';
import { encodeId } from '../../src/domain/id.js';
import { createStore } from '../../src/store/createStore.js';
import { endSession } from '../../src/store/session.js';
import type { Session, Store } from '../../src/store/store.js';
import { openGraphql, type TestGraphql, type Watched } from '../support/graphql.js';

const SUBSCRIBERS = 100;

let graphql: TestGraphql;
/** Writes by a way whose statements are not counted. */
let writer: Store;
let session: Session;

beforeAll(async () => {
  // What is read is fresh for a while: all of them come within it.
  vi.useFakeTimers({ toFake: ['performance'] });
  graphql = await openGraphql();
  const database = openDatabase(graphql.url, { poolSize: 2 });
  writer = await createStore({ database, bus: graphql.store.bus, log: pino({ level: 'silent' }) });
});
afterAll(async () => {
  vi.useRealTimers();
  await writer.close();
  await writer.database.close();
  await graphql[Symbol.asyncDispose]();
});

async function crowd(document: string): Promise<Watched[]> {
  session = await graphql.start(graphql.caller);
  const after = Number((await graphql.log(graphql.caller)).at(-1)?.position) - 1;
  const variables = { id: encodeId('Session', session.id), after };
  return Promise.all(Array.from({ length: SUBSCRIBERS }, () => graphql.watch(document, variables)));
}

/** The next of each, and how many statements it took that read this table. */
async function next(streams: readonly Watched[], table: string, act = async (): Promise<unknown> => undefined) {
  graphql.statements.length = 0;
  const all = Promise.all(streams.map(async (stream) => (await stream.next()).value as unknown));
  await act();
  const values = await all;
  const count = graphql.statements.filter((sql) => new RegExp(`FROM .*\\b${table}\\b`).test(sql)).length;
  return { values, count };
}

const end = () => endSession(writer, graphql.caller, { sessionId: session.id, reason: 'FINISHED', outcome: 'SUCCESS' });

it.each([
  [
    'sessionTransitioned',
    'subscription ($after: SafeInt) { sessionTransitioned(after: $after) { to session { id } } }',
    { sessionTransitioned: { to: 'BOOTING' } },
    { sessionTransitioned: { to: 'COMPLETED' } },
  ],
  [
    'session',
    'subscription ($id: ID!) { session(id: $id) { state } }',
    { session: { state: 'BOOTING' } },
    { session: { state: 'COMPLETED' } },
  ],
])('100 equal subscribers of %s cause one statement for each change', async (_name, document, first, second) => {
  const streams = await crowd(document);
  const begun = await next(streams, 'sessions');
  const gone = await next(streams, 'sessions', end);

  for (const value of begun.values) expect(value).toMatchObject(first);
  for (const value of gone.values) expect(value).toMatchObject(second);
  expect([begun.count, gone.count]).toEqual([1, 1]);
  await Promise.all(streams.map((stream) => stream.return()));
});

it('100 equal subscribers of log cause one statement for all that is there, and none for what comes', async () => {
  const streams = await crowd('subscription ($after: SafeInt) { log(after: $after) { position events { type } } }');
  const begun = await next(streams, 'events');
  const gone = await next(streams, 'events', end);

  for (const value of begun.values) expect(value).toMatchObject({ log: { events: [{ type: 'SESSION_STARTED' }] } });
  for (const value of gone.values) expect(value).toMatchObject({ log: { events: [{ type: 'SESSION_ENDED' }] } });
  // Those of the one reader of the log, which also looks by itself once a second, come on top.
  for (const { count } of [begun, gone]) expect(count).toBeLessThan(SUBSCRIBERS / 2);
  await Promise.all(streams.map((stream) => stream.return()));
});
