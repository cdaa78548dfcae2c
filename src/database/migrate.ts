import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';
import { withSchemaEngine } from './engine.js';
import { inspect } from './inspect.js';

const schemaFile = new URL('../../prisma/schema.prisma', import.meta.url);
const migrationFolder = new URL('../../prisma/migrations', import.meta.url);

/** The lock that the engine takes, and `prisma migrate deploy`; a session may take it several times. */
const LOCK = 'SELECT pg_advisory_lock(72707369)';

const filters = { externalTables: [], externalEnums: [] };

/** A migration that PostgreSQL refused. It left nothing behind; the ones before it stay applied. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';

  constructor(
    readonly migration: string,
    cause: unknown,
  ) {
    super(`The migration ${migration} failed and was rolled back: ${plain(cause)}`, { cause });
  }
}

/**
 * Brings the database to the newest schema and answers with the names of the migrations that were applied now, oldest
 * first; none where it is up to date. The record is the table of `prisma migrate deploy`. Any number of processes may
 * call it at once: one works, the others wait. Each migration is one transaction, so one that failed or was cut short
 * is tried again by the next call. Rejects with MigrationError, or with an Error that says why the database cannot be
 * migrated at all.
 */
export async function migrate(url: string, folder: URL = migrationFolder): Promise<string[]> {
  if (await isUpToDate(url, await migrationNames(fileURLToPath(folder)))) return [];
  const migrationsList = await read(fileURLToPath(folder));
  return withSchemaEngine(url, async ({ engine, pool }) => {
    // Before the diagnosis, or a migration that another process is applying would look like one that failed.
    await pool.query(LOCK);
    for (const migrationName of await unfinished(engine, migrationsList)) {
      await engine.markMigrationRolledBack({ migrationName });
    }
    try {
      return (await engine.applyMigrations({ migrationsList, filters })).appliedMigrationNames;
    } catch (error) {
      const [failed] = await unfinished(engine, migrationsList);
      throw failed ? new MigrationError(failed, error) : new Error(plain(error), { cause: error });
    }
  });
}

/** Most starts find it so, and need no engine, which takes longer to load than all else that the database needs. */
async function isUpToDate(url: string, names: readonly string[]): Promise<boolean> {
  const { applied, failed } = await inspect(url);
  return failed.length === 0 && names.every((name) => applied.includes(name));
}

/**
 * What would have to change for the database to be as prisma/schema.prisma describes it, in the engine's words; empty
 * where nothing would. What Prisma cannot describe (partial indexes, CHECKs, triggers, storage) is not compared.
 */
export async function migrationDrift(url: string): Promise<string> {
  const files = [{ path: fileURLToPath(schemaFile), content: await readFile(schemaFile, 'utf8') }];
  const { exitCode, stdout } = await withSchemaEngine(url, ({ engine }) =>
    engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: path.dirname(fileURLToPath(schemaFile)) },
      to: { tag: 'schemaDatamodel', files },
      script: false,
      exitCode: true,
      filters,
    }),
  );
  return exitCode === 0 ? '' : (stdout ?? '').trim();
}

/** The names of this version's migrations, oldest first. */
export async function migrationNames(folder: string = fileURLToPath(migrationFolder)): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return names.sort();
}

/** Their scripts, in the same order. */
export async function migrationFiles(): Promise<string[]> {
  const names = await migrationNames();
  return names.map((name) => path.join(fileURLToPath(migrationFolder), name, 'migration.sql'));
}

async function read(folder: string): Promise<MigrationList> {
  const names = await migrationNames(folder);
  return {
    baseDir: folder,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(path.join(folder, 'migration_lock.toml'), 'utf8'),
    },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      names.map(async (name) => {
        const value = await readFile(path.join(folder, name, 'migration.sql'), 'utf8');
        return { path: name, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } };
      }),
    ),
  };
}

async function unfinished(engine: SchemaEngine, migrationsList: MigrationList): Promise<string[]> {
  const history = await engine.diagnoseMigrationHistory({ migrationsList, optInToShadowDatabase: false, filters });
  return history.failedMigrationNames;
}

/** The engine's message without the trace of its own functions that it appends. */
function plain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/\n\s+0: [^]*$/, '')
    .replace(/^external connector error\s+(Error querying the database: )?/, '')
    .trim();
}
