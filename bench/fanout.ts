// What many subscribers of one log cost, beside bare `ws` that broadcasts the same bytes: the time from commit to arrival,
// how many messages go out a second, and the memory of a subscription that waits. The server, PostgreSQL, the floor and this
// process, which writes and receives, are four processes on one machine.
import { setTimeout as delay } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { createClient } from '../src/client/client.js';
import { AppendEventsDocument, StartSessionDocument } from '../src/client/operation.js';
import { now } from '../tests/support/commit.js';
import { percentiles } from '../tests/support/percentile.js';
import { query } from '../tests/support/sql.js';
import type { Case, Side } from './case.js';
import { startFloor } from './floor.js';
import { serveBench, type Place } from './place.js';
import { heapOf, inspected } from './process.js';
import { connect, leave, open, received, subscribe } from './socket.js';

const PER_SECOND = 100;
// An agent's client sends what has gathered for some milliseconds.
const EVENTS_PER_CALL = 5;
const WRITERS = 8;
const PATIENCE_MS = 60_000;
const IDLE_PER_SOCKET = 100;

const LOG =
  'subscription ($filter: LogFilter) { log(filter: $filter) { position events { id position type level occurredAt data session { id } } } }';
const STARTED =
  'subscription ($after: SafeInt) { sessionTransitioned(after: $after) { position to session { id state } event { type } } }';

const subscribersOf = ({ quick }: Place): number => (quick ? 100 : 1_000);
const eventsOf = ({ quick }: Place): number => PER_SECOND * (quick ? 0.5 : 10);

/** The 95th percentile of what it took, in ms. */
const p95 = (values: readonly number[]): number => percentiles(values)[1] ?? NaN;

/** Events written at a rate to many subscribers of one session's log: commit → arrival. */
async function openLive(place: Place): Promise<{ side: Side; bytes: () => number }> {
  const client = createClient({ url: place.url });
  const { startSession } = await client.request(StartSessionDocument, { input: {} });
  const sessionId = startSession.session.id;
  const count = subscribersOf(place);
  let bytes = 0;

  async function side(): Promise<number> {
    const sockets = await open(place.url, count);
    const begun = received(sockets, count, () => 1);
    for (const socket of sockets) {
      subscribe(socket, '1', { query: LOG, variables: { filter: { sessionIds: [sessionId] } } });
    }
    await begun;
    for (const socket of sockets) socket.removeAllListeners('message');
    const arrivals = collect(sockets, eventsOf(place) * count);
    await write();
    const arrived = await inTime(arrivals);
    leave(sockets);
    const messages = arrived.reduce((sum, { at }) => sum + at.length, 0);
    bytes = Math.round(arrived.reduce((sum, { length, at }) => sum + length * at.length, 0) / messages);
    const committed = await commitsOf(
      place,
      arrived.flatMap(({ positions }) => positions),
    );
    return p95(
      arrived.flatMap(({ positions, at }) =>
        positions.flatMap((position) => at.map((each) => each - (committed.get(position) ?? NaN))),
      ),
    );
  }

  async function write(): Promise<void> {
    const started = performance.now();
    const events = Array.from({ length: EVENTS_PER_CALL }, () => ({ type: 'PROGRESS' as const }));
    let written = 0;
    const writer = async (): Promise<void> => {
      while (written < eventsOf(place)) {
        const due = started + (written * 1_000) / PER_SECOND - performance.now();
        written += EVENTS_PER_CALL;
        if (due > 0) await delay(due);
        await client.request(AppendEventsDocument, { input: { sessionId, events } });
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, writer));
  }
  return { side, bytes: () => bytes };
}

/** A text that goes to all: its length, the positions of its events, and when it arrived where. */
interface Arrived {
  readonly length: number;
  readonly positions: readonly number[];
  readonly at: number[];
}

/** What arrives until all have had all, each in order. Of a text only the first is kept: who keeps all spends its time on that. */
async function collect(sockets: readonly WebSocket[], deliveries: number): Promise<Arrived[]> {
  const texts = new Map<string, Arrived>();
  const last = sockets.map(() => 0);
  await received(sockets, deliveries, (data, index) => {
    const at = now();
    const text = data.toString('latin1');
    let arrived = texts.get(text);
    if (!arrived) texts.set(text, (arrived = { length: text.length, positions: positionsIn(text), at: [] }));
    for (const position of arrived.positions) {
      if (position <= (last[index] ?? 0)) throw new Error(`${position} came after ${last[index]}`);
      last[index] = position;
    }
    arrived.at.push(at);
    return arrived.positions.length;
  });
  return [...texts.values()];
}

function positionsIn(text: string): number[] {
  const { payload } = JSON.parse(text) as { payload: { data: { log: { events: { position: number }[] } } } };
  return payload.data.log.events.map(({ position }) => position);
}

/** When the events at these positions were committed, in ms. */
export async function commitsOf(
  { databaseUrl, samples }: Place,
  positions: readonly number[],
): Promise<Map<number, number>> {
  const rows = await query(
    databaseUrl,
    `SELECT position, extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS at FROM events
     WHERE project_id = $1 AND position = ANY ($2)`,
    [samples.project.id, positions],
  );
  return new Map(rows.map(({ position, at }) => [Number(position), Number(at)]));
}

async function inTime<Result>(all: Promise<Result>): Promise<Result> {
  const late = delay(PATIENCE_MS, undefined, { ref: false }).then(() => {
    throw new Error('not all has reached all in time');
  });
  return Promise.race([all, late]);
}

/** A broadcast of as many bytes at the same rate: sending → arrival. */
async function liveFloor(place: Place, bytes: number): Promise<number> {
  const count = subscribersOf(place);
  const floor = await startFloor(['broadcast', bytes, PER_SECOND, eventsOf(place)]);
  try {
    const sockets = await connect(floor.url, count);
    const latencies: number[] = [];
    const all = received(sockets, eventsOf(place) * count, (data) => {
      latencies.push(now() - Number(data.toString('latin1', 0, 17)));
      return 1;
    });
    floor.begin();
    await inTime(all);
    leave(sockets);
    return p95(latencies);
  } finally {
    floor.stop();
  }
}

const live: Case = {
  name: `commit → received at many log subscribers, ${PER_SECOND} events/s, p95`,
  against: 'bare ws broadcast of the same bytes',
  unit: 'ms',
  better: 'lower',
  mark: 3,
  limit: 50,
  async sides(place) {
    const { side, bytes } = await openLive(place);
    return { ours: side, theirs: () => liveFloor(place, bytes()) };
  },
};

/** How many messages a second go to all subscribers together, when there are always more. */
const saturated: Case = {
  name: 'deliveries/s to many equal subscriptions',
  against: 'bare ws broadcast of as many bytes',
  unit: 'messages/s',
  better: 'higher',
  mark: 0.4,
  async sides(place) {
    const { url, databaseUrl, samples, quick } = place;
    const [subscribers, starts] = [subscribersOf(place), quick ? 50 : 500];
    const client = createClient({ url });
    const [head] = await query(databaseUrl, 'SELECT log_position FROM projects WHERE id = $1', [samples.project.id]);
    const variables = { after: Number(head?.log_position) };
    for (let index = 0; index < starts; index++) await client.request(StartSessionDocument, { input: {} });

    let bytes = 0;
    const rateOf = async (sockets: WebSocket[], begin: () => void): Promise<number> => {
      let [started, sum] = [0, 0];
      const all = received(sockets, starts * subscribers, (data) => {
        started ||= performance.now();
        sum += data.length;
        return 1;
      });
      begin();
      await inTime(all);
      const rate = (starts * subscribers) / ((performance.now() - started) / 1_000);
      leave(sockets);
      bytes = Math.round(sum / starts / subscribers);
      return rate;
    };
    return {
      async ours() {
        const sockets = await open(url, subscribers);
        return rateOf(sockets, () => {
          for (const socket of sockets) subscribe(socket, '1', { query: STARTED, variables });
        });
      },
      async theirs() {
        // Before the message itself stands when it was sent.
        const floor = await startFloor(['broadcast', bytes - 18, 0, starts]);
        try {
          return await rateOf(await connect(floor.url, subscribers), floor.begin);
        } finally {
          floor.stop();
        }
      },
    };
  },
};

/** The bytes of the heap for each of many subscriptions that wait. */
async function idle(url: string, port: number, sockets: number, operation: object): Promise<number> {
  leave(await open(url, 1));
  const before = await heapOf(port);
  const opened = await open(url, sockets);
  const begun = received(opened, sockets * IDLE_PER_SOCKET, () => 1);
  for (const socket of opened) for (let id = 0; id < IDLE_PER_SOCKET; id++) subscribe(socket, String(id), operation);
  await inTime(begun);
  const bytes = ((await heapOf(port)) - before) / (sockets * IDLE_PER_SOCKET);
  leave(opened);
  return bytes;
}

/** A server of its own: what others have left in the heap may go meanwhile. */
const memory: Case = {
  name: 'memory of an idle subscription, many of them',
  against: 'graphql-ws with an empty generator',
  unit: 'bytes',
  better: 'lower',
  mark: 2,
  isAnew: true,
  async sides({ databaseUrl, redisUrl, quick }) {
    const sockets = (quick ? 1_000 : 10_000) / IDLE_PER_SOCKET;
    return {
      async ours() {
        const { env, port } = await inspected();
        await using server = await serveBench(databaseUrl, redisUrl, env);
        return await idle(server.url, port, sockets, { query: 'subscription { log { position } }' });
      },
      async theirs() {
        const { env, port } = await inspected();
        const floor = await startFloor(['idle'], env);
        try {
          return await idle(floor.url, port, sockets, { query: 'subscription { nothing }' });
        } finally {
          floor.stop();
        }
      },
    };
  },
};

export const fanoutCases: readonly Case[] = [live, saturated, memory];
