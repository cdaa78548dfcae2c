import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Logger } from 'pino';
import type { Account } from './account.js';
import { databaseEnvironment, placed } from './cluster.js';
import type { Running } from './keeper.js';
import { ownerMark, stopProcess } from './postmaster.js';

/** Reachable from this machine alone; its own messages in the form that `launch` reads; clocks in UTC. */
const ownSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '',
  log_checkpoints: 'off',
  // Refused statements are the business of whoever sent them.
  log_min_messages: 'log',
};

/**
 * Lets PostgreSQL end when Lifeline does, however that dies: the third descriptor closes with it. A line on it means that
 * PostgreSQL has ended already, so that its id may be another's.
 */
const GUARDED = '( ( read -r _ <&3 || kill -INT $$ ) >/dev/null 2>&1 & ); exec 3<&-; exec "$@"';

/** A PostgreSQL that accepts connections on a port of the loopback. */
export interface RunningPostgres extends Running {
  readonly port: number;
}

/** Started with a pipe for its messages. */
type Child = ChildProcess & { stderr: Readable };

/** PostgreSQL ended instead of accepting connections; the message has what it said. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
}

/**
 * Starts PostgreSQL and resolves when it accepts connections. `settings` are those of postgresql.conf, over Lifeline's own;
 * without a `port` among them it takes a free one. Rejects with LaunchError, or with what the operating system has against running the program.
 */
export async function launch(
  program: string,
  folder: string,
  account: Account | undefined,
  settings: Readonly<Record<string, string>>,
  log: Logger,
): Promise<RunningPostgres> {
  const port = settings.port ? Number(settings.port) : await freePort();
  const place = await placed(folder, account);
  const flags = Object.entries({ ...ownSettings, ...settings, port }).map(([name, value]) => `${name}=${value}`);
  const args = ['-D', place.folder, ...[...flags, await ownerMark()].flatMap((flag) => ['-c', flag])];
  const child = start(program, args, { ...account, cwd: place.cwd, env: databaseEnvironment });

  await accepting(child, folder, log);
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  let stopped: Promise<void> | undefined;
  return { port, ended, stop: () => (stopped ??= stopChild(child)) };
}

function start(program: string, args: string[], options: SpawnOptions): Child {
  // Windows has neither the shell nor the signal: there, whatever is left running is stopped by the next start.
  if (process.platform === 'win32') return spawn(program, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });

  const child = spawn('/bin/sh', ['-c', GUARDED, 'sh', program, ...args], {
    ...options,
    // A session of its own: Ctrl-C is for Lifeline, which stops PostgreSQL when it needs it no more.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  }) as Child;
  const guard = child.stdio[3] as Writable;
  guard.on('error', () => undefined);
  child.once('exit', () => guard.end('\n'));
  return child;
}

function accepting(child: Child, folder: string, log: Logger): Promise<void> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    let ready = false;
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.debug(`postgres: ${line}`);
      if (ready) return;
      said.push(line);
      ready = line.endsWith('ready to accept connections');
      if (ready) resolve();
    });
    child.once('error', reject);
    child.once('close', () => {
      reject(new LaunchError(`The embedded PostgreSQL in ${folder} did not start: ${complaint(said)}`));
    });
  });
}

/** The fatal line and what follows it, else everything. */
function complaint(said: string[]): string {
  const fatal = said.findIndex((line) => /^(FATAL|PANIC):/.test(line));
  return said
    .slice(Math.max(fatal, 0))
    .map((line) => line.replace(/^[A-Z]+:\s+/, ''))
    .join(' ');
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid && child.exitCode === null && child.signalCode === null) await stopProcess(child.pid);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
