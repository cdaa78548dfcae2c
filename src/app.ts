// The composition root: from a configuration to a server that answers, in this process alone.
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { memoryBus } from './bus/memory.js';
import { redisBus } from './bus/redis.js';
import type { Config } from './config.js';
import { buildSchema } from './graphql/schema.js';
import { prepareGround, wantsAdminKey } from './ground.js';
import { startInstance } from './instance.js';
import { Opened } from './opened.js';
import { serveMetrics } from './server/metricsServer.js';
import { ensureAdminKey } from './store/apiKey.js';

export interface App {
  /** Where GraphQL is served. */
  readonly url: string;
  /** Resolves, with a sentence for the user, where it cannot go on and is to be closed. */
  readonly failed: Promise<Error>;
  /** The server's own admin's key, where this start has made it: it is known nowhere else. */
  readonly adminKey: string | null;
  /** Lets what is under way answer, ends all subscriptions and gives everything back. Never rejects; further calls wait too. */
  close(): Promise<void>;
}

/** Resolves when the server answers. Rejects with what is wrong, once everything that was open by then is closed again. */
export async function startApp(config: Config, log: Logger, schema: GraphQLSchema = buildSchema()): Promise<App> {
  const { host, port, redisUrl, metricsHost, metricsPort } = config;
  const opened = new Opened(log);
  try {
    const { databaseUrl, failed } = opened.keep(await prepareGround(config, log), (it) => it.close());
    const metrics = metricsPort === null ? null : (await import('./server/metrics.js')).createMetrics();
    const bus = opened.keep(redisUrl ? await redisBus({ url: redisUrl, log }) : memoryBus(), (it) => it.close());
    const instance = opened.keep(await startInstance({ config, databaseUrl, schema, bus, metrics, log }), (it) =>
      it.close(),
    );
    const url = await instance.server.listen(host, port);
    if (metrics && metricsPort !== null) {
      const options = { host: metricsHost, port: metricsPort, metrics, log };
      opened.keep(await serveMetrics(options), (it) => it.close());
    }
    // Last, so that a start which fails has not made a key that nobody gets to see.
    const adminKey = wantsAdminKey(config) ? await ensureAdminKey(instance.database) : null;
    return { url, failed, adminKey, close: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
