// The composition root: from a configuration to a server that answers.
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { memoryBus } from './bus/memory.js';
import { redisBus } from './bus/redis.js';
import { isLoopback, isOn, needsKeys, type Access } from './access.js';
import type { Config } from './config.js';
import { openDatabase } from './database/client.js';
import { startEmbedded } from './database/embedded.js';
import { migrate, migrationNames } from './database/migrate.js';
import { DEFAULT_PROJECT } from './domain/project.js';
import { buildSchema } from './graphql/schema.js';
import { authentication } from './server/auth.js';
import { startServer } from './server/http.js';
import { STATEMENT_MAX_MS } from './server/limits.js';
import { createMetrics } from './server/metrics.js';
import { serveMetrics } from './server/metricsServer.js';
import { tokenVerifier, type TokenOptions } from './server/token.js';
import type { Tracing } from './server/tracing.js';
import { blockListOf } from './setting.js';
import { ensureAdminKey } from './store/apiKey.js';
import { Keyring } from './store/keyring.js';
import { ensureProject, findProject } from './store/project.js';
import { createStore } from './store/store.js';
import { expiryOf } from './workers/expiry.js';
import { startLoop } from './workers/loop.js';
import { retentionOf } from './workers/retention.js';
import { watchdogOf } from './workers/watchdog.js';

/** A database that Lifeline was given is waited for, however long it is away. */
const NEVER = new Promise<never>(() => undefined);

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
  const { host, port, dataDir, redisUrl, metricsPort, metricsHost } = config;
  const opened: Opened[] = [];
  const keep = <Part>(part: Part, close: (part: Part) => Promise<void>): Part => {
    opened.push(() => close(part));
    return part;
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeAll(opened, log));

  try {
    const { url: databaseUrl, failed } = config.databaseUrl
      ? { url: config.databaseUrl, failed: NEVER }
      : keep(await startEmbedded({ dataDir, log }), (postgres) => postgres.stop());
    const applied = await migrate(databaseUrl);
    if (applied.length > 0) log.info({ applied }, 'the database was migrated');
    const tracing = config.tracesUrl === null ? null : keep(await tracingTo(log), (it) => it.close());
    const limits = { poolSize: config.poolSize, statementTimeoutMs: STATEMENT_MAX_MS };
    const database = keep(openDatabase(databaseUrl, { ...limits, log, spanned: tracing?.spanned }), (it) => it.close());
    const metrics = metricsPort === null ? null : createMetrics();
    const bus = keep(redisUrl ? await redisBus({ url: redisUrl, log }) : memoryBus(), (it) => it.close());
    const store = keep(await createStore({ database, bus, log }, metrics?.observer), (it) => it.close());
    for (const chore of [watchdogOf(store, config), expiryOf(store), retentionOf(store, config)]) {
      if (chore) keep(startLoop(chore, log, store.observer), (stop) => stop());
    }
    const migrations = await migrationNames();
    await ensureProject(database, DEFAULT_PROJECT);
    const isRequired = needsKeys(config);
    const tokens = tokenOptions(config);
    const keyring = keep(new Keyring(store), (it) => it.close());
    const server = keep(
      await startServer({
        host,
        port,
        schema,
        store,
        poolSize: config.poolSize,
        migrations,
        metrics,
        tracing,
        authenticate: authentication({
          isRequired,
          adminKey: config.adminKey,
          keyring,
          findProject: async (slug) => (await findProject(database, slug))?.id ?? null,
          verifyToken: tokens && tokenVerifier(tokens),
        }),
        neighbourhood: { hosts: hostsOf(config), origins: config.corsOrigins },
        trustedProxies: blockListOf(config.trustedProxies),
        allowance: config,
        introspection: isOn(config.introspection, config),
        graphiql: isOn(config.graphiql, config) ? { needsKey: isRequired } : null,
        log,
      }),
      (it) => it.close(),
    );
    if (metrics && metricsPort !== null) {
      const options = { host: metricsHost, port: metricsPort, metrics, log };
      keep(await serveMetrics(options), (it) => it.close());
    }
    // Last, so that a start which fails has not made a key that nobody gets to see.
    const adminKey = isRequired && config.adminKey === null ? await ensureAdminKey(database) : null;
    return { url: server.url, failed, adminKey, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Loaded by those alone who want it: it is as much code as the rest of the server. */
async function tracingTo(log: Logger): Promise<Tracing> {
  const { startTracing } = await import('./server/tracing.js');
  return startTracing(log);
}

/** Null where no tokens are taken. */
function tokenOptions({ jwksUrl, jwtIssuer, jwtAudience, ...claims }: Access): TokenOptions | null {
  if (jwksUrl === null || jwtIssuer === null || jwtAudience === null) return null;
  const { jwtRoleClaim: roleClaim, jwtProjectClaim: projectClaim } = claims;
  return { jwksUrl, issuer: jwtIssuer, audience: jwtAudience, roleClaim, projectClaim };
}

/** By which names the server may be called; null: by any, since on a network it is for the proxies before it to say. */
function hostsOf({ host, allowedHosts }: Config): readonly string[] | null {
  return isLoopback(host) || allowedHosts.length > 0 ? allowedHosts : null;
}

type Opened = () => Promise<void>;

/** In the reverse order of opening: what is closed last is what the others still need. */
async function closeAll(opened: readonly Opened[], log: Logger): Promise<void> {
  for (const close of opened.toReversed()) {
    await close().catch((error: unknown) => log.error({ err: error }, 'a part of the server did not close'));
  }
}
