// One process's part of a server, on a database that is ready: its connections, its store, its chores and what it serves.
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { isLoopback, isOn, needsKeys, type Access } from './access.js';
import type { Bus } from './bus/bus.js';
import type { Config } from './config.js';
import { openDatabase, type Database } from './database/client.js';
import { migrationNames } from './database/migrate.js';
import { DEFAULT_PROJECT } from './domain/project.js';
import { Opened } from './opened.js';
import { authentication } from './server/auth.js';
import { serverOf, type Server } from './server/http.js';
import { STATEMENT_MAX_MS } from './server/limits.js';
import type { Metrics } from './server/metrics.js';
import type { TokenOptions } from './server/token.js';
import type { Tracing } from './server/tracing.js';
import { blockListOf } from './setting.js';
import { createStore } from './store/createStore.js';
import { Keyring } from './store/keyring.js';
import { ensureProject, findProject } from './store/project.js';
import { expiryOf } from './workers/expiry.js';
import { startLoop } from './workers/loop.js';
import { retentionOf } from './workers/retention.js';
import { statisticsOf } from './workers/statistics.js';
import { watchdogOf } from './workers/watchdog.js';

export interface InstanceOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly schema: GraphQLSchema;
  /** Its owner's to close, after the instance. */
  readonly bus: Bus;
  readonly metrics: Metrics | null;
  readonly log: Logger;
}

export interface Instance {
  readonly database: Database;
  /** Not yet listening. */
  readonly server: Pick<Server, 'listen' | 'take'>;
  /** Lets what is under way answer, ends all subscriptions and gives everything back. Never rejects; further calls wait too. */
  close(): Promise<void>;
}

/** Resolves when it could answer whoever connects. Rejects with what is wrong, once everything that was open by then is closed again. */
export async function startInstance(options: InstanceOptions): Promise<Instance> {
  const { config, databaseUrl, schema, bus, metrics, log } = options;
  const { poolSize } = config;
  const opened = new Opened(log);
  try {
    const tracing = config.tracesUrl === null ? null : opened.keep(await tracingTo(log), (it) => it.close());
    const limits = { poolSize, statementTimeoutMs: STATEMENT_MAX_MS };
    const database = opened.keep(openDatabase(databaseUrl, { ...limits, log, spanned: tracing?.spanned }), (it) =>
      it.close(),
    );
    const store = opened.keep(await createStore({ database, bus, log }, metrics?.observer), (it) => it.close());
    for (const chore of [watchdogOf(store, config), expiryOf(store), retentionOf(store, config), statisticsOf(store)]) {
      if (chore) opened.keep(startLoop(chore, log, store.observer), (stop) => stop());
    }
    const migrations = await migrationNames();
    await ensureProject(database, DEFAULT_PROJECT);
    const isRequired = needsKeys(config);
    const tokens = tokenOptions(config);
    const keyring = opened.keep(new Keyring(store), (it) => it.close());
    const server = opened.keep(
      serverOf({
        schema,
        store,
        poolSize,
        migrations,
        metrics,
        tracing,
        authenticate: authentication({
          isRequired,
          adminKey: config.adminKey,
          keyring,
          findProject: async (slug) => (await findProject(database, slug))?.id ?? null,
          verifyToken: tokens && (await import('./server/token.js')).tokenVerifier(tokens),
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
    return { database, server, close: () => opened.close() };
  } catch (error) {
    await opened.close();
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
