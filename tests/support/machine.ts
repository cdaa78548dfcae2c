import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { databaseAccount } from '../../src/database/account.js';
import { launch } from '../../src/database/launch.js';

const run = promisify(execFile);
const PROGRAMS = ['initdb', 'postgres', 'pg_dump', 'pg_restore'];

/** The folder of a whole PostgreSQL that the machine has, its clients too, which the embedded one lacks; null where it has none. */
const folder = findFolder();

/** Whether `startMachine` works here. */
export const canStartMachine = folder !== null;

if (!canStartMachine) {
  const missing = 'The machine has no PostgreSQL with initdb and pg_dump';
  const hasClient = spawnSync('pg_dump', ['--version']).status === 0;
  if (process.env.CI && hasClient) throw new Error(`${missing} beside its pg_dump, and CI runs every test.`);
  process.stderr.write(`\n>>> ${missing}: THE TESTS THAT NEED ONE ARE SKIPPED.\n\n`);
}

export interface Machine extends AsyncDisposable {
  /** The URL of one of its databases. */
  readonly urlOf: (database: string) => string;
  /** Runs pg_dump or pg_restore. */
  readonly run: (program: 'pg_dump' | 'pg_restore', ...args: string[]) => Promise<unknown>;
}

/** Starts the machine's own PostgreSQL on empty data and a free port of the loopback; `await using` removes it. */
export async function startMachine(): Promise<Machine> {
  if (!folder) throw new Error('There is no PostgreSQL to start: ask `canStartMachine` first.');
  const data = await mkdtemp(path.join(tmpdir(), 'lifeline-machine-'));
  const account = await databaseAccount(data);
  await chmod(data, 0o700);
  if (account) await chown(data, account.uid, account.gid);
  const options = ['--username', 'lifeline', '--auth', 'trust', '--encoding', 'UTF8', '--locale', 'C'];
  await run(path.join(folder, 'initdb'), ['--pgdata', data, ...options], { ...account, cwd: data });
  const settings = { fsync: 'off' };
  const log = pino({ level: 'silent' });
  const server = await launch(path.join(folder, 'postgres'), data, account, settings, log);
  return {
    urlOf: (database) => `postgresql://lifeline@127.0.0.1:${server.port}/${database}`,
    run: (program, ...args) => run(path.join(folder, program), args),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await server.ended;
      await rm(data, { recursive: true });
    },
  };
}

function findFolder(): string | null {
  const { status, stdout } = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' });
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((one, other) => Number(other) - Number(one)) : [];
  const candidates = [
    ...(status === 0 ? [stdout.trim()] : []),
    ...versions.map((version) => path.join(debian, version, 'bin')),
  ];
  return candidates.find((candidate) => PROGRAMS.every((name) => existsSync(path.join(candidate, name)))) ?? null;
}
