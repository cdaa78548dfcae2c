// What all processes of a server stand on, and what there is once: the database at its newest schema, and its first admin.
import type { Logger } from 'pino';
import { needsKeys } from './access.js';
import type { Config } from './config.js';
import { connectionsOf } from './database/connections.js';
import { startEmbedded } from './database/embedded.js';
import { migrate } from './database/migrate.js';

/** A database that Lifeline was given is waited for, however long it is away. */
const NEVER = new Promise<never>(() => undefined);

// What PostgreSQL allows by itself, less those that it keeps for superusers and a few for those who look in.
const CONNECTIONS_AT_HAND = 90;
const CONNECTIONS_BESIDE = 10;

export interface Ground {
  readonly databaseUrl: string;
  /** Resolves, with a sentence for the user, where the database has gone and does not come back. */
  readonly failed: Promise<Error>;
  close(): Promise<void>;
}

/** Resolves when the database is ready: the one that was given, else an embedded one. Rejects with nothing left running. */
export async function prepareGround(config: Config, log: Logger): Promise<Ground> {
  const { url: databaseUrl, failed, stop } = await findDatabase(config, log);
  try {
    const applied = await migrate(databaseUrl);
    if (applied.length > 0) log.info({ applied }, 'the database was migrated');
  } catch (error) {
    await stop();
    throw error;
  }
  return { databaseUrl, failed, close: stop };
}

function findDatabase(config: Config, log: Logger) {
  const { databaseUrl: url, dataDir } = config;
  if (url !== null) return { url, failed: NEVER, stop: () => Promise.resolve() };
  const wanted = connectionsOf(config);
  if (wanted <= CONNECTIONS_AT_HAND) return startEmbedded({ dataDir, log });
  return startEmbedded({ dataDir, log, settings: { max_connections: String(wanted + CONNECTIONS_BESIDE) } });
}

/** Whether a start has to make an admin key where the database has none yet. */
export const wantsAdminKey = (config: Config): boolean => needsKeys(config) && config.adminKey === null;
