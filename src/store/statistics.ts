// PostgreSQL plans by what it knows of its tables, and of one that fills up it knows nothing until its autovacuum comes by: for a
// minute, or for as long as that is off. Until then it reads all of what it supposes to be small, with each statement.
import { Prisma } from '../database/client.js';
import { MODELS } from '../database/model.js';
import type { Store } from './store.js';

/** So few rows are read as soon as one of them is looked up. */
const FEW = 500;
const GROWN_TO = 2;

const TABLES = Array.from(MODELS.values(), ({ table }) => table);

/** Has PostgreSQL look at the tables that are much larger than when it last did. Answers with their names. */
export async function refreshStatistics({ database: { writer } }: Store): Promise<string[]> {
  const grown = await writer.$queryRaw<{ name: string }[]>`
    SELECT t.relname AS "name" FROM pg_stat_user_tables t JOIN pg_class c ON c.oid = t.relid
    WHERE t.schemaname = current_schema() AND t.relname = ANY (${TABLES}::text[])
      AND t.n_live_tup > greatest(${FEW}, ${GROWN_TO} * c.reltuples)
    ORDER BY t.relname`;
  // Where somebody else is at it already there is nothing to wait for.
  for (const { name } of grown) await writer.$executeRaw(Prisma.raw(`ANALYZE (SKIP_LOCKED) "${name}"`));
  return grown.map(({ name }) => name);
}
