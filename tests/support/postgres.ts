import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { query, withDatabase } from './sql.js';

/** A database of a test's own; `await using` drops it. */
export interface TestDatabase extends AsyncDisposable {
  url: string;
  /** Removes it, with whatever is still connected. */
  drop(): Promise<void>;
}

/** A new database with all migrations applied, a copy of the run's template, or an empty one. */
export async function createDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const { adminUrl, prefix, template } = inject('postgres');
  const name = `${prefix}_${randomBytes(6).toString('hex')}`;
  await query(adminUrl, `CREATE DATABASE ${name} TEMPLATE ${migrated ? template : 'template0'}`);
  const drop = async (): Promise<void> => {
    await query(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  };
  return { url: withDatabase(adminUrl, name), drop, [Symbol.asyncDispose]: drop };
}
