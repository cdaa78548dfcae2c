// Where it is measured: a real PostgreSQL and Redis of the bench's own, databases with the data in them, and built servers.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { startEmbedded } from '../src/database/embedded.js';
import { run, serve } from '../tests/support/program.js';
import { startRedis } from '../tests/support/redis.js';
import { query, withDatabase } from '../tests/support/sql.js';
import { startCaller, type Caller } from './caller.js';
import { load, sizesOf, type Samples, type Sizes } from './data.js';
import type { Peer } from './peer/peer.js';
import { inspected, ROOM } from './process.js';

export interface Place {
  /** Of the server's GraphQL; it asks for no keys. */
  readonly url: string;
  /** The server's process, and the port at which it can be looked into. */
  readonly pid: number;
  readonly inspectorPort: number;
  /** How many processes the server is. Of several, neither `pid` nor `inspectorPort` tells anything: they are the primary's. */
  readonly workers: number;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly samples: Samples;
  readonly sizes: Sizes;
  readonly caller: Caller;
  /** How long a round lasts where it can be chosen. */
  readonly seconds: number;
  /** Whether all has to be over soon. */
  readonly quick: boolean;
  /** A server on a database with a tenth of the data; made when it is first asked for. */
  tenth(): Promise<Place>;
  /** What the server is held against, by its name: started when it is first asked for, and kept. */
  peer(name: string, start: () => Promise<Peer>): Promise<Peer>;
}

export interface Options {
  readonly quick: boolean;
  readonly workers: number;
  readonly say: (line: string) => void;
}

// Each with its commit's time, by which deliveries are measured; all else is as users have it.
const SETTINGS = { track_commit_timestamp: 'on', max_connections: '300' };

// One caller stands for many.
const ENOUGH = '10000000';
const ALLOWANCE = {
  LIFELINE_RATE_PER_SECOND: ENOUGH,
  LIFELINE_MAX_COST: ENOUGH,
  LIFELINE_MAX_SUBSCRIPTIONS: ENOUGH,
  LIFELINE_MAX_SOCKETS: ENOUGH,
  LIFELINE_MAX_SOCKETS_PER_ADDRESS: ENOUGH,
};

/** Starts a server that lets one caller ask for as much as many. */
export const serveBench = (databaseUrl: string, redisUrl: string, env: Readonly<Record<string, string>> = {}) =>
  serve({
    ...ALLOWANCE,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    LOG_LEVEL: 'warn',
    NODE_OPTIONS: ROOM,
    ...env,
  });

const EMPTY = 'bench_empty';

async function createEmpty(postgresUrl: string): Promise<void> {
  await query(postgresUrl, `CREATE DATABASE ${EMPTY}`);
  const migrated = await run(['migrate'], { DATABASE_URL: withDatabase(postgresUrl, EMPTY) });
  if (migrated.code !== 0) throw new Error(migrated.stderr);
}

/** A database that is migrated and has nothing in it; answers with its URL. */
export async function createDatabase(postgresUrl: string, name: string): Promise<string> {
  await query(postgresUrl, `CREATE DATABASE ${name} TEMPLATE ${EMPTY}`);
  return withDatabase(postgresUrl, name);
}

export async function openPlace({
  quick,
  workers,
  say,
}: Options): Promise<{ place: Place; close: () => Promise<void> }> {
  const closing: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'lifeline-bench-'));
    closing.push(() => rm(dataDir, { recursive: true }));
    say('starting PostgreSQL and Redis');
    const postgres = await startEmbedded({ dataDir, log: pino({ level: 'warn' }), settings: SETTINGS });
    closing.push(() => postgres.stop());
    await createEmpty(postgres.url);
    const redis = await startRedis();
    closing.push(() => redis.stop());
    const caller = startCaller();
    closing.push(() => caller.stop());

    const peers = new Map<string, Peer>();
    const peer: Place['peer'] = async (name, start) => {
      const known = peers.get(name) ?? (await start());
      if (!peers.has(name)) closing.push(() => known.stop());
      peers.set(name, known);
      return known;
    };
    const open = async (sessions: number): Promise<Omit<Place, 'tenth'>> => {
      const sizes = sizesOf(sessions);
      say(`loading ${sessions} sessions with ${sizes.events} events`);
      const databaseUrl = await createDatabase(postgres.url, `bench_${sessions}`);
      const samples = await load(databaseUrl, sizes, say);
      const { env, port } = await inspected();
      const server = await serveBench(databaseUrl, redis.url, { ...env, LIFELINE_WORKERS: String(workers) });
      closing.push(() => server[Symbol.asyncDispose]());
      const [pid, inspectorPort, seconds] = [server.process.pid ?? 0, port, quick ? 0.15 : 3];
      return {
        url: server.url,
        pid,
        inspectorPort,
        workers,
        databaseUrl,
        redisUrl: redis.url,
        samples,
        sizes,
        caller,
        seconds,
        quick,
        peer,
      };
    };
    const sessions = quick ? 1_000 : 100_000;
    const small = (): Promise<Place> => {
      const opened = open(sessions / 10).then((place) => ({ ...place, tenth: () => opened }));
      return opened;
    };
    let opening: Promise<Place> | undefined;
    const tenth = (): Promise<Place> => (opening ??= small());
    // Both at once where all has to be over soon: nothing is measured yet.
    const [opened] = await Promise.all([open(sessions), quick && tenth()]);
    const place = { ...opened, tenth };
    return { place, close };
  } catch (error) {
    await close();
    throw error;
  }
}
