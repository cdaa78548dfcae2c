import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from './support/postgres.js';
import { run, serve } from './support/program.js';
import { posted, send, transports } from './support/wire.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase({ migrated: false });
});
afterAll(() => database.drop());

describe('a server process', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 at %s, and has said nothing but where it is', async (signal) => {
    await using server = await serve({ DATABASE_URL: database.url });
    expect(await transports.HTTP(server.url, { query: '{ project { slug } }' })).toEqual([
      { data: { project: { slug: 'default' } } },
    ]);
    server.process.kill(signal);
    // One that does not close in time ends with 1.
    const { code, stdout } = await server.ended;
    expect(code).toBe(0);
    expect(stdout).toBe(`Lifeline is ready at ${server.url}\n`);
  });

  it('ends at once when it is told to again, but not by the echo of the first time', async () => {
    await using server = await serve({ DATABASE_URL: database.url });
    // What holds up an orderly end, which is one with 0: a request that never comes to its own.
    const headers = { 'content-type': 'application/json', expect: '100-continue' };
    const unfinished = request(server.url, { method: 'POST', headers });
    unfinished.on('error', () => undefined);
    unfinished.flushHeaders();
    await once(unfinished, 'continue');
    unfinished.write('{');
    const asked = performance.now();
    const asking = setInterval(() => server.process.kill('SIGTERM'), 50);
    const { code } = await server.ended;
    clearInterval(asking);
    expect(code).toBe(1);
    expect(performance.now() - asked).toBeGreaterThan(500);
  });

  it.each([
    ['SIGUSR2', 'an exception that nobody catches', 'throw new Error("unforeseen");'],
    ['SIGHUP', 'a rejection that nobody handles', 'Promise.reject(new Error("unforeseen"));'],
  ] as const)('logs and ends with 1, in order, at %s: %s', async (signal, _case, fault) => {
    const preload = `data:text/javascript,${encodeURIComponent(`process.on('${signal}', () => { ${fault} })`)}`;
    await using server = await serve({ DATABASE_URL: database.url, NODE_OPTIONS: `--import=${preload}` });
    server.process.kill(signal);
    const { code, stderr } = await server.ended;
    expect(code).toBe(1);
    expect(JSON.parse(stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({
      level: 60,
      err: { message: 'unforeseen' },
    });
  });

  it('lists every fault of its configuration, and ends with 2', async () => {
    const { code, stdout, stderr } = await run(['serve', '--port', 'http'], { HOST: '-?', LOG_LEVEL: 'loud' });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^lifeline: HOST is "-\?", which is no address/),
      expect.stringMatching(/^lifeline: --port is "http"/),
      expect.stringMatching(/^lifeline: LOG_LEVEL is "loud"/),
    ]);
  });

  it('says in a sentence that its database cannot be reached, and ends with 1', async () => {
    const { code, stdout, stderr } = await run(['serve'], {
      DATABASE_URL: 'postgresql://nobody:secret@127.0.0.1:1/none',
    });
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^lifeline: .+\n$/);
    expect(stderr).not.toContain('secret');
  });

  it('finds its embedded data again, in a folder with a space in its name', async () => {
    const root = await mkdtemp(path.join(tmpdir(), 'lifeline data '));
    const env = { LIFELINE_DATA_DIR: root, LOG_LEVEL: 'debug' };
    const start = 'mutation { startSession(input: { agentName: "keeper" }) { position } }';
    try {
      {
        await using first = await serve(env);
        await transports.HTTP(first.url, { query: start });
        await Promise.all(
          Array.from({ length: 20 }, () => transports.HTTP(first.url, { query: '{ project { slug } }' })),
        );
        first.process.kill('SIGTERM');
        const { code, stderr } = await first.ended;
        expect(code).toBe(0);
        // PostgreSQL had nobody to cut off.
        expect(stderr).toContain('database system is shut down');
        expect(stderr).not.toContain('terminating connection');
      }
      await using second = await serve(env);
      const query = '{ session(by: { agentName: "keeper" }) { agentName } }';
      expect(await transports.HTTP(second.url, { query })).toEqual([{ data: { session: { agentName: 'keeper' } } }]);
      second.process.kill('SIGTERM');
      await second.ended;
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

it('a process outlives what fails in an operation that has been answered', async () => {
  await using database = await createDatabase();
  await using server = await serve({ DATABASE_URL: database.url });
  const ask = async (query: string) => JSON.parse((await send(server.url, posted({ query }))).text) as Answered;
  const start = async (input: string): Promise<string> =>
    (await ask(`mutation { startSession(input: { ${input} }) { session { id } } }`)).data.startSession.session.id;
  const spawner = await start('');
  const root = await start(`spawnedById: "${spawner}"`);
  await ask(`mutation { endSession(input: { sessionId: "${root}", reason: FINISHED }) { position } }`);
  const child = await start(`parentId: "${root}"`);
  // The first item of the list fails later than the second.
  const fields = 'spawnedBy { timeline(first: 1) { totalCount } } timeline(after: "bad") { totalCount }';
  const answer = await ask(`{ session(by: { id: "${child}" }) { chain { ${fields} } } }`);
  expect(answer).toMatchObject({ errors: [{ extensions: { code: 'VALIDATION' } }] });
  expect(await ask('{ project { slug } }')).toEqual({ data: { project: { slug: 'default' } } });
  server.process.kill('SIGTERM');
  expect(await server.ended).toMatchObject({ code: 0 });
});

interface Answered {
  data: { startSession: { session: { id: string } } };
}
