// The composition root: from a configuration to a server that answers.
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { memoryBus } from './bus/memory.js';
import { redisBus } from './bus/redis.js';
import type { Config } from './config.js';
import { openDatabase } from './database/client.js';
import { startEmbedded } from './database/embedded.js';
import { migrate } from './database/migrate.js';
import { buildSchema } from './graphql/schema.js';
import { localCaller } from './server/auth.js';
import { startServer } from './server/http.js';
import { ensureProject } from './store/project.js';
import { createStore } from './store/store.js';
import { expiryOf } from './workers/expiry.js';
import { startLoop } from './workers/loop.js';
import { retentionOf } from './workers/retention.js';
import { watchdogOf } from './workers/watchdog.js';

const PROJECT = 'default';

export interface App {
  /** Where GraphQL is served. */
  readonly url: string;
  /** Lets what is under way answer, ends all subscriptions and gives everything back. Never rejects; further calls wait too. */
  close(): Promise<void>;
}

/** Resolves when the server answers. Rejects with what is wrong, once everything that was open by then is closed again. */
export async function startApp(config: Config, log: Logger, schema: GraphQLSchema = buildSchema()): Promise<App> {
  const { host, port, dataDir, redisUrl } = config;
  const opened: Opened[] = [];
  const keep = <Part>(part: Part, close: (part: Part) => Promise<void>): Part => {
    opened.push(() => close(part));
    return part;
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeAll(opened, log));

  try {
    const databaseUrl =
      config.databaseUrl ?? keep(await startEmbedded({ dataDir, log }), (server) => server.stop()).url;
    const applied = await migrate(databaseUrl);
    if (applied.length > 0) log.info({ applied }, 'the database was migrated');
    const database = keep(openDatabase(databaseUrl, { log }), (it) => it.close());
    const bus = keep(redisUrl ? await redisBus({ url: redisUrl, log }) : memoryBus(), (it) => it.close());
    const store = keep(await createStore({ database, bus, log }), (it) => it.close());
    for (const chore of [watchdogOf(store, config), expiryOf(store), retentionOf(store, config)]) {
      if (chore) keep(startLoop(chore, log), (stop) => stop());
    }
    const caller = localCaller((await ensureProject(database, PROJECT)).id);
    const server = keep(await startServer({ host, port, schema, store, caller, log }), (it) => it.close());
    return { url: server.url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Opened = () => Promise<void>;

/** In the reverse order of opening: what is closed last is what the others still need. */
async function closeAll(opened: readonly Opened[], log: Logger): Promise<void> {
  for (const close of opened.toReversed()) {
    await close().catch((error: unknown) => log.error({ err: error }, 'a part of the server did not close'));
  }
}
