// Servers of several processes, as such: see pair.test for what two servers owe each other.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FormattedExecutionResult } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../src/client/client.js';
import { AppendEventsDocument, StartSessionDocument } from '../src/client/operation.js';
import { alive, workersOf } from './support/family.js';
import { logBySocket, logByStream, writtenLog } from './support/monitor.js';
import { freePort } from './support/port.js';
import { createDatabase, type TestDatabase } from './support/postgres.js';
import { run, serve } from './support/program.js';
import { send, transports, webSocketClient } from './support/wire.js';

const PROJECT = { query: '{ project { slug } }' };

/** Has each process run this first. */
const preload = (code: string): string => `--import=data:text/javascript,${encodeURIComponent(code)}`;
/** Keeps the readers of the log from looking by themselves after a while: what they hear of, they were told of. */
const NO_POLL = preload(`
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (call, ms, ...more) => setTimeout(call, ms >= 750 && ms <= 1250 ? 2 ** 30 : ms, ...more);`);

type Server = Awaited<ReturnType<typeof serve>>;

let database: TestDatabase;
let port: number;
/** For all tests that leave it as it is: to start one takes its time. */
let server: Server;
beforeAll(async () => {
  database = await createDatabase();
  port = await freePort();
  server = await serveTwo({ NODE_OPTIONS: NO_POLL, LIFELINE_METRICS_PORT: String(port) });
}, 300_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await database.drop();
});

const serveTwo = (env: Readonly<Record<string, string>> = {}): Promise<Server> =>
  serve({ DATABASE_URL: database.url, LIFELINE_WORKERS: '2', ...env });

async function startSession(url: string): Promise<string> {
  const { startSession: started } = await createClient({ url }).request(StartSessionDocument, { input: {} });
  return started.session.id;
}

/** By a connection of its own, which another worker has than the one before. */
async function append(url: string, sessionId: string): Promise<void> {
  const query = `mutation { appendEvents(input: { sessionId: "${sessionId}", events: [{ type: PROGRESS }] }) { position } }`;
  expect(await transports['a WebSocket'](url, { query })).toMatchObject([{ data: {} }]);
}

// Three processes each, which a busy machine takes its time to start.
describe('a server of two workers', { timeout: 300_000 }, () => {
  it('spreads connections over both, and one scrape tells of both', async () => {
    await startSession(server.url);
    const clients = Array.from({ length: 6 }, () => webSocketClient(server.url));
    // One after the other, so that both workers are free for each.
    for (const client of clients) await client.iterate({ query: 'subscription { log(after: 0) { position } }' }).next();
    const { text } = await send(`http://127.0.0.1:${port}/metrics`);
    const valuesOf = (name: string) =>
      [1, 2].map((worker) => Number(new RegExp(`^${name}{.*worker="${worker}"} (.*)$`, 'm').exec(text)?.[1]));
    expect(valuesOf('lifeline_sockets')).toEqual([3, 3]);
    for (const started of valuesOf('process_start_time_seconds')) expect(started).toBeGreaterThan(0);
    for (const client of clients) await client.dispose();
  });

  it('lets subscribers of each worker hear at once of what is written through either', async () => {
    const sessionId = await startSession(server.url);
    const from = (await writtenLog(database.url)).length;
    const clients = [1, 2, 3, 4].map(() => webSocketClient(server.url));
    const query = `subscription { log(after: ${from}) { events { position } } }`;
    const streams = clients.map((client) => client.iterate<Told>({ query }));
    for (let position = from + 1; position <= from + 20; position++) {
      const heard = streams.map((stream) => untilPosition(stream, position));
      await append(server.url, sessionId);
      await Promise.all(heard);
    }
    for (const client of clients) await client.dispose();
  });

  it('lets watchers of heartbeats on each worker hear those that either takes', async () => {
    const sessionId = await startSession(server.url);
    const clients = [1, 2].map(() => webSocketClient(server.url));
    const beats: number[][] = [[], []];
    clients.forEach((client, index) =>
      client.subscribe<{ sessionHeartbeat: { contextPercent: number } }>(
        { query: 'subscription { sessionHeartbeat { contextPercent } }' },
        {
          next: ({ data }) => beats[index]!.push(data!.sessionHeartbeat.contextPercent),
          error: (error) => beats[index]!.push(NaN, String(error).length),
          complete: () => undefined,
        },
      ),
    );
    // Nothing tells when a subscription has begun: beats are sent until each has heard those of both workers.
    let percent = 0;
    const beatAndLook = async () => {
      percent = (percent + 1) % 100;
      const input = `{ sessionId: "${sessionId}", contextPercent: ${percent} }`;
      const query = `mutation { heartbeat(input: ${input}) { recommendedAction } }`;
      await transports['a WebSocket'](server.url, { query });
      return beats.map((heard) => [0, 1].map((rest) => heard.some((value) => value % 2 === rest)));
    };
    await expect.poll(beatAndLook).toEqual([
      [true, true],
      [true, true],
    ]);
    for (const client of clients) await client.dispose();
  });

  it('whose port is taken says so, and ends with 1', async () => {
    const { port: taken } = new URL(server.url);
    const { code, stdout, stderr } = await run(['serve', '--workers', '2', '--port', taken], {
      DATABASE_URL: database.url,
    });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(new RegExp(`^lifeline: Port ${taken} of 127.0.0.1 is in use by another program`));
  });

  it('of which one cannot start ends with 1 and the reason', async () => {
    const fault = preload('if (process.argv[1]?.endsWith("worker.js")) process.exit(3);');
    const env = { DATABASE_URL: database.url, LIFELINE_WORKERS: '2', NODE_OPTIONS: fault };
    const { code, stdout, stderr } = await run(['serve', '--port', '0'], env);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^lifeline: Worker \d ended before it was ready \(exit code 3\)\.\n$/);
  });

  it('says why its workers cannot do what they are to do, and ends with 1', async () => {
    const redis = 'redis+cluster://127.0.0.1:7000,127.0.0.1:port';
    const env = { DATABASE_URL: database.url, LIFELINE_WORKERS: '2', REDIS_URL: redis };
    const { code, stdout, stderr } = await run(['serve', '--port', '0'], env);
    expect([code, stdout, stderr]).toEqual([1, '', 'lifeline: Invalid URL\n']);
  });

  it('ends with 0 when it is told to, with all its workers, and has shown one admin key', async () => {
    await using own = await createDatabase();
    await using ending = await serveTwo({ DATABASE_URL: own.url, LIFELINE_AUTH: 'auto' });
    const workers = workersOf(ending.process);
    expect(workers).toHaveLength(2);
    // A terminal tells all of them.
    for (const pid of [...workers, ending.process.pid!]) process.kill(pid, 'SIGINT');
    const { code, stdout, stderr } = await ending.ended;
    expect(code).toBe(0);
    const [ready, shown, ...more] = stdout.split('\n');
    expect(ready).toBe(`Lifeline is ready at ${ending.url}`);
    expect(shown).toMatch(/^The admin key of this server, shown this once: llk_/);
    expect(more).toEqual(['']);
    expect(stderr).not.toContain('ended by itself');
    expect(await alive(workers)).toEqual([]);
  });

  it('leaves no worker behind when its primary is killed', async () => {
    await using killed = await serveTwo();
    const workers = workersOf(killed.process);
    killed.process.kill('SIGKILL');
    await killed.ended;
    await expect.poll(() => alive(workers)).toEqual([]);
  });

  it('of which one can no longer be started goes on for a while, and then ends with 1 and the reason', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'lifeline-primary-'));
    const file = path.join(folder, 'broken');
    const fault = preload(`
      import { existsSync } from 'node:fs';
      if (process.argv[1]?.endsWith('worker.js') && existsSync(${JSON.stringify(file)})) process.exit(3);`);
    await using broken = await serveTwo({ NODE_OPTIONS: fault });
    await writeFile(file, '');
    const [victim = 0] = workersOf(broken.process);
    process.kill(victim, 'SIGKILL');
    // The other one answers.
    expect(await transports.HTTP(broken.url, PROJECT)).toEqual([{ data: { project: { slug: 'default' } } }]);
    const { code, stderr } = await broken.ended;
    expect(code).toBe(1);
    const fatal = stderr.split('\n').filter((line) => line.includes('"level":60'));
    expect(fatal).toEqual([
      expect.stringMatching(/Worker \d ended by itself \(SIGKILL\) and cannot be kept running.*exit code 3/),
    ]);
    await rm(folder, { recursive: true });
  });

  it('answers whoever was handed to a worker that is killed before it has taken him', async () => {
    await using halted = await serveTwo();
    const [victim = 0] = workersOf(halted.process);
    process.kill(victim, 'SIGSTOP');
    // Of two connections one is handed to it.
    const answers = [1, 2].map(() => transports['a WebSocket'](halted.url, PROJECT));
    await Promise.race(answers);
    process.kill(victim, 'SIGKILL');
    const answer = [{ data: { project: { slug: 'default' } } }];
    expect(await Promise.all(answers)).toEqual([answer, answer]);
  });

  it('loses nothing that was acknowledged, and repeats nothing, when workers are killed under load', async () => {
    await using own = await createDatabase();
    await using loaded = await serveTwo({ DATABASE_URL: own.url });
    await using direct = logBySocket(loaded.url);
    await using streamed = logByStream(loaded.url);
    await using alsoDirect = logBySocket(loaded.url);
    const monitors = [direct, streamed, alsoDirect];
    const sessionIds = await Promise.all(Array.from({ length: 8 }, () => startSession(loaded.url)));
    const acknowledged: string[] = [];
    let writing = true;
    const writers = sessionIds.map(async (sessionId, writer) => {
      const client = createClient({ url: loaded.url });
      for (let count = 0; writing; count++) {
        const dedupeKey = `${writer}-${count}`;
        const events = [{ type: 'CUSTOM' as const, name: dedupeKey, dedupeKey }];
        // The key lets it be repeated where no answer comes.
        await client.request(AppendEventsDocument, { input: { sessionId, events } }, { repeatForMs: 30_000 });
        acknowledged.push(dedupeKey);
      }
    });
    for (let round = 0; round < 2; round++) {
      const before = acknowledged.length;
      await expect.poll(() => acknowledged.length).toBeGreaterThan(before + 50);
      const [victim = 0] = workersOf(loaded.process);
      process.kill(victim, 'SIGKILL');
      await expect.poll(() => alive([victim])).toEqual([]);
      await expect.poll(() => workersOf(loaded.process)).toHaveLength(2);
    }
    writing = false;
    await Promise.all(writers);
    const log = await writtenLog(own.url);
    expect(log.map(({ position }) => position)).toEqual(log.map((_, index) => index + 1));
    expect(log.flatMap(({ name }) => name ?? []).toSorted()).toEqual(acknowledged.toSorted());
    for (const { received } of monitors) {
      await expect.poll(() => received.at(-1)?.position).toBe(log.length);
      expect(received).toEqual(log);
    }
    loaded.process.kill('SIGTERM');
    expect(await loaded.ended).toMatchObject({ code: 0, stdout: `Lifeline is ready at ${loaded.url}\n` });
  });
});

interface Told {
  log: { events: { position: number }[] };
}

async function untilPosition(
  stream: AsyncIterator<FormattedExecutionResult<Told, unknown>>,
  position: number,
): Promise<void> {
  for (;;) {
    const { value } = (await stream.next()) as IteratorResult<FormattedExecutionResult<Told, unknown>, undefined>;
    if (!value || value.data!.log.events.some((event) => event.position >= position)) return;
  }
}
