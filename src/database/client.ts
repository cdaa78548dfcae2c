import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import type { Logger } from 'pino';
import { PrismaClient } from '../generated/prisma/client.js';
import { OWN_QUESTIONS, TAIL_CONNECTIONS } from './connections.js';
import { lineReader, type Lines } from './line.js';
import { openPool, type Pool, type PoolUsage } from './pool.js';
import { openWriter, type Queryable, type Spanned, type Writer } from './queryable.js';
import { plainly } from './reader.js';
import { statementNames } from './statement.js';

// The one door to what Prisma generates: nobody else imports from src/generated/prisma.
export * from '../generated/prisma/client.js';
export type { OpenTransaction, Queryable, Spanned, Writer } from './queryable.js';

export interface DatabaseOptions {
  /** Connections for reads at most, and as many for writes. Default 10. */
  poolSize?: number;
  /** The server cancels a statement that runs longer. Default 0: never. */
  statementTimeoutMs?: number;
  /** How long a statement waits for a free connection before it fails. Default 5 s. */
  acquireTimeoutMs?: number;
  /** Hears of connections that are lost while idle. */
  log?: Logger;
  /** Hears each statement as it is sent. */
  onQuery?: (sql: string) => void;
  /** Tells a trace of what the writer does; Prisma tells of the rest by itself. */
  spanned?: Spanned | undefined;
}

/** Each with connections of its own, so that none starves another. */
export interface Database {
  /** For reads. */
  readonly prisma: PrismaClient;
  /** For raw reads, by the same connections. */
  readonly reader: Queryable;
  /** For what changes rows. */
  readonly writer: Writer;
  /** For raw reads of many rows, by the connections for reads. */
  readonly lines: Lines;
  /** For the readers of the log: what is committed is heard of, whatever else is asked. */
  readonly tail: Lines;
  /** For questions about the database itself, which must not wait for others: one connection. */
  readonly ask: <Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<Row[]>;
  /** How busy the connections are now, by what they are for. */
  readonly usage: () => Readonly<Record<PoolName, PoolUsage>>;
  /** Waits for the statements under way, then gives all connections back: resolves when the server has none of them left. */
  readonly close: () => Promise<void>;
}

export type PoolName = 'read' | 'write' | 'tail';

/**
 * Prisma over node-postgres for reads, node-postgres alone for what changes rows. Connections are opened when they are needed, so an unreachable server shows at the first
 * query. They run in UTC under the application name `lifeline`. One that breaks while idle is replaced: it is logged and
 * never ends the process.
 */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const { poolSize = 10, statementTimeoutMs = 0, acquireTimeoutMs = 5_000, log, onQuery, spanned } = options;
  const onLoss = (error: Error): void => log?.warn({ err: error }, 'a database connection was lost');
  const open = (max: number): Pool => {
    const limits = { statement_timeout: statementTimeoutMs, connectionTimeoutMillis: acquireTimeoutMs };
    const pool = openPool({ ...connection(url), ...limits, max });
    pool.pool.on('error', onLoss);
    return pool;
  };
  const client = ({ pool }: Pool): PrismaClient => {
    const prisma = new PrismaClient({
      adapter: new PrismaPg(pool, { onConnectionError: onLoss, statementNameGenerator: nameOf }),
      log: onQuery ? [{ emit: 'event', level: 'query' }] : [],
      // Prisma gives up on a busy pool after 2 s and on a transaction after 5 s: a burst should wait its turn, not fail. The
      // pool gives up first: a connection that came after Prisma had would be nobody's.
      transactionOptions: { maxWait: acquireTimeoutMs + 5_000, timeout: 30_000 },
    });
    if (onQuery) prisma.$on('query', (event) => onQuery(event.query));
    return prisma;
  };

  // Callers decide how many kinds of reads there are: what is written keeps its names, however many they are.
  const [nameOf, writtenOf] = [statementNames(), statementNames('write')];
  const pools = { read: open(poolSize), write: open(poolSize), tail: open(TAIL_CONNECTIONS) };
  const questions = open(OWN_QUESTIONS);
  const raw = ({ pool }: Pool): Writer => openWriter(pool, { nameOf: writtenOf, onLoss, onQuery, spanned });
  const linesOf = ({ pool }: Pool): Lines => lineReader(pool, { nameOf, onQuery, spanned });
  const prisma = client(pools.read);
  const lines = linesOf(pools.read);
  return {
    prisma: plainly(prisma, lines),
    reader: raw(pools.read),
    writer: raw(pools.write),
    lines,
    tail: linesOf(pools.tail),
    ask: async <Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) =>
      (await questions.pool.query<Row>(sql, values)).rows,
    usage: () => ({ read: pools.read.usage(), write: pools.write.usage(), tail: pools.tail.usage() }),
    async close() {
      await prisma.$disconnect();
      await Promise.all([...Object.values(pools), questions].map((pool) => pool.end()));
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
