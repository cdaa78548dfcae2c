import { afterAll, expect, test } from 'vitest';
import { refreshStatistics } from '../../src/store/statistics.js';
import { hold, query } from '../support/sql.js';
import { openStore } from '../support/store.js';

const { store, url, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());
for (const table of ['conversations', 'runs']) await query(url, `ALTER TABLE ${table} SET (autovacuum_enabled = off)`);

const OF_DEFAULT = `FROM projects p, LATERAL (SELECT gen_random_uuid() AS id FROM generate_series(1, $1)) i
  WHERE p.slug = 'default'`;

/** Adds so many rows; PostgreSQL counts them at the latest when the connection is closed. */
const addConversations = (count: number) =>
  query(
    url,
    `INSERT INTO conversations (project_id, id, platform, external_id) SELECT p.id, i.id, 'test', i.id::text ${OF_DEFAULT}`,
    [count],
  );
const addRuns = (count: number) =>
  query(url, `INSERT INTO runs (project_id, id) SELECT p.id, i.id ${OF_DEFAULT}`, [count]);

/** How many rows PostgreSQL knows of; -1 where it has never looked. */
async function known(table: string): Promise<unknown> {
  const [row] = await query(url, 'SELECT reltuples FROM pg_class WHERE oid = $1::regclass', [table]);
  return row?.reltuples;
}

test('of a table of a new database nothing is known, rather than that it is empty', async () => {
  const looked = await query(
    url,
    `SELECT relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'project_id'
     WHERE relkind = 'r' AND reltuples <> -1`,
  );
  expect(looked).toEqual([]);
});

test('a table that has filled up is looked at, and again when it is twice as large', async () => {
  await addConversations(40);
  expect(await refreshStatistics(store)).toEqual([]);
  expect(await known('conversations')).toBe(-1);

  await addConversations(60);
  expect(await refreshStatistics(store)).toEqual(['conversations']);
  expect(await known('conversations')).toBe(100);
  expect(await refreshStatistics(store)).toEqual([]);

  await addConversations(90);
  expect(await refreshStatistics(store)).toEqual([]);
  await addConversations(20);
  expect(await refreshStatistics(store)).toEqual(['conversations']);
  expect(await known('conversations')).toBe(210);
});

test('nobody waits for a table that somebody else looks at', async () => {
  await addRuns(100);
  await using _other = await hold(url, 'LOCK TABLE runs IN SHARE UPDATE EXCLUSIVE MODE');

  expect(await refreshStatistics(store)).toEqual(['runs']);

  expect(await known('runs')).toBe(-1);
});

test('whoever is to stop looks at no more', async () => {
  expect(await refreshStatistics(store, { signal: AbortSignal.abort() })).toEqual([]);
  expect(await known('runs')).toBe(-1);
});

test('a table that takes too long is left to autovacuum, and keeps nobody from the others', async () => {
  await query(url, 'CREATE TABLE slow AS SELECT 0 AS seconds');
  await query(
    url,
    `CREATE FUNCTION slowly(id uuid) RETURNS uuid IMMUTABLE LANGUAGE plpgsql AS $$
     BEGIN PERFORM pg_catalog.pg_sleep(seconds) FROM public.slow; RETURN id; END $$`,
  );
  await query(url, 'CREATE INDEX ON conversations (slowly(id))');
  await addConversations(300);
  await query(url, 'UPDATE slow SET seconds = 1');
  const left = new Set<string>();

  await expect(refreshStatistics(store, { left })).rejects.toMatchObject({ code: '57014' });
  expect([...left]).toEqual(['conversations']);

  expect(await refreshStatistics(store, { left })).toEqual(['runs']);
  expect(await known('runs')).toBe(100);
  expect(await known('conversations')).toBe(210);
});
