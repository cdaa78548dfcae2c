import { pino, type Logger } from 'pino';
import type { GraphQLSchema } from 'graphql';
import { startApp as start, type App } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { createDatabase } from './postgres.js';

export interface AppOptions {
  /** An existing database, for several servers on one; without it one of its own, dropped at the end. */
  databaseUrl?: string;
  redisUrl?: string;
  /** By default a free one. */
  port?: string;
  metricsPort?: string;
  log?: Logger;
  /** Of the environment: `LIFELINE_AUTH` is `off` unless it says otherwise. */
  env?: Readonly<Record<string, string>>;
  /** The real schema with what a test adds to it. */
  schema?: GraphQLSchema;
}

/** A whole server on a free port; `await using` closes it. */
export async function startApp(options: AppOptions = {}): Promise<App & AsyncDisposable> {
  const { log = pino({ level: 'silent' }), schema, redisUrl, metricsPort, port = '0', env } = options;
  const own = options.databaseUrl === undefined ? await createDatabase() : null;
  const databaseUrl = options.databaseUrl ?? own?.url;
  const config = readConfig({ port, databaseUrl, redisUrl, metricsPort }, { LIFELINE_AUTH: 'off', ...env });
  const app = await start(config, log, schema).catch(async (error: unknown) => {
    await own?.drop();
    throw error;
  });
  const close = async (): Promise<void> => {
    await app.close();
    await own?.drop();
  };
  return { ...app, close, [Symbol.asyncDispose]: close };
}
