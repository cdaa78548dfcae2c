import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import type { Client } from '../../src/client/client.js';
import { commitTimes } from '../support/commit.js';
import { canStartRedis, startRedis } from '../support/redis.js';
import { send } from '../support/wire.js';
import type { Check } from './checker.js';
import { startDatabase } from './database.js';
import type { Fault } from './fault.js';
import { Server } from './server.js';
import { longFault, serverFaults } from './serverFault.js';
import { readApi, readTables, type Written } from './written.js';

/** What a trial is made on. */
export interface Deployment {
  /** Where the servers are, now. */
  readonly urls: () => readonly string[];
  /** What can befall it; nothing where it is somebody's own. */
  readonly faults: readonly Fault[];
  /** What befalls it once, where the trial is long; null where it is somebody's own. */
  readonly longFault: Fault | null;
  /** What is written after this position. */
  readonly read: (from: number) => Promise<Written>;
  /** When each position was committed, in ms; null where nobody outside can know. */
  readonly commits: () => Promise<ReadonlyMap<number, number>> | null;
  /** What can be said of it when all faults are over. */
  readonly check: () => Promise<Check[]>;
  /** `keepLogs`: whether somebody will want to read them; answers with where they are. */
  readonly stop: (keepLogs: boolean) => Promise<string | null>;
}

/** Somebody's own, of which nothing is known but its addresses. */
export const foreignDeployment = (urls: readonly string[], client: Client): Deployment => ({
  urls: () => urls,
  faults: [],
  longFault: null,
  read: (from) => readApi(client, from),
  commits: () => null,
  check: () => Promise.resolve([]),
  stop: () => Promise.resolve(null),
});

/** A PostgreSQL, a Redis and so many servers, on this machine, for this trial alone. */
export async function startDeployment(count: number): Promise<Deployment> {
  if (!canStartRedis) throw new Error('There is no redis-server or valkey-server on the PATH: install one.');
  const folder = await mkdtemp(path.join(tmpdir(), 'lifeline-delivery-'));
  const logs = path.join(folder, 'logs');
  const data = path.join(folder, 'data');
  await mkdir(logs);
  const log = pino({ level: 'debug' }, pino.destination({ dest: path.join(logs, 'postgres.log'), sync: true }));

  const closing: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end();
    await rm(data, { recursive: true, force: true });
  };
  try {
    const database = await startDatabase(data, log);
    closing.push(() => database.stop());
    const redis = await startRedis();
    closing.push(() => redis.stop());
    const servers: Server[] = [];
    for (let number = 1; number <= count; number++) {
      const server = await Server.start({
        name: `server ${number}`,
        databaseUrl: () => database.url,
        redisUrl: redis.url,
      });
      servers.push(server);
      closing.push(() => server.close());
    }
    return {
      urls: () => servers.map(({ url }) => url),
      faults: serverFaults({ servers, database, redis }),
      longFault: longFault({ servers }),
      read: () => readTables(database.url),
      commits: () => commitTimes(database.url),
      check: async () => [
        { name: 'every server ends when it is told to, and only then', breaches: servers.flatMap((it) => it.failures) },
        { name: 'every server is well again', breaches: (await Promise.all(servers.map(ailment))).flat() },
      ],
      async stop(keepLogs) {
        await close();
        if (keepLogs) for (const server of servers) await server.keepLogs(logs);
        else await rm(folder, { recursive: true });
        return keepLogs ? logs : null;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const PATIENCE_MS = 15_000;

/** How a server is unwell, where it does not get well in time. */
async function ailment({ name, url }: Server): Promise<string[]> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const text = await send(new URL('/health/ready', url).href).then(
      (answer) => answer.text,
      (error: unknown) => String(error),
    );
    if (text.startsWith('{"status":"ok"')) return [];
    if (performance.now() > until) return [`${name}: ${text}`];
    await delay(200);
  }
}
