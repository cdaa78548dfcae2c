import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase, Prisma } from '../../src/database/client.js';
import { createDatabase } from '../support/postgres.js';
import { query } from '../support/sql.js';

const own = await createDatabase();
const statements: string[] = [];
// One connection, so that each statement shows how the one before it has left the connection.
const { prisma, reader, writer, close } = openDatabase(own.url, {
  poolSize: 1,
  statementTimeoutMs: 2_000,
  onQuery: (sql) => statements.push(sql),
});
afterAll(async () => {
  await close();
  await own.drop();
});

await query(own.url, 'CREATE TABLE notes (id int PRIMARY KEY, text text)');
beforeEach(() => query(own.url, 'TRUNCATE notes'));
const stored = async () => (await query(own.url, 'SELECT id FROM notes ORDER BY id')).map(({ id }) => id);
const pid = async () => (await writer.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`)[0]?.pid;

describe('raw rows', () => {
  test.each([
    [
      'integers',
      Prisma.sql`SELECT 1::int2 AS a, (-7)::int4 AS b, 9007199254740993::int8 AS c, count(*) AS d FROM notes`,
    ],
    ['numbers', Prisma.sql`SELECT 0.1::float8 AS a, 1e300::float8 AS b, true AS c, NULL::int8 AS d`],
    [
      'instants',
      Prisma.sql`SELECT '2026-01-02T03:04:05.678+02'::timestamptz(3) AS a, '0001-01-01T00:00Z'::timestamptz AS b`,
    ],
    [
      'instants to the second',
      Prisma.sql`SELECT '9999-12-31T23:59:59Z'::timestamptz(3) AS a, '2026-01-02T03:04Z'::timestamptz AS b`,
    ],
    ['texts', Prisma.sql`SELECT 'ü"\\'::text AS a, ''::text AS b, 'AGENT'::session_kind AS c`],
    ['ids', Prisma.sql`SELECT '01936f3e-0000-7000-8000-000000000001'::uuid AS a`],
    [
      'JSON',
      Prisma.sql`SELECT '{"a": [1, null, "ü"]}'::jsonb AS a, '[]'::json AS b, 'null'::jsonb AS c, '1.50'::jsonb AS d`,
    ],
    ['lists', Prisma.sql`SELECT ARRAY['a,b', '"', NULL, ''] AS a, '{}'::text[] AS b, ARRAY[1, 2] AS c`],
    ['rows of none', Prisma.sql`SELECT id FROM notes`],
  ])('of %s are Prisma’s, read for the first time and again', async (_what, sql) => {
    const theirs = await prisma.$queryRaw(sql);
    for (let time = 0; time < 4; time++) expect(await writer.$queryRaw(sql)).toEqual(theirs);
    expect(await reader.$queryRaw(sql)).toEqual(theirs);
  });

  test('come back as they went', async () => {
    const at = new Date('2026-01-02T03:04:05.678Z');
    const texts = ['a', '"b\\', 'c,{d}', '', null];
    const plain = ['NULL', 'ü, {}', '', null];
    const bytes = Uint8Array.of(0, 255, 92);
    const json = JSON.stringify({ text: 'ü"\\\n' });
    const [row] = await writer.$queryRaw<unknown[]>`
      SELECT ${at}::timestamptz AS at, ${[at, null]}::timestamptz[] AS times, ${texts}::text[] AS texts,
        ${plain}::text[] AS plain, ${[1, null, -0.5, NaN]}::float8[] AS mixed,
        ${bytes}::bytea AS bytes, ${json}::jsonb AS json, ${2n ** 62n}::int8 AS big, ${[1.5, 2]}::float8[] AS numbers,
        ${undefined}::text AS none, ${false}::boolean AS no`;
    expect(row).toEqual({
      at,
      times: [at, null],
      texts,
      plain,
      mixed: [1, null, -0.5, NaN],
      bytes,
      json: { text: 'ü"\\\n' },
      big: 2n ** 62n,
      numbers: [1.5, 2],
      none: null,
      no: false,
    });
  });

  test('are counted where they are changed', async () => {
    expect(await writer.$executeRaw`INSERT INTO notes SELECT generate_series(1, 3)`).toBe(3);
    expect(await writer.$executeRaw`UPDATE notes SET text = 'x' WHERE id > ${1}`).toBe(2);
    expect(await writer.$executeRaw`DELETE FROM notes WHERE id = ${9}`).toBe(0);
    await writer.$transaction(async (db) => {
      expect(await db.$executeRaw`DELETE FROM notes WHERE id = ${3}`).toBe(1);
      expect(await db.$executeRaw`DELETE FROM notes`).toBe(2);
    });
  });

  test('are those that a changed table has', async () => {
    const read = () => writer.$queryRaw`SELECT * FROM widened`;
    await writer.$executeRaw`CREATE TABLE widened AS SELECT 1 AS a`;
    for (let time = 0; time < 4; time++) expect(await read()).toEqual([{ a: 1 }]);
    await writer.$executeRaw`ALTER TABLE widened ADD b int DEFAULT 2`;
    // What is prepared keeps its columns, or PostgreSQL refuses to run it: never a row that is read as another.
    await expect(read()).rejects.toMatchObject({ code: '0A000' });
    await writer.$executeRaw`DROP TABLE widened`;
  });
});

describe('a transaction', () => {
  const insert = (id: number) => Prisma.sql`INSERT INTO notes (id) VALUES (${id})`;

  test('begins with its first statement, and is committed when its work is done', async () => {
    statements.length = 0;
    const answer = await writer.$transaction(async (db) => {
      await db.$executeRaw(insert(1));
      expect(await stored()).toEqual([]);
      await db.$executeRaw(insert(2));
      return 'done';
    });
    expect([answer, await stored()]).toEqual(['done', [1, 2]]);
    expect(statements).toHaveLength(2);
  });

  test('of no statement is none', async () => {
    statements.length = 0;
    expect(await writer.$transaction(async () => 7)).toBe(7);
    expect(statements).toEqual([]);
  });

  test.each([1, 2])('is committed with its last statement, its %i.', async (count) => {
    const answer = await writer.$transaction(async (db) => {
      if (count > 1) await db.$executeRaw(insert(1));
      const rows = await db.$queryRawAndCommit`INSERT INTO notes (id) VALUES (${count}) RETURNING id`;
      expect(await stored()).toContain(count);
      await expect(db.$executeRaw(insert(9))).rejects.toThrow('the transaction is over');
      return rows;
    });
    expect(answer).toEqual([{ id: count }]);
    expect(await stored()).not.toContain(9);
  });

  test('leaves nothing where its work fails, and the connection as it was', async () => {
    const before = await pid();
    const failure = writer.$transaction(async (db) => {
      await db.$executeRaw(insert(1));
      throw new Error('half-way');
    });
    await expect(failure).rejects.toThrow('half-way');
    expect(await stored()).toEqual([]);
    expect(await writer.$queryRaw`SELECT pg_current_xact_id_if_assigned() IS NULL AS idle`).toEqual([{ idle: true }]);
    expect(await pid()).toBe(before);
  });

  test.each([
    ['its first', (fails: Prisma.Sql) => [fails]],
    ['a later', (fails: Prisma.Sql) => [insert(1), fails]],
  ])('leaves nothing where %s statement fails, which names its constraint', async (_which, list) => {
    const fails = Prisma.sql`INSERT INTO notes (id) VALUES (5), (5)`;
    for (const commit of [false, true]) {
      const failure = writer.$transaction(async (db) => {
        for (const sql of list(fails)) {
          if (commit && sql === fails) await db.$queryRawAndCommit(sql);
          else await db.$executeRaw(sql);
        }
      });
      await expect(failure).rejects.toMatchObject({ code: '23505', constraint: 'notes_pkey' });
      expect(await stored()).toEqual([]);
    }
  });

  test('is not committed where a failed statement was passed over', async () => {
    const failure = writer.$transaction(async (db) => {
      await db.$executeRaw(insert(1));
      await db.$executeRaw`SELECT 1 / 0`.catch(() => undefined);
    });
    await expect(failure).rejects.toThrow('the transaction was rolled back');
    expect(await stored()).toEqual([]);
  });

  test('that fails as it commits leaves nothing', async () => {
    await writer.$executeRaw`CREATE TABLE pairs (id int, other int REFERENCES notes DEFERRABLE INITIALLY DEFERRED)`;
    for (const isLast of [false, true]) {
      const failure = writer.$transaction(async (db) => {
        await db.$executeRaw(insert(1));
        const sql = Prisma.sql`INSERT INTO pairs VALUES (1, 7)`;
        await (isLast ? db.$queryRawAndCommit(sql) : db.$executeRaw(sql));
      });
      await expect(failure).rejects.toMatchObject({ code: '23503' });
      expect(await stored()).toEqual([]);
    }
    await writer.$executeRaw`DROP TABLE pairs`;
  });

  test('tells of its first failure, whatever becomes of the rollback', async () => {
    const before = await pid();
    const failure = writer.$transaction(async (db) => {
      await db.$executeRaw(insert(1));
      await query(own.url, 'SELECT pg_terminate_backend($1, 5000)', [before]);
      throw new Error('the first');
    });
    await expect(failure).rejects.toThrow('the first');
    await expect.poll(() => pid().catch(() => before)).not.toBe(before);
    expect(await stored()).toEqual([]);
  });

  test('whose work never ends is ended, and its locks are free', async () => {
    const before = await pid();
    const failure = writer.$transaction(
      async (db) => {
        await db.$executeRaw(insert(1));
        return new Promise(() => undefined);
      },
      { timeoutMs: 50 },
    );
    await expect(failure).rejects.toMatchObject({ code: '57014' });
    await writer.$executeRaw(insert(1));
    expect(await pid()).not.toBe(before);
    expect(await stored()).toEqual([1]);
  });

  test('that took too long sends nothing more', async () => {
    let failure: unknown;
    let ended: () => void = () => undefined;
    const end = new Promise<void>((resolve) => (ended = resolve));
    const slow = writer.$transaction(
      async (db) => {
        await db.$executeRaw(insert(1));
        await end;
        await db.$executeRaw(insert(2)).catch((error: unknown) => (failure = error));
      },
      { timeoutMs: 50 },
    );
    await expect(slow).rejects.toMatchObject({ code: '57014' });
    ended();
    await expect.poll(() => failure).toMatchObject({ message: 'the transaction is over' });
    expect(await stored()).toEqual([]);
  });

  test('takes statements that are sent at once in their order', async () => {
    await writer.$transaction(async (db) => {
      await Promise.all([db.$executeRaw(insert(1)), db.$executeRaw`UPDATE notes SET text = 'after' WHERE id = 1`]);
    });
    expect(await query(own.url, 'SELECT text FROM notes')).toEqual([{ text: 'after' }]);
  });
});

test('a statement that could not be prepared can be once it may', async () => {
  const read = () => writer.$transaction((db) => db.$queryRaw`SELECT a FROM later`);
  for (let time = 0; time < 4; time++) await expect(read()).rejects.toMatchObject({ code: '42P01' });
  await writer.$executeRaw`CREATE TABLE later AS SELECT 1 AS a`;
  for (let time = 0; time < 4; time++) expect(await read()).toEqual([{ a: 1 }]);
  await writer.$executeRaw`DROP TABLE later`;
});

test('a value that cannot be sent fails by itself, and harms no connection', async () => {
  const before = await pid();
  await expect(writer.$queryRaw`SELECT ${new Date(NaN)}::timestamptz`).rejects.toThrow('Invalid time value');
  expect(await pid()).toBe(before);
});
