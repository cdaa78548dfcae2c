// PostgreSQL plans by what it knows of its tables, and of one that fills up it knows nothing until its autovacuum comes by: for a
// minute, or for as long as that is off. Until then it reads all of what it supposes to be small, with each statement.
import { Prisma, type Queryable } from '../database/client.js';
import type { Store } from './store.js';

/** As many as autovacuum has by default: with fewer it does not matter how they are found. */
const FEW = 50;
const GROWN_TO = 2;
/** Whoever closes a server waits no longer. */
const LOOK_MAX_MS = 3_000;

interface Options {
  /** The tables that are left to autovacuum. One is added where this fails, as on a slow disk it may. */
  readonly left?: Set<string>;
  readonly signal?: AbortSignal;
}

/**
 * Has PostgreSQL look at the tables that are much larger than when it last did, and answers with their names. One that somebody
 * has locked is passed over.
 */
export async function refreshStatistics(
  { database: { writer } }: Store,
  { left = new Set(), signal }: Options = {},
): Promise<string[]> {
  const seen: string[] = [];
  while (!signal?.aborted) {
    const name = await writer.$transaction(async (db) => {
      // Each is found by itself: another server may have come to it meanwhile.
      const grown = await findGrown(db, [...seen, ...left]);
      if (grown === null) return null;
      left.add(grown);
      await db.$queryRaw`SELECT set_config('statement_timeout', ${`${LOOK_MAX_MS}`}, true)`;
      // Whoever waited for an autovacuum would have it cancelled.
      await db.$executeRaw(Prisma.raw(`ANALYZE (SKIP_LOCKED) ${grown}`));
      left.delete(grown);
      return grown;
    });
    if (name === null) break;
    seen.push(name);
  }
  return seen;
}

/** One of the tables of projects that has grown, as statements name it, but for those; null where there is none. */
async function findGrown(db: Queryable, but: readonly string[]): Promise<string | null> {
  const [grown] = await db.$queryRaw<{ name: string }[]>`
    SELECT quote_ident(t.relname) AS "name" FROM pg_stat_user_tables t JOIN pg_class c ON c.oid = t.relid
    WHERE t.schemaname = current_schema() AND pg_has_role(c.relowner, 'USAGE')
      AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'project_id')
      AND t.n_live_tup > greatest(${FEW}, ${GROWN_TO} * c.reltuples) AND quote_ident(t.relname) <> ALL (${but}::text[])
    ORDER BY t.relname LIMIT 1`;
  return grown?.name ?? null;
}
