// Whatever subscribers begin is given back when they leave, by whatever way they do.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { assertObjectType, defaultFieldResolver } from 'graphql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Context } from '../../src/graphql/context.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { startApp } from '../support/app.js';
import { bytesHeld } from '../support/memory.js';
import { acknowledged } from '../support/subscriber.js';
import { open, posted, transports } from '../support/wire.js';

// As many at once as one caller may have.
const SOCKETS = 20;
const EACH = 50;
const WAVES = 10;
const STREAMS = 100;
// The engine's own; each subscription that stayed would take thousands of bytes.
const NOISE_BYTES = 5_000_000;

let app: Awaited<ReturnType<typeof startApp>>;
let context: Context;
let variables: Record<string, unknown>;

beforeAll(async () => {
  const schema = buildSchema();
  const field = assertObjectType(schema.getType('Viewer')).getFields().name;
  assert(field);
  const { resolve = defaultFieldResolver } = field;
  field.resolve = (source, args, given: Context, info) => {
    context = given;
    return resolve(source, args, given, info);
  };
  app = await startApp({ schema, env: { LIFELINE_RATE_PER_SECOND: '100000' } });
  const start = 'mutation { startSession(input: {}) { session { id } } createRun(input: {}) { run { id } } }';
  const [begun] = await transports.HTTP(app.url, { query: start });
  await transports.HTTP(app.url, { query: '{ viewer { name } }' });
  const { startSession, createRun } = begun?.data as { startSession: { session: object }; createRun: { run: object } };
  variables = { session: idIn(startSession.session), run: idIn(createRun.run) };
});
afterAll(() => app.close());

const idIn = (node: object) => (node as { id: string }).id;

/** Those that say something at once, and those that wait in silence. */
const TELLING = [
  'log { position }',
  'log(after: 0) { events { id } }',
  'session(id: $session) { id }',
  'run(id: $run) { id }',
];
const SILENT = [
  'sessionTransitioned { to }',
  'sessionHeartbeat { at }',
  'approvals { id }',
  'signals(sessionId: $session) { id }',
];
const FIELDS = [...TELLING, ...SILENT];

function operation(index: number) {
  const field = FIELDS[index % FIELDS.length] ?? '';
  const used = Object.keys(variables).filter((name) => field.includes(`$${name}`));
  const declared = used.map((name) => `$${name}: ID!`).join(', ');
  return { query: `subscription ${declared && `(${declared})`} { ${field} }`, variables };
}

const followers = () => {
  const { store, caller } = context;
  return store.tail(caller.projectId).followers + store.board(caller.projectId).followers;
};

/** As many as a caller may have, on several sockets: half of them are completed, the others cut off. */
async function openAndDropSockets(): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => acknowledged(app.url)));
  sockets.forEach((socket) => {
    for (let id = 0; id < EACH; id++) {
      socket.send(JSON.stringify({ id: String(id), type: 'subscribe', payload: operation(id) }));
    }
  });
  await expect.poll(followers, { interval: 10 }).toBe(SOCKETS * EACH);
  sockets.forEach((socket, index) => {
    if (index % 2 === 0) return socket.terminate();
    for (let id = 0; id < EACH; id++) socket.send(JSON.stringify({ id: String(id), type: 'complete' }));
  });
  await expect.poll(followers, { interval: 10 }).toBe(0);
  const closed = sockets
    .filter(({ readyState, CLOSED }) => readyState !== CLOSED)
    .map((socket) => once(socket, 'close'));
  sockets.forEach((socket) => socket.close());
  await Promise.all(closed);
}

async function openAndDropStreams(): Promise<void> {
  const streams: IncomingMessage[] = await Promise.all(
    Array.from({ length: STREAMS }, (_, index) =>
      open(app.url, posted(operation(index), { accept: 'text/event-stream' })),
    ),
  );
  streams.forEach((stream) => stream.on('error', () => undefined).resume());
  await expect.poll(followers, { interval: 10 }).toBe(STREAMS);
  for (const stream of streams) stream.destroy();
  await expect.poll(followers, { interval: 10 }).toBe(0);
}

/** What keeps this process alive, by kind: timers, sockets, servers. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
function listeners(): Record<string, number> {
  return Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]));
}
const more = (now: Record<string, number>, before: Record<string, number>) =>
  Object.entries(now).filter(([kind, count]) => count > (before[kind] ?? 0));

it('10,000 subscriptions and hundreds of event streams leave nothing behind', { timeout: 120_000 }, async () => {
  // What is made once and kept.
  await openAndDropSockets();
  await openAndDropStreams();
  const before = { resources: resources(), listeners: listeners(), bytes: await bytesHeld() };

  for (let wave = 0; wave < WAVES; wave++) await openAndDropSockets();
  for (let wave = 0; wave < 3; wave++) await openAndDropStreams();

  // Connections to the database come and go.
  await expect.poll(() => more(resources(), before.resources)).toEqual([]);
  expect(more(listeners(), before.listeners)).toEqual([]);
  const bytes = await bytesHeld();
  expect(bytes - before.bytes).toBeLessThan(NOISE_BYTES);
});
