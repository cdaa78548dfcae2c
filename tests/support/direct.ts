import pg from 'pg';
import { afterAll, expect } from 'vitest';
import { createDatabase } from './postgres.js';

/** A connection to a database of a test file's own, dropped after it: for what the database refuses, whatever the code would do. */
export async function connectDirectly(): Promise<pg.Client> {
  const database = await createDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  afterAll(async () => {
    await client.end();
    await database.drop();
  });
  return client;
}

/** That the database refuses it by that constraint, index or trigger. */
export const refused = (attempt: Promise<unknown>, constraint: string): Promise<void> =>
  expect(attempt).rejects.toMatchObject({ constraint });
