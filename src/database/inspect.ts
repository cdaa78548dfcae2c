import pg from 'pg';
import { connection } from './client.js';

/** What a database says of itself. */
export interface Inspection {
  version: string;
  versionNumber: number;
  /** Names of migrations, oldest first: those that are in place, and those that PostgreSQL refused or that were cut short. */
  applied: string[];
  failed: string[];
  /** By how many milliseconds its clock is ahead of ours, and how long the quickest question took. */
  aheadMs: number;
  roundTripMs: number;
  usableConnections: number;
  takenConnections: number;
  fsync: string;
  fullPageWrites: string;
  synchronousCommit: string;
  isReadOnly: boolean;
}

const REACH_MS = 5_000;
const QUESTIONS = 5;

const SETTINGS = `
  SELECT current_setting('server_version') AS "version", current_setting('server_version_num')::int AS "versionNumber",
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      AS "usableConnections",
    (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())
      AS "takenConnections",
    current_setting('fsync') AS "fsync", current_setting('full_page_writes') AS "fullPageWrites",
    current_setting('synchronous_commit') AS "synchronousCommit",
    pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS "isReadOnly",
    to_regclass('_prisma_migrations') IS NOT NULL AS "isMigrated"`;

const MIGRATIONS = `
  SELECT migration_name AS name, finished_at IS NOT NULL AS finished FROM _prisma_migrations
  WHERE rolled_back_at IS NULL ORDER BY migration_name`;

/** Asks the database about itself, and changes nothing. Rejects where it cannot be reached within REACH_MS. */
export async function inspect(url: string): Promise<Inspection> {
  const client = new pg.Client({ ...connection(url), connectionTimeoutMillis: REACH_MS, query_timeout: REACH_MS });
  // One that breaks rejects the question under way.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Inspection & { isMigrated: boolean }>(SETTINGS);
    const [settings] = rows;
    if (!settings) throw new Error('the database answered with no row');
    const { isMigrated, ...inspection } = settings;
    const migrations = isMigrated ? (await client.query<{ name: string; finished: boolean }>(MIGRATIONS)).rows : [];
    return {
      ...inspection,
      ...(await compareClocks(client)),
      applied: migrations.filter(({ finished }) => finished).map(({ name }) => name),
      failed: migrations.filter(({ finished }) => !finished).map(({ name }) => name),
    };
  } finally {
    await client.end();
  }
}

async function compareClocks(client: pg.Client): Promise<Pick<Inspection, 'aheadMs' | 'roundTripMs'>> {
  let best = { aheadMs: 0, roundTripMs: Infinity };
  for (let question = 0; question < QUESTIONS; question++) {
    const asked = performance.timeOrigin + performance.now();
    const { rows } = await client.query<{ at: number }>(
      'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS at',
    );
    const roundTripMs = performance.timeOrigin + performance.now() - asked;
    if (roundTripMs < best.roundTripMs) {
      best = { aheadMs: Math.round((rows[0]?.at ?? NaN) - (asked + roundTripMs / 2)), roundTripMs };
    }
  }
  return best;
}
