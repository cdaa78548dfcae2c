// What many subscribers of one log cost, beside bare `ws` that broadcasts the same bytes: the time from commit to arrival,
// how many messages go out a second, and the memory of a subscription that waits. The server, PostgreSQL, the floor and this
// process, which writes and receives, are four processes on one machine.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { createClient } from '../src/client/client.js';
import { AppendEventsDocument, StartSessionDocument } from '../src/client/operation.js';
import { startEmbedded } from '../src/database/embedded.js';
import { serve } from '../tests/support/program.js';
import { query } from '../tests/support/sql.js';
import { runFloor } from './floor.js';
import { cpuOf, heapOf, inspected } from './process.js';

const SUBSCRIBERS = 1_000;
const SECONDS = 20;
// As many as one caller may have.
const IDLE = { sockets: 100, each: 10 };
const STARTS = 500;
// An agent's client sends what has gathered for some milliseconds.
const EVENTS_PER_CALL = 5;
const WRITERS = 8;

const LOG =
  'subscription ($after: SafeInt, $filter: LogFilter) { log(after: $after, filter: $filter) { position events { id position type level occurredAt data session { id } } } }';
const STARTED =
  'subscription ($after: SafeInt) { sessionTransitioned(after: $after) { position to session { id state } event { type } } }';

const now = (): number => performance.timeOrigin + performance.now();
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function percentiles(values: readonly number[]): Record<'p50' | 'p95' | 'p99', number> {
  const sorted = Float64Array.from(values).sort();
  const at = (part: number): number => sorted[Math.ceil(part * sorted.length) - 1] ?? NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
const told = (values: readonly number[]): string =>
  Object.entries(percentiles(values))
    .map(([name, value]) => `${name} ${value.toFixed(1)} ms`)
    .join('  ');

async function connect(url: string, count: number): Promise<WebSocket[]> {
  const sockets: WebSocket[] = [];
  for (let index = 0; index < count; index++) {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), 'graphql-transport-ws');
    await once(socket, 'open');
    sockets.push(socket);
  }
  return sockets;
}

/** Sockets of GraphQL that have been acknowledged. */
async function open(url: string, count: number): Promise<WebSocket[]> {
  const sockets = await connect(url, count);
  await Promise.all(
    sockets.map(async (socket) => {
      socket.send('{"type":"connection_init"}');
      await once(socket, 'message');
    }),
  );
  return sockets;
}

const subscribe = (socket: WebSocket, id: string, operation: object): void =>
  socket.send(JSON.stringify({ id, type: 'subscribe', payload: operation }));

/** Resolves when all sockets together have had so many messages; `take` sees each. */
function received(
  sockets: readonly WebSocket[],
  count: number,
  take: (data: Buffer, index: number) => number,
): Promise<void> {
  let left = count;
  return new Promise((resolve) => {
    sockets.forEach((socket, index) =>
      socket.on('message', (data: Buffer) => {
        left -= take(data, index);
        if (left <= 0) resolve();
      }),
    );
  });
}

const leave = (sockets: readonly WebSocket[]): void => sockets.forEach((socket) => socket.terminate());

async function startFloor(args: readonly (string | number)[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'floor', ...args.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { url, pid: child.pid ?? 0, begin: () => child.stdin.write('go\n'), stop: () => child.kill() };
}

type Server = Awaited<ReturnType<typeof serve>>;

/** Events written at a rate, to many subscribers of one session's log: commit → arrival, and what it cost. */
async function live(server: Server, databaseUrl: string, perSecond: number): Promise<{ p95: number; bytes: number }> {
  const client = createClient({ url: server.url });
  const { startSession } = await client.request(StartSessionDocument, { input: {} });
  const sessionId = startSession.session.id;
  const sockets = await open(server.url, SUBSCRIBERS);
  const total = perSecond * SECONDS;
  const arrivals: [text: string, at: number][] = [];
  const positions = new Map<string, number[]>();
  const last = new Array<number>(SUBSCRIBERS).fill(0);
  let bytes = 0;
  const variables = { filter: { sessionIds: [sessionId] } };
  const begun = received(sockets, SUBSCRIBERS, () => 1);
  for (const socket of sockets) subscribe(socket, '1', { query: LOG, variables });
  await begun;
  for (const socket of sockets) socket.removeAllListeners('message');

  const all = received(sockets, total * SUBSCRIBERS, (data, index) => {
    const text = data.toString('latin1');
    let events = positions.get(text);
    if (!events) {
      const { payload } = JSON.parse(text) as { payload: { data: { log: { events: { position: number }[] } } } };
      events = payload.data.log.events.map(({ position }) => position);
      positions.set(text, events);
    }
    for (const position of events) {
      if (position <= (last[index] ?? 0)) throw new Error(`${position} came after ${last[index]}`);
      last[index] = position;
    }
    bytes += data.length;
    arrivals.push([text, now()]);
    return events.length;
  });
  const cpu = await cpuOf(server.process.pid ?? 0);
  const started = performance.now();
  const events = Array.from({ length: EVENTS_PER_CALL }, () => ({ type: 'PROGRESS' as const }));
  let written = 0;
  const write = async (): Promise<void> => {
    while (written < total) {
      const due = started + (written * 1000) / perSecond - performance.now();
      written += EVENTS_PER_CALL;
      if (due > 0) await delay(due);
      await client.request(AppendEventsDocument, { input: { sessionId, events } });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  await Promise.race([all, delay(30_000).then(() => Promise.reject(new Error('not all events have reached all')))]);
  const seconds = (performance.now() - started) / 1000;
  const used = (await cpuOf(server.process.pid ?? 0)) - cpu;
  leave(sockets);

  const commits = await query(
    databaseUrl,
    `SELECT position, extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS at FROM events`,
  );
  const committed = new Map(commits.map(({ position, at }) => [Number(position), Number(at)]));
  const latencies = arrivals.flatMap(([text, at]) =>
    (positions.get(text) ?? []).map((position) => at - (committed.get(position) ?? NaN)),
  );
  say(
    `${perSecond}/s: ${latencies.length} deliveries of ${total} events to ${SUBSCRIBERS} in ${arrivals.length} messages, ${seconds.toFixed(1)} s`,
  );
  say(`  commit → received      ${told(latencies)}; CPU of the server ${(used / seconds / 10).toFixed(0)} %`);
  return { p95: percentiles(latencies).p95, bytes: Math.round(bytes / arrivals.length) };
}

/** A broadcast of as many bytes at a rate. */
async function liveFloor(perSecond: number, bytes: number): Promise<number> {
  const floor = await startFloor(['broadcast', bytes, perSecond, perSecond * SECONDS]);
  const sockets = await connect(floor.url, SUBSCRIBERS);
  const latencies: number[] = [];
  const all = received(sockets, perSecond * SECONDS * SUBSCRIBERS, (data) => {
    latencies.push(now() - Number(data.toString('latin1', 0, 17)));
    return 1;
  });
  const cpu = await cpuOf(floor.pid);
  const started = performance.now();
  floor.begin();
  await all;
  const used = (await cpuOf(floor.pid)) - cpu;
  say(
    `  bare ws, send → received ${told(latencies)}; CPU ${((used / (performance.now() - started)) * 100).toFixed(0)} %`,
  );
  leave(sockets);
  floor.stop();
  return percentiles(latencies).p95;
}

/** How many messages a second go to all subscribers together, when there are always more. */
async function saturated(server: Server, databaseUrl: string): Promise<void> {
  const client = createClient({ url: server.url });
  const [newest] = await query(databaseUrl, 'SELECT max(position) AS position FROM events');
  const after = Number(newest?.position);
  for (let index = 0; index < STARTS; index++) await client.request(StartSessionDocument, { input: {} });

  const rateOf = async (sockets: WebSocket[], begin: () => void): Promise<{ rate: number; bytes: number }> => {
    let bytes = 0;
    let started = 0;
    const all = received(sockets, STARTS * SUBSCRIBERS, (data) => {
      started ||= performance.now();
      bytes += data.length;
      return 1;
    });
    begin();
    await all;
    const rate = (STARTS * SUBSCRIBERS) / ((performance.now() - started) / 1000);
    leave(sockets);
    return { rate, bytes: Math.round(bytes / STARTS / SUBSCRIBERS) };
  };
  for (let round = 0; round < 3; round++) {
    const sockets = await open(server.url, SUBSCRIBERS);
    const ours = await rateOf(sockets, () => {
      for (const socket of sockets) subscribe(socket, '1', { query: STARTED, variables: { after } });
    });
    const floor = await startFloor(['broadcast', ours.bytes - 18, 0, STARTS]);
    const theirs = await rateOf(await connect(floor.url, SUBSCRIBERS), floor.begin);
    floor.stop();
    say(
      `saturated, ${ours.bytes} bytes: ${ours.rate.toFixed(0)} messages/s; bare ws ${theirs.rate.toFixed(0)}; ratio ${(ours.rate / theirs.rate).toFixed(2)}`,
    );
  }
}

/** The bytes of the heap for each of many subscriptions that wait. */
async function idle(url: string, port: number, operation: object): Promise<number> {
  leave(await open(url, 1));
  const before = await heapOf(port);
  const sockets = await open(url, IDLE.sockets);
  const begun = received(sockets, IDLE.sockets * IDLE.each, (data) => {
    if (!data.includes('"next"')) throw new Error(`a subscription was refused: ${data.toString()}`);
    return 1;
  });
  for (const socket of sockets) for (let id = 0; id < IDLE.each; id++) subscribe(socket, String(id), operation);
  await begun;
  const bytes = ((await heapOf(port)) - before) / (IDLE.sockets * IDLE.each);
  leave(sockets);
  return bytes;
}

async function measure(): Promise<void> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'lifeline-bench-'));
  const postgres = await startEmbedded({
    dataDir,
    log: pino({ level: 'warn' }),
    settings: { track_commit_timestamp: 'on' },
  });
  const [own, bare] = [await inspected(), await inspected()];
  try {
    await using server = await serve({ DATABASE_URL: postgres.url, LOG_LEVEL: 'warn', ...own.env });
    await live(server, postgres.url, 200);
    const ours = await live(server, postgres.url, 100);
    const theirs = await liveFloor(100, ours.bytes);
    say(`  p95 at 100/s: ${(ours.p95 / theirs).toFixed(2)} × bare ws`);
    await saturated(server, postgres.url);
    const floor = await startFloor(['idle'], bare.env);
    const theirBytes = await idle(floor.url, bare.port, { query: 'subscription { nothing }' });
    floor.stop();
    const ourBytes = await idle(server.url, own.port, { query: 'subscription { log { position } }' });
    say(
      `idle subscription: ${ourBytes.toFixed(0)} bytes; graphql-ws with an empty generator ${theirBytes.toFixed(0)}; ` +
        `ratio ${(ourBytes / theirBytes).toFixed(2)}`,
    );
  } finally {
    await postgres.stop();
    await rm(dataDir, { recursive: true });
  }
}

const [, , kind, ...args] = process.argv;
if (kind === 'floor') await runFloor(args);
else await measure();
