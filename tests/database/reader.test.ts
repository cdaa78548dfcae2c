import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { connection, PrismaClient } from '../../src/database/client.js';
import { MODELS } from '../../src/database/model.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { transitionSession } from '../../src/store/conversation.js';
import { appendEvents } from '../../src/store/event.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { createRun } from '../../src/store/run.js';
import { openStore, type TestStore } from '../support/store.js';
import { query } from '../support/sql.js';

// Prisma itself, and the client that answers plain questions by a statement of its own.
let opened: TestStore;
let pool: pg.Pool;
let prisma: PrismaClient;

beforeAll(async () => {
  opened = await openStore();
  pool = new pg.Pool({ ...connection(opened.url), max: 2 });
  prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  const { store, caller, start } = opened;
  const { run } = await createRun(store, caller, { externalId: 'run', metadata: { "it's": ['"', '\\', null, 1.5] } });
  const root = await start(caller, { runId: run.id, agentName: 'root', contextPercent: 12.5 });
  for (let index = 0; index < 4; index++) {
    const conversation = { platform: 'test', externalId: `thread ${index}` };
    const { id: sessionId } = await start(caller, { spawnedById: root.id, conversation, title: `№ ${index}` });
    const events = Array.from(
      { length: 3 },
      (_, step) => ({ type: 'PROGRESS', level: 'INFO', data: { step } }) as const,
    );
    await appendEvents(store, caller, { sessionId, events });
    const picture = { workState: { index }, pendingWork: ['a, "b"', '{c}'], contextPercent: index };
    await createCheckpoint(store, caller, { sessionId, type: 'MANUAL', trigger: 'MANUAL', ...picture });
    await heartbeat(store, caller, { sessionId, activity: 'reading' });
    if (index % 2) await transitionSession(store, caller, { conversation, trigger: 'PLAN_TO_EXECUTE' });
  }
});
afterAll(async () => {
  await prisma.$disconnect();
  await pool.end();
  await opened[Symbol.asyncDispose]();
});

interface Asked {
  where?: object;
  orderBy?: object | object[];
  take?: number;
  select?: object;
  include?: object;
}

type Delegate = Record<'findMany' | 'findFirst', (asked: object) => Promise<unknown>>;
const delegateOf = (client: object, model: string): Delegate => Reflect.get(client, model) as Delegate;

const NEWEST = [{ startedAt: 'desc' }, { id: 'desc' }];
const DAY_MS = 86_400_000;
const [PAST, FUTURE] = [new Date(Date.now() - DAY_MS), new Date(Date.now() + DAY_MS)];

const PLAIN: [what: string, model: string, asked: Asked][] = [
  ['whole rows', 'session', { orderBy: { ordinal: 'asc' } }],
  ['every kind of column', 'checkpoint', { orderBy: { sequence: 'asc' }, include: { session: true } }],
  ['some columns of the first few', 'session', { orderBy: NEWEST, take: 3, select: { id: true, startedAt: true } }],
  ['none', 'session', { take: 0 }],
  ['what rows refer to', 'session', { orderBy: NEWEST, select: { parent: true, run: true, conversation: true } }],
  ['what refers to a row by its key', 'session', { orderBy: NEWEST, take: 4, select: { pulse: true } }],
  [
    'lists in lists',
    'session',
    {
      orderBy: NEWEST,
      select: {
        title: true,
        spawned: {
          orderBy: { ordinal: 'desc' },
          take: 3,
          select: {
            id: true,
            run: { select: { metadata: true } },
            events: { orderBy: { sequence: 'desc' }, take: 2, where: { type: 'PROGRESS' } },
          },
        },
      },
    },
  ],
  [
    'numbers of rows',
    'session',
    { orderBy: NEWEST, select: { _count: { select: { events: { where: { level: 'INFO' } }, spawned: true } } } },
  ],
  ['rows of a state', 'session', { orderBy: NEWEST, where: { state: { in: ['WORKING', 'BOOTING'] }, endedAt: null } }],
  ['rows of no state', 'session', { where: { state: { in: [] } } }],
  [
    'what is not so',
    'session',
    { orderBy: NEWEST, where: { startReason: { not: 'FIRST_MESSAGE' }, endedAt: { not: null } } },
  ],
  [
    'what is so in one way or another',
    'session',
    { orderBy: NEWEST, where: { OR: [{ title: '№ 1' }, { AND: [{ depth: 0 }, { agentName: 'root' }] }] } },
  ],
  ['what is so in no way', 'session', { where: { OR: [] } }],
  ['a time between two', 'event', { orderBy: { position: 'asc' }, where: { recordedAt: { gt: PAST, lte: FUTURE } } }],
  ['positions from one on', 'event', { orderBy: { position: 'asc' }, where: { position: { gte: 5n, lt: 9n } } }],
  ['what is not said', 'session', { orderBy: NEWEST, where: { title: undefined, depth: { gt: undefined } } }],
  [
    'a relation that is so',
    'session',
    { orderBy: NEWEST, where: { pulse: { lastActivityAt: { lte: FUTURE }, activity: 'reading' } } },
  ],
  [
    'the order of a relation',
    'session',
    {
      orderBy: [{ pulse: { lastActivityAt: 'desc' } }, { id: 'asc' }],
      take: 5,
      select: { id: true, parent: { select: { id: true } } },
    },
  ],
  [
    'nulls at the end of an order',
    'session',
    { orderBy: [{ endedAt: { sort: 'desc', nulls: 'last' } }, { id: 'asc' }], select: { id: true } },
  ],
];

describe('a plain question', () => {
  it.each(PLAIN)('is answered as by Prisma, by one statement: %s', async (_what, model, asked) => {
    const theirs = await delegateOf(prisma, model).findMany(asked);
    opened.statements.length = 0;
    expect(await delegateOf(opened.database.prisma, model).findMany(asked)).toEqual(theirs);
    // Prisma quotes every name.
    expect(opened.statements).toEqual([expect.not.stringContaining('"')]);
  });

  it.each(PLAIN.filter(([, , { take }]) => take === undefined))(
    'has a first answer: %s',
    async (_what, model, asked) => {
      const theirs = await delegateOf(prisma, model).findFirst(asked);
      expect(await delegateOf(opened.database.prisma, model).findFirst(asked)).toEqual(theirs);
    },
  );
});

it.each<[what: string, asked: Asked]>([
  ['a part of a text', { where: { title: { contains: '№' } }, orderBy: { ordinal: 'asc' } }],
  ['any of a list', { where: { NOT: { title: '№ 1' } }, orderBy: { ordinal: 'asc' } }],
  ['some of many', { where: { events: { some: { type: 'PROGRESS' } } }, orderBy: { ordinal: 'asc' } }],
  ['the last ones', { take: -2, orderBy: { ordinal: 'asc' } }],
])('what is not plain is left to Prisma: %s', async (_what, asked) => {
  opened.statements.length = 0;
  const rows = await delegateOf(opened.database.prisma, 'session').findMany(asked);
  expect(rows).toEqual(await delegateOf(prisma, 'session').findMany(asked));
  expect(opened.statements).toEqual([expect.stringContaining('"')]);
});

it('the names of tables and columns are those of the database', async () => {
  const rows = await query(
    opened.url,
    `SELECT table_name || '.' || column_name AS name FROM information_schema.columns WHERE table_schema = 'public'`,
  );
  const there = new Set(rows.map(({ name }) => String(name)));
  const named = [...MODELS.values()].flatMap(({ table, columns, relations }) => [
    ...Array.from(columns.values(), ({ sql }) => `${table}.${sql}`),
    ...Array.from(relations.values()).flatMap(({ model, on }) =>
      on.flatMap(([own, other]) => [`${table}.${own}`, `${MODELS.get(model)?.table}.${other}`]),
    ),
  ]);
  expect(named.filter((name) => !there.has(name))).toEqual([]);
});
