import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { openDatabase, Prisma } from '../../src/database/client.js';
import { unavailable } from '../../src/store/conflict.js';
import { createDatabase } from '../support/postgres.js';
import { hold, query } from '../support/sql.js';

describe('a database client', () => {
  test('runs in UTC as lifeline, whatever the server is set to', async () => {
    await using database = await createDatabase();
    const name = new URL(database.url).pathname.slice(1);
    await query(database.url, `ALTER DATABASE ${name} SET TimeZone = 'Pacific/Chatham'`);
    const { prisma, close } = openDatabase(database.url);
    const at = new Date('2026-01-02T03:04:05.678Z');
    await prisma.project.create({ data: { id: crypto.randomUUID(), slug: 'utc', name: 'UTC', createdAt: at } });

    const settings =
      await prisma.$queryRaw`SELECT current_setting('TimeZone') AS zone, current_setting('application_name') AS name`;
    const [stored] = await query(database.url, 'SELECT created_at FROM projects WHERE slug = $1', ['utc']);

    expect(settings).toEqual([{ zone: 'UTC', name: 'lifeline' }]);
    expect(stored).toEqual({ created_at: at });
    await close();
  });

  test('keeps the options that its URL carries', async () => {
    await using database = await createDatabase();
    const { prisma, close } = openDatabase(`${database.url}?options=-c%20geqo%3Doff`);

    const settings =
      await prisma.$queryRaw`SELECT current_setting('TimeZone') AS zone, current_setting('geqo') AS geqo`;

    expect(settings).toEqual([{ zone: 'UTC', geqo: 'off' }]);
    await close();
  });

  test('cancels a statement that runs longer than it may', async () => {
    await using database = await createDatabase();
    const { prisma, close } = openDatabase(database.url, { statementTimeoutMs: 50 });

    await expect(prisma.$queryRaw`SELECT pg_sleep(20)::text`).rejects.toThrow('statement timeout');
    await close();
  });

  test('tells who waits too long for a connection, and who finds no server, by a code of PostgreSQL', async () => {
    await using database = await createDatabase();
    const { prisma, writer, close } = openDatabase(database.url, { poolSize: 1, acquireTimeoutMs: 2_000 });
    const write = () => writer.$executeRaw`SELECT FROM projects`;
    await Promise.all([prisma.project.count(), write()]);
    await using holder = await hold(database.url, 'LOCK TABLE projects');
    const busy = Promise.all([prisma.project.count(), write()]);
    await Promise.all([
      expect(prisma.project.count()).rejects.toThrow('57014'),
      expect(writer.$transaction((tx) => tx.$queryRaw`SELECT FROM projects`)).rejects.toMatchObject({ code: '57014' }),
    ]);
    await holder.release();
    await busy;
    await close();

    // Takes connections, and never says a word.
    const mute = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    const gone = openDatabase(`postgresql://nobody@127.0.0.1:${port}/none`, { acquireTimeoutMs: 200 });
    await expect(gone.prisma.project.count()).rejects.toThrow('08001');
    const failure = await gone.lines(Prisma.sql`SELECT 1`).catch((error: unknown) => error);
    expect(unavailable(failure)).toMatchObject({ code: 'UNAVAILABLE' });
    await gone.close();
    mute.close();
  });

  test('has connections apart for reads, for writes, for the log and for its own questions', async () => {
    await using database = await createDatabase();
    const { prisma, writer, tail, ask, usage, close } = openDatabase(database.url, {
      poolSize: 1,
      acquireTimeoutMs: 30_000,
    });
    await using holder = await hold(database.url, 'LOCK TABLE sessions');
    const blocked = Promise.all([prisma, prisma, prisma].map((it) => it.session.count()));
    await expect.poll(() => usage().read).toEqual({ used: 1, idle: 0, waiting: 2 });

    expect(await writer.$executeRaw`SELECT FROM projects`).toBe(0);
    expect(await tail(Prisma.sql`SELECT count(*) FROM projects`)).toEqual([[0n]]);
    expect(await ask('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(usage().read).toEqual({ used: 1, idle: 0, waiting: 2 });

    await holder.release();
    await blocked;
    await close();
  });

  test('reads lines of values in the shapes that Prisma has them in', async () => {
    await using database = await createDatabase();
    const { prisma, lines, tail, close } = openDatabase(database.url);
    const sql = (number: number, text: string) => Prisma.sql`
      SELECT ${number}::int AS a, ${2n ** 60n}::bigint AS b, ${text}::text AS c, NULL AS d, ${['x', 'y"']}::text[] AS e,
        '2026-01-31 13:00:00.12+01'::timestamptz(3) AS f, '0012-01-31 00:00:00+00'::timestamptz AS g,
        ${JSON.stringify({ k: [1, null] })}::jsonb AS h, 1.5::float8 AS i, true AS j, ${crypto.randomUUID()}::uuid AS k`;
    // Again, since what comes often is prepared.
    for (let round = 0; round < 5; round++) {
      const statement = sql(round, `text ${round}`);
      const [row] = await prisma.$queryRaw<object[]>(statement);
      const line = Object.values(row ?? {}) as unknown[];
      expect(line).toHaveLength(11);
      expect(await lines(statement)).toEqual([line]);
      expect(await tail(statement)).toEqual([line]);
    }
    await close();
  });

  test('replaces connections that the server has cut', async () => {
    await using database = await createDatabase();
    const { prisma, close } = openDatabase(database.url, { poolSize: 1 });
    const [before] = await prisma.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
    await query(database.url, 'SELECT pg_terminate_backend($1, 5000)', [before?.pid]);

    await expect.poll(() => prisma.project.count().catch(() => 'no connection')).toBe(0);
    await close();
  });

  test('has no connection left when it is closed', async () => {
    await using database = await createDatabase();
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    await expect.poll(sockets).toBe(0);
    const { prisma, close } = openDatabase(database.url);
    await Promise.all(Array.from({ length: 10 }, () => prisma.$queryRaw`SELECT pg_sleep(0.1)::text`));
    expect(sockets()).toBe(10);

    await close();

    expect(sockets()).toBe(0);
  });

  test('tells of each statement to whoever listens', async () => {
    await using database = await createDatabase();
    const statements: string[] = [];
    const { prisma, close } = openDatabase(database.url, { onQuery: (sql) => statements.push(sql) });

    await prisma.project.count();

    expect(statements).toEqual([expect.stringContaining('FROM "public"."projects"')]);
    await close();
  });
});
