import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/database/client.js';
import { openPool } from '../../src/database/pool.js';
import { createDatabase } from '../support/postgres.js';
import { query } from '../support/sql.js';

/** A message as PostgreSQL sends it. */
function message(type: string, ...parts: (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const READY = [message('R', Buffer.alloc(4)), message('Z', 'I')];
const FATAL = message(
  'E',
  ...['SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection', ''].map((field) => `${field}\0`),
);

/** What a PostgreSQL whose postmaster is killed does: a connection is ready and lost with the same packet. */
async function openDying() {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat([...READY, FATAL])));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `postgresql://one:two@127.0.0.1:${port}/three`,
    [Symbol.dispose]: () => void server.close(),
  };
}

describe('a connection', () => {
  test('that is lost in the moment in which it is ready fails its first statement, and nothing else', async () => {
    using dying = await openDying();
    const { pool, end } = openPool({ connectionString: dying.url });

    const client = await pool.connect();

    await expect(client.query('SELECT 1')).rejects.toThrow(/connection error|terminat/);
    client.release();
    await expect.poll(() => pool.totalCount).toBe(0);
    await end();
  });

  test('that is lost while idle is logged without what it has been asked', async () => {
    const own = await createDatabase();
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    const database = openDatabase(own.url, { log });
    await database.writer.$transaction((db) => db.$queryRaw`SELECT 'a statement of its own'`);

    await query(
      own.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'lifeline'`,
    );

    await expect.poll(() => lines.join('')).toContain('a database connection was lost');
    expect(lines.join('')).not.toMatch(/a statement of its own|lifeline_/);
    await database.close();
    await own.drop();
  });
});
