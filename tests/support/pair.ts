import { startApp } from './app.js';
import { createDatabase } from './postgres.js';
import { startRedis } from './redis.js';
import { send } from './wire.js';

/** How a server says that it is; what else it says of its health belongs to other tests. */
export const OK = { status: 'ok', bus: 'ok' };
export const DEGRADED = { status: 'degraded', bus: 'degraded' };

/** Two servers on one database, which tell each other of changes by a Redis of their own. */
export async function startPair() {
  const database = await createDatabase();
  const redis = await startRedis();
  const servers = await Promise.all([1, 2].map(() => startApp({ databaseUrl: database.url, redisUrl: redis.url })));
  const [one, other] = servers.map(({ url }) => url) as [string, string];
  return {
    ...{ redis, one, other, servers, databaseUrl: database.url },
    health: () => Promise.all([one, other].map(healthOf)),
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server.close()));
      await redis.stop();
      await database.drop();
    },
  };
}

async function healthOf(url: string): Promise<typeof OK> {
  const answer = await send(new URL('/health/ready', url).href);
  const { status, bus } = JSON.parse(answer.text) as typeof OK;
  return { status, bus };
}
