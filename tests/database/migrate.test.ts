import { mkdtemp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate, migrationDrift } from '../../src/database/migrate.js';
import { createDatabase } from '../support/postgres.js';
import { query } from '../support/sql.js';

const shipped = (await readdir('prisma/migrations', { withFileTypes: true }))
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

describe('migrate', () => {
  test('applies all migrations to an empty database, and then none', async () => {
    await using database = await createDatabase({ migrated: false });

    expect(await migrate(database.url)).toEqual(shipped);
    expect(await migrate(database.url)).toEqual([]);
  });

  test('applies each migration once when several start at once', async () => {
    await using database = await createDatabase({ migrated: false });

    const applied = await Promise.all(Array.from({ length: 4 }, () => migrate(database.url)));

    expect(applied.flat().sort()).toEqual(shipped);
    const records = await query(database.url, 'SELECT migration_name FROM _prisma_migrations ORDER BY 1');
    expect(records.map((record) => record.migration_name)).toEqual(shipped);
  });

  test('says why a database cannot be reached', async () => {
    await using database = await createDatabase({ migrated: false });

    await expect(migrate(`${database.url}_gone`)).rejects.toThrow(/_gone" does not exist/);
  });
});

describe('a migration that fails', () => {
  let folder: string;
  const write = async (name: string, sql: string): Promise<void> => {
    await mkdir(path.join(folder, name), { recursive: true });
    await writeFile(path.join(folder, name, 'migration.sql'), sql);
  };
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'lifeline migrations-'));
    await writeFile(path.join(folder, 'migration_lock.toml'), 'provider = "postgresql"\n');
    await write(
      '1_good',
      'CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN; RETURN 1; END $$;\n-- the end; really'.replace(
        'BEGIN;',
        'BEGIN',
      ),
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('is named, leaves nothing behind, and is applied once it is mended', async () => {
    await using database = await createDatabase({ migrated: false });
    const at = pathToFileURL(folder);
    await write('2_broken', 'CREATE TABLE half (id int); CREATE TABEL other (id int);');

    const failure = migrate(database.url, at);
    await expect(failure).rejects.toThrow('The migration 2_broken failed and was rolled back');
    await expect(failure).rejects.toThrow('syntax error at or near "TABEL"');
    expect(await query(database.url, `SELECT to_regclass('half') AS half, one()`)).toEqual([{ half: null, one: 1 }]);

    await write('2_broken', 'CREATE TABLE half (id int); CREATE TABLE other (id int);');
    expect(await migrate(database.url, at)).toEqual(['2_broken']);
    expect(await migrate(database.url, at)).toEqual([]);
  });

  test('is tried again where the process that applied it was killed', async () => {
    await using database = await createDatabase({ migrated: false });
    await write('2_broken', 'CREATE TABLE half (id int);');
    const at = pathToFileURL(folder);
    await migrate(database.url, at);
    await query(database.url, `UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '2_broken'`);
    await query(database.url, 'DROP TABLE half');

    expect(await migrate(database.url, at)).toEqual(['2_broken']);
  });
});

describe('migrationDrift', () => {
  test('is empty: the migrations make what prisma/schema.prisma describes', async () => {
    await using database = await createDatabase();

    expect(await migrationDrift(database.url)).toBe('');
  });

  test('tells of a column that the schema does not have', async () => {
    await using database = await createDatabase();
    await query(database.url, 'ALTER TABLE projects ADD COLUMN surplus int');

    expect(await migrationDrift(database.url)).toContain('Removed column `surplus`');
  });
});
