import { expect, it } from 'vitest';
import { openDatabase } from '../../src/database/client.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { audit } from '../../src/store/audit.js';
import { startApp } from '../support/app.js';
import { createDatabase } from '../support/postgres.js';
import { fuzz } from './fuzz.js';

it('random operations meet typed answers only, and leave every invariant whole', { timeout: 120_000 }, async () => {
  await using own = await createDatabase();
  await using app = await startApp({ databaseUrl: own.url });
  const { codes, delivered, faults } = await fuzz({ url: app.url, schema: buildSchema(), runs: 200, seed: 1 });
  expect(faults).toEqual([]);
  // The operations come through, and are refused, in many ways.
  expect(codes.ok).toBeGreaterThan(20);
  expect(delivered).toBeGreaterThan(0);
  expect(Object.keys(codes)).toEqual(expect.arrayContaining(['VALIDATION', 'NOT_FOUND', 'GRAPHQL_PARSE_FAILED']));

  const database = openDatabase(own.url);
  expect((await audit(database)).filter(({ breaches }) => breaches.length > 0)).toEqual([]);
  await database.close();
});
