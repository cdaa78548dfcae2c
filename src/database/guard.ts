// By what PostgreSQL itself refuses a breach: the indexes, constraints and triggers that the migrations make. A dump that was
// restored in parts, or a hand that meant well, may have taken one away, and nothing would tell until it was needed.
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { connection } from './client.js';
import { migrationFiles } from './migrate.js';

const MADE_OR_DROPPED = /(\bDROP )?\b(CONSTRAINT|INDEX|TRIGGER) (?:IF (?:NOT )?EXISTS )?"(\w+)"/g;

/** The guards that the migrations leave in place, as `constraint sessions_policy`. */
export async function guards(): Promise<string[]> {
  const made = new Set<string>();
  for (const file of await migrationFiles()) {
    const sql = (await readFile(file, 'utf8')).replaceAll(/--.*$/gm, '');
    for (const [, drop, kind = '', name] of sql.matchAll(MADE_OR_DROPPED)) {
      const guard = `${kind.toLowerCase()} ${name}`;
      if (drop) made.delete(guard);
      else made.add(guard);
    }
  }
  return [...made];
}

/** Of those, the ones that are missing in the database, or turned off, or were never held against the rows. */
export async function missingGuards(url: string): Promise<string[]> {
  const client = new pg.Client(connection(url));
  await client.connect();
  try {
    const { rows } = await client.query<{ guard: string }>(PRESENT);
    const present = new Set(rows.map(({ guard }) => guard));
    return (await guards()).filter((guard) => !present.has(guard));
  } finally {
    await client.end();
  }
}

// A foreign key is on where the triggers are by which PostgreSQL keeps it.
const PRESENT = `
  SELECT 'index ' || c.relname AS guard FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE c.relnamespace = current_schema()::regnamespace AND i.indisvalid
  UNION ALL
  SELECT 'constraint ' || k.conname FROM pg_constraint k
  WHERE k.connamespace = current_schema()::regnamespace AND k.convalidated
    AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled NOT IN ('O', 'A'))
  UNION ALL
  SELECT 'trigger ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
  WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')`;
