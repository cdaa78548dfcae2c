import { PrismaPg } from '@prisma/adapter-pg';
import type { Logger } from 'pino';
import { PrismaClient } from '../generated/prisma/client.js';
import { openPool } from './pool.js';

// The one door to what Prisma generates: nobody else imports from src/generated/prisma.
export * from '../generated/prisma/client.js';

export interface DatabaseOptions {
  /** Connections that this process opens at most. Default 10. */
  poolSize?: number;
  /** The server cancels a statement that runs longer. Default 0: never. */
  statementTimeoutMs?: number;
  /** Hears of connections that are lost while idle. */
  log?: Logger;
  /** Hears each statement as it is sent. */
  onQuery?: (sql: string) => void;
}

export interface Database {
  readonly prisma: PrismaClient;
  /** Waits for the statements under way, then gives all connections back: resolves when the server has none of them left. */
  readonly close: () => Promise<void>;
}

/**
 * A Prisma client over node-postgres. Connections are opened when they are needed, so an unreachable server shows at the
 * first query. They run in UTC under the application name `lifeline`. One that breaks while idle is replaced: it is
 * logged and never ends the process.
 */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const { poolSize = 10, statementTimeoutMs = 0, log, onQuery } = options;
  const onLoss = (error: Error): void => log?.warn({ err: error }, 'a database connection was lost');
  const { pool, end } = openPool({ ...connection(url), max: poolSize, statement_timeout: statementTimeoutMs });
  pool.on('error', onLoss);
  const adapter = new PrismaPg(pool, { onConnectionError: onLoss });
  const prisma = new PrismaClient({
    adapter,
    log: onQuery ? [{ emit: 'event', level: 'query' }] : [],
    // Prisma gives up on a busy pool after 2 s and on a transaction after 5 s: a burst should wait its turn, not fail.
    transactionOptions: { maxWait: 10_000, timeout: 30_000 },
  });
  if (onQuery) prisma.$on('query', (event) => onQuery(event.query));
  return {
    prisma,
    async close() {
      await prisma.$disconnect();
      await end();
    },
  };
}

/**
 * What node-postgres needs to reach `url`, with the session in UTC: the adapter writes instants without an offset, and
 * the server would read them in whatever zone it is configured for. Options that the URL carries are kept.
 */
export function connection(url: string): { connectionString: string; application_name: string } {
  const target = new URL(url);
  const given = target.searchParams.get('options');
  target.searchParams.set('options', [given, '-c TimeZone=UTC'].filter(Boolean).join(' '));
  return { connectionString: target.href, application_name: 'lifeline' };
}
