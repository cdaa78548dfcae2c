import { afterAll, describe, expect, it } from 'vitest';
import { UnavailableError } from '../../src/domain/errors.js';
import { pino } from 'pino';
import { readConfig } from '../../src/config.js';
import { loadOf } from '../../src/server/limits.js';
import { Gate } from '../../src/server/load.js';
import { startApp } from '../support/app.js';
import { createDatabase } from '../support/postgres.js';
import { probe } from '../support/probe.js';
import { hold, query } from '../support/sql.js';
import { waitingIn } from '../support/wait.js';
import { posted, send } from '../support/wire.js';

/** Work that ends when it is told to. */
function job() {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { work: () => ended, end };
}

describe('a gate', () => {
  it('lets in as many as there are places, then the first who wait', async () => {
    const gate = new Gate({ places: 2, line: 2, patienceMs: 10_000 });
    const jobs = [job(), job(), job(), job()];
    const order: number[] = [];
    const passing = jobs.map(({ work }, index) => gate.pass(work).then(() => order.push(index)));
    expect([gate.inside, gate.waiting]).toEqual([2, 2]);
    for (const index of [1, 2, 3, 0]) {
      jobs[index]?.end();
      await passing[index];
    }
    expect(order).toEqual([1, 2, 3, 0]);
    expect([gate.inside, gate.waiting]).toEqual([0, 0]);
  });

  it('refuses whoever finds the line full, and whoever waits too long in it', async () => {
    const gate = new Gate({ places: 1, line: 1, patienceMs: 20 });
    const { work, end } = job();
    const passing = gate.pass(work);
    const patient = gate.pass(() => 'never');
    await expect(gate.pass(() => 'never')).rejects.toThrow(UnavailableError);
    await expect(patient).rejects.toThrow('The server has more to do than it can.');
    expect([gate.inside, gate.waiting]).toEqual([1, 0]);
    end();
    await passing;
    expect(await gate.pass(() => 'at once')).toBe('at once');
  });

  it('gives a place back where the work fails', async () => {
    const gate = new Gate({ places: 1, line: 0, patienceMs: 20 });
    await expect(gate.pass(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(gate.inside).toBe(0);
  });
});

describe('a server with more mutations than it has places', () => {
  const { schema, now, release } = probe();
  const database = createDatabase();
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
  const starting = database.then(({ url: databaseUrl }) => startApp({ schema, databaseUrl, log }));
  const told = (part: string): string[] => lines.filter((line) => line.includes(part));
  afterAll(async () => {
    await (await starting).close();
    await (await database).drop();
  });

  it('refuses what is beyond, answers queries and health meanwhile, and what it has taken on', async () => {
    const app = await starting;
    const mutate = () => send(app.url, posted({ query: 'mutation { probeWait }' }));
    const { places, line } = loadOf(readConfig({}, {}).poolSize).mutation;
    const taken = Array.from({ length: places }, mutate);
    await expect.poll(() => now.waiting).toBe(places);

    const beyond = await Promise.all(Array.from({ length: line + 1 }, mutate));
    for (const { status, headers, text } of beyond) {
      expect([status, headers['retry-after']]).toEqual([503, '1']);
      expect(JSON.parse(text)).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE', retryable: true } }] });
    }
    expect(await send(app.url, posted({ query: '{ project { slug } }' }))).toMatchObject({ status: 200 });
    expect(await send(new URL('/health/ready', app.url).href)).toMatchObject({ status: 200 });

    release();
    expect((await Promise.all(taken)).filter(({ status }) => status !== 200)).toEqual([]);
  });

  it('says so once, and once that it is over', async () => {
    expect(told('what is beyond is refused')).toHaveLength(1);
    await expect.poll(() => told('nobody is refused any more').length).toBe(1);
    const [line = ''] = told('nobody is refused any more');
    expect(JSON.parse(line)).toMatchObject({ operation: 'mutation', refused: expect.any(Number) as number });
    expect(told('what is beyond is refused')).toHaveLength(1);
  });
});

describe('health', () => {
  it('waits for no request, however busy the connections are', async () => {
    await using database = await createDatabase();
    await using app = await startApp({ databaseUrl: database.url });
    await using holder = await hold(database.url, 'LOCK TABLE sessions');
    const asking = Array.from({ length: 30 }, () =>
      send(app.url, posted({ query: '{ sessions(first: 1) { nodes { id } } }' })),
    );
    await expect.poll(() => waitingIn(database.url)).toBe(10);
    expect(await send(new URL('/health/ready', app.url).href)).toMatchObject({ status: 200 });
    await holder.release();
    expect((await Promise.all(asking)).filter(({ status }) => status !== 200)).toEqual([]);
  });

  it('is unavailable where the database is older than the server', async () => {
    await using database = await createDatabase();
    await using app = await startApp({ databaseUrl: database.url });
    await query(database.url, 'DELETE FROM _prisma_migrations WHERE migration_name LIKE $1', ['%_watchdog']);
    const { status, text } = await send(new URL('/health/ready', app.url).href);
    expect([status, JSON.parse(text)]).toMatchObject([503, { status: 'unavailable', migrations: 'pending' }]);
  });
});
