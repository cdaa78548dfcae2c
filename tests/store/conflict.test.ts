import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { pino } from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { openDatabase, Prisma } from '../../src/database/client.js';
import { startSession } from '../../src/store/session.js';
import type { Store } from '../../src/store/store.js';
import { transact } from '../../src/store/transaction.js';
import { isRetryable, RetryTransaction, unavailable } from '../../src/store/conflict.js';
import { openStore } from '../support/store.js';

const { store, caller, url, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const nowhere = 'postgresql://postgres@127.0.0.1:9/nowhere';
const begin = (on: Store) => startSession(on, caller, { kind: 'AGENT', takeOver: false });

/** What the database does when it is shut down while it commits. */
const FAILING_COMMIT = [
  'CREATE TEMP TABLE late (id int) ON COMMIT DROP',
  `CREATE FUNCTION pg_temp.fail() RETURNS trigger LANGUAGE plpgsql AS
   $$ BEGIN RAISE EXCEPTION 'shutting down' USING ERRCODE = 'admin_shutdown'; END $$`,
  `CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
   FOR EACH ROW EXECUTE FUNCTION pg_temp.fail()`,
  'INSERT INTO late VALUES (1)',
];

/** A way to the database that can be cut. */
async function openLine(to: string) {
  const { hostname, port } = new URL(to);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) sockets.add(socket.on('error', () => undefined));
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const here = new URL(to);
  here.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    url: here.href,
    cut,
    [Symbol.asyncDispose]: () => {
      cut();
      return new Promise((resolve) => server.close(resolve)).then(() => undefined);
    },
  };
}

describe('a failure of the database is UNAVAILABLE', () => {
  test('where it cannot be reached', async () => {
    const database = openDatabase(nowhere);

    await expect(begin({ ...store, database })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('cannot be reached') as string,
    });
    await database.close();
  });

  test('where a statement takes too long', async () => {
    const database = openDatabase(url, { statementTimeoutMs: 50 });

    const slow = transact({ ...store, database }, caller, async (tx) => {
      await tx.db.$queryRaw`SELECT pg_sleep(20)::text`;
      return {};
    });

    await expect(slow).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('took too long') as string,
    });
    await database.close();
  });

  test('but not where its caller gives the transaction longer', async () => {
    const database = openDatabase(url, { statementTimeoutMs: 50 });

    const patient = transact(
      { ...store, database },
      caller,
      async (tx) => {
        await tx.db.$queryRaw`SELECT pg_sleep(0.1)::text`;
        return {};
      },
      { timeoutMs: 20_000 },
    );

    await expect(patient).resolves.toMatchObject({ position: expect.any(BigInt) as bigint });
    // The next statement on the same connection is under the limit of all others again.
    const hasty = database.prisma.$queryRaw`SELECT current_setting('statement_timeout') AS limit`;
    await expect(hasty).resolves.toEqual([{ limit: '50ms' }]);
    await database.close();
  });

  test('where a transaction takes longer than it may', async () => {
    const slow = transact(
      store,
      caller,
      async (tx) => {
        await tx.db.$queryRaw`SELECT pg_sleep(0.2)::text`;
        return {};
      },
      { timeoutMs: 50 },
    );

    await expect(slow).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('took too long') as string,
    });
  });

  test('where it ends the connection', async () => {
    const broken = transact(store, caller, async (tx) => {
      await tx.db.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`;
      return {};
    });

    await expect(broken).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect((await begin(store)).session.state).toBe('BOOTING');
  });

  test('where the connection breaks off in the middle', async () => {
    await using line = await openLine(url);
    const database = openDatabase(line.url);

    const broken = transact({ ...store, database }, caller, async (tx) => {
      const slow = tx.db.$queryRaw`SELECT pg_sleep(20)::text`;
      setImmediate(() => line.cut());
      await slow;
      return {};
    });

    await expect(broken).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await database.close();
  });

  test('where the connection breaks off between two statements', async () => {
    await using line = await openLine(url);
    let tell: (line: string) => void = () => undefined;
    const lost = new Promise<string>((resolve) => (tell = resolve));
    const database = openDatabase(line.url, { log: pino({ level: 'warn' }, { write: tell }) });

    const broken = transact({ ...store, database }, caller, async (tx) => {
      await tx.db.$queryRaw`SELECT 1`;
      line.cut();
      await lost;
      await tx.db.$queryRaw`SELECT 2`;
      return {};
    });

    await expect(broken).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await database.close();
  });

  test('where it is the commit that fails', async () => {
    const unsaved = transact(store, caller, async (tx) => {
      for (const sql of FAILING_COMMIT) await tx.db.$executeRaw(Prisma.raw(sql));
      return {};
    });

    await expect(unsaved).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('also outside of a transaction', async () => {
    const database = openDatabase(nowhere);

    const failure: unknown = await database.prisma.$queryRaw`SELECT 1`.catch((error: unknown) => error);

    expect(unavailable(failure)).toMatchObject({ code: 'UNAVAILABLE' });
    await database.close();
  });
});

describe('an error', () => {
  test('of our own making is neither retried nor taken for the database’s', () => {
    const error = new Error('ours');

    expect([isRetryable(error), unavailable(error)]).toEqual([false, null]);
  });

  test('that asks for a retry is one, and UNAVAILABLE once there is no more patience', () => {
    const error = new RetryTransaction();

    expect(isRetryable(error)).toBe(true);
    expect(unavailable(error)).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
  });

  test('of a row whose last change is being undone is retried', async () => {
    const fail = "RAISE EXCEPTION 'new multixact has more than one updating member: 0 2[7 (keysh), 8 (nokeyupd)]'";
    let attempts = 0;

    const done = transact(store, caller, async (tx) => {
      attempts += 1;
      if (attempts === 1) {
        await tx.db.$executeRaw(Prisma.raw(`DO $$ BEGIN ${fail} USING ERRCODE = 'internal_error'; END $$`));
      }
      return { attempts };
    });

    await expect(done).resolves.toMatchObject({ attempts: 2 });
  });

  test('about what is no race is not retried', async () => {
    const { projectId } = caller;
    const error: unknown = await store.database.prisma.project
      .create({ data: { id: projectId, slug: 'twice', name: 'twice' } })
      .catch((thrown: unknown) => thrown);

    expect([isRetryable(error), unavailable(error)]).toEqual([false, null]);
  });
});
