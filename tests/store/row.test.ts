import { afterAll, expect, test } from 'vitest';
import { Prisma } from '../../src/database/client.js';
import { CONVERSATION_COLUMNS, EVENTS, RUN_COLUMNS, SESSION_COLUMNS } from '../../src/store/row.js';
import { createRun } from '../../src/store/run.js';
import { openStore } from '../support/store.js';

const { store, caller, database, start, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());
const { prisma } = database;

test('a raw row has the shape and the values of Prisma’s', async () => {
  const { run } = await createRun(store, caller, { externalId: 'x', metadata: { a: [1, null, 'ü'] } });
  await start(caller, {
    runId: run.id,
    conversation: { platform: 'p', externalId: 'x' },
    workspace: { pid: 7, branchName: 'b' },
    occurredAt: new Date('2026-01-02T03:04:05.678Z'),
    metadata: { deep: { n: 1.5 } },
  });
  const raw = (columns: Prisma.Sql, table: Prisma.Sql) => prisma.$queryRaw`SELECT ${columns} FROM ${table}`;

  expect(await raw(SESSION_COLUMNS, Prisma.sql`sessions s`)).toEqual(await prisma.session.findMany());
  expect(await raw(CONVERSATION_COLUMNS, Prisma.sql`conversations c`)).toEqual(await prisma.conversation.findMany());
  expect(await raw(RUN_COLUMNS, Prisma.sql`runs r`)).toEqual(await prisma.run.findMany());
  expect(await raw(EVENTS.columns('e'), Prisma.sql`events e ORDER BY position`)).toEqual(
    await prisma.event.findMany({ orderBy: { position: 'asc' } }),
  );
});
