import { afterAll, expect, test } from 'vitest';
import { refreshStatistics } from '../../src/store/statistics.js';
import { hold, query } from '../support/sql.js';
import { openStore } from '../support/store.js';

const { store, url, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

/** Adds so many rows; PostgreSQL counts them at the latest when the connection is closed. */
const addConversations = (count: number) =>
  query(
    url,
    `INSERT INTO conversations (project_id, id, platform, external_id)
     SELECT p.id, gen_random_uuid(), 'test', gen_random_uuid()::text FROM projects p, generate_series(1, ${count}) WHERE p.slug = 'default'`,
  );

async function known(): Promise<unknown> {
  const [row] = await query(url, `SELECT reltuples FROM pg_class WHERE oid = 'conversations'::regclass`);
  return row?.reltuples;
}

test('a table that has filled up is looked at, and again when it is twice as large', async () => {
  await query(url, 'ALTER TABLE conversations SET (autovacuum_enabled = off)');
  await addConversations(400);
  expect(await refreshStatistics(store)).toEqual([]);
  expect(await known()).toBe(-1);

  await addConversations(200);
  expect(await refreshStatistics(store)).toEqual(['conversations']);
  expect(await known()).toBe(600);
  expect(await refreshStatistics(store)).toEqual([]);

  await addConversations(500);
  expect(await refreshStatistics(store)).toEqual([]);
  await addConversations(200);
  expect(await refreshStatistics(store)).toEqual(['conversations']);
  expect(await known()).toBe(1_300);
});

test('nobody waits for a table that somebody else looks at', async () => {
  await query(url, 'ALTER TABLE runs SET (autovacuum_enabled = off)');
  await query(
    url,
    `INSERT INTO runs (project_id, id) SELECT p.id, gen_random_uuid() FROM projects p, generate_series(1, 600) WHERE p.slug = 'default'`,
  );
  await using _other = await hold(url, 'LOCK TABLE runs IN SHARE UPDATE EXCLUSIVE MODE');

  expect(await refreshStatistics(store)).toEqual(['runs']);

  const [row] = await query(url, `SELECT reltuples FROM pg_class WHERE oid = 'runs'::regclass`);
  expect(row?.reltuples).toBe(-1);
});
