import type { Database } from '../database/client.js';
import type { LogTail } from './tail.js';

/** How the database and this process's readers of it are. */
export interface Vitals {
  /** The names of the migrations that are in place. */
  readonly migrated: readonly string[];
  /** Events ever recorded, of all projects. */
  readonly logPosition: number;
  /** By how many events the readers of this process are behind, the one that is farthest. */
  readonly tailLag: number;
  /** Since the watchdog last looked, on whatever server; null where none ever has. */
  readonly watchdogSeconds: number | null;
}

const VITALS = `
  SELECT
    ARRAY(SELECT migration_name::text FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL)
      AS "migrated",
    (SELECT coalesce(sum(log_position), 0)::float8 FROM projects) AS "logPosition",
    (SELECT coalesce(max(p.log_position - h.head), 0)::int FROM unnest($1::uuid[], $2::bigint[]) AS h (id, head)
      JOIN projects p USING (id)) AS "tailLag",
    (SELECT round(extract(epoch FROM clock_timestamp() - ticked_at), 3)::float8 FROM watchdog) AS "watchdogSeconds"`;

/** One statement, on the connection that nobody else uses. Rejects where the database is out of reach. */
export async function readVitals({ ask }: Pick<Database, 'ask'>, tails: ReadonlyMap<string, LogTail>): Promise<Vitals> {
  const followed = [...tails].filter(([, tail]) => tail.followers > 0);
  const heads = [followed.map(([id]) => id), followed.map(([, tail]) => String(tail.head))];
  const [vitals] = await ask<{ [Name in keyof Vitals]: Vitals[Name] }>(VITALS, heads);
  if (!vitals) throw new Error('the database answered with no row');
  return vitals;
}
