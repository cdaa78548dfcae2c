import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import type { TestProject } from 'vitest/node';
import { startEmbedded } from '../../src/database/embedded.js';
import { migrate } from '../../src/database/migrate.js';
import { query, withDatabase } from './sql.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server of this run; every database on it whose name begins with `prefix` is the run's own. */
    postgres: { adminUrl: string; prefix: string; template: string };
  }
}

/** Before the first test: one PostgreSQL for all files, and in it a migrated template. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await findServer(process.env.TEST_DATABASE_URL);
  const prefix = `lifeline_test_${randomBytes(4).toString('hex')}`;
  const template = `${prefix}_template`;
  await query(server.url, `CREATE DATABASE ${template}`);
  await migrate(withDatabase(server.url, template));
  project.provide('postgres', { adminUrl: server.url, prefix, template });
  return async () => {
    await dropAll(server.url, prefix);
    await server.stop();
  };
}

/** The server that TEST_DATABASE_URL names, else an embedded one that is gone afterwards and need not be durable. */
async function findServer(given: string | undefined): Promise<{ url: string; stop(): Promise<void> }> {
  if (given) return { url: given, stop: () => Promise.resolve() };

  const dataDir = await mkdtemp(path.join(tmpdir(), 'lifeline-test-'));
  const settings = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', max_connections: '300' };
  const server = await startEmbedded({ dataDir, log: pino({ level: 'warn' }), settings });
  return {
    url: server.url,
    async stop() {
      await server.stop();
      await rm(dataDir, { recursive: true });
    },
  };
}

async function dropAll(url: string, prefix: string): Promise<void> {
  for (const { datname } of await query(url, 'SELECT datname FROM pg_database WHERE starts_with(datname, $1)', [
    prefix,
  ])) {
    await query(url, `DROP DATABASE IF EXISTS ${String(datname)} WITH (FORCE)`);
  }
}
