import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './port.js';

export interface TestRedis extends AsyncDisposable {
  url: string;
  stop(): Promise<void>;
}

/** A Redis that a test may break. */
export interface PrivateRedis extends TestRedis {
  /** As by `kill -9`: its connections break off. */
  kill(): Promise<void>;
  /** Starts it again at the same address, with nothing of what it knew. */
  restart(): Promise<void>;
  /** It keeps its connections and answers nothing, until `resume`. */
  pause(): void;
  resume(): void;
}

const binary = findBinary(['redis-server', 'valkey-server']);

/** Whether `startRedis` works here. */
export const canStartRedis = binary !== null;

/** Whether `useRedis` works here. */
export const hasRedis = canStartRedis || process.env.TEST_REDIS_URL !== undefined;

if (!canStartRedis) {
  const missing = 'Neither redis-server nor valkey-server is on the PATH';
  if (process.env.CI) throw new Error(`${missing}, and CI runs every test.`);
  process.stderr.write(`\n>>> ${missing}: THE TESTS THAT NEED ONE ARE SKIPPED.\n\n`);
}

/** The Redis that TEST_REDIS_URL names, else one of this test's own. */
export async function useRedis(): Promise<TestRedis> {
  const url = process.env.TEST_REDIS_URL;
  const stop = () => Promise.resolve();
  return url ? { url, stop, [Symbol.asyncDispose]: stop } : startRedis();
}

/** Starts a Redis on a free port of the loopback that writes nothing to disk; or a cluster of a single node. */
export async function startRedis({ cluster = false } = {}): Promise<PrivateRedis> {
  if (!binary) throw new Error('There is no Redis to start: ask `canStartRedis` first.');
  const directory = await mkdtemp(join(tmpdir(), 'lifeline-redis-'));
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory];
  if (cluster) {
    // A node alone learns its own address from nobody; and the port between nodes, by default port + 10000, may not exist.
    options.push(
      '--cluster-enabled',
      'yes',
      '--cluster-announce-ip',
      '127.0.0.1',
      '--cluster-port',
      String(await freePort()),
    );
  }

  let server = await launch();
  async function launch(): Promise<ChildProcess> {
    const started = spawn(binary ?? '', options, { stdio: 'ignore' });
    await ready(port, cluster);
    return started;
  }
  async function kill(): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exit = once(server, 'exit');
    server.kill('SIGKILL');
    await exit;
  }
  async function stop(): Promise<void> {
    await kill();
    await rm(directory, { recursive: true });
  }

  return {
    url: `${cluster ? 'redis+cluster' : 'redis'}://127.0.0.1:${port}`,
    kill,
    stop,
    async restart() {
      await kill();
      server = await launch();
    },
    pause: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    [Symbol.asyncDispose]: stop,
  };
}

async function ready(port: number, cluster: boolean): Promise<void> {
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  await client.ping();
  if (cluster) {
    // A node that comes back has its slots from its own file.
    await client.cluster('ADDSLOTSRANGE', 0, 16383).catch(() => undefined);
    while (!(await client.cluster('INFO')).includes('cluster_state:ok')) await sleep(50);
  }
  client.disconnect();
}

function findBinary(names: string[]): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter);
  for (const path of names.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there: the next one.
    }
  }
  return null;
}
