import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, mkdtemp, open, readdir, readFile, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { Account } from './account.js';
import { isErrno, isRunning } from './process.js';
import type { Programs } from './program.js';

/** The superuser, and the only user, of an embedded PostgreSQL. */
export const DATABASE_USER = 'lifeline';

/** All that PostgreSQL's programs know of Lifeline's environment: not its secrets, nor a locale or PG… variable. */
export const databaseEnvironment = { LC_ALL: 'C' };

const passwordFile = 'lifeline.password';

/** True where `folder` holds a PostgreSQL's data. Rejects where it holds something else. */
export async function isCluster(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (isErrno(error, 'ENOENT')) return [];
    if (isErrno(error, 'EACCES')) {
      throw new Error(`The data folder ${folder} belongs to another user: start Lifeline as that user or as root.`);
    }
    throw error;
  });
  if (names.length > 0 && !names.includes('PG_VERSION')) {
    throw new Error(`The folder ${folder} is neither empty nor a data folder of PostgreSQL: choose another.`);
  }
  return names.length > 0;
}

/**
 * Creates a PostgreSQL's data in `folder`, owned by `account`, in UTF-8 and with a random password. It is made aside and
 * renamed when it is complete: a start that is cut short leaves no half of it, and of two at once one wins.
 */
export async function createCluster(folder: string, programs: Programs, account: Account | undefined): Promise<void> {
  const parent = path.dirname(folder);
  await mkdir(parent, { recursive: true });
  await sweep(parent);
  const draft = await mkdtemp(path.join(parent, `draft-${process.pid}-`));
  const password = `${draft}.password`;
  try {
    if (account) await chown(draft, account.uid, account.gid);
    await writePassword(password, account);
    await initialise(draft, password, programs, account);
    await rename(password, path.join(draft, passwordFile));
    await rename(draft, folder).catch(async (error: unknown) => {
      if (!(await isCluster(folder))) throw error;
    });
  } finally {
    await rm(password, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

/** The password of DATABASE_USER. */
export async function readPassword(folder: string): Promise<string> {
  return (await readFile(path.join(folder, passwordFile), 'utf8')).trim();
}

/**
 * How a program of PostgreSQL is told of its folder, which is also where it is started. On Linux root's way there need not
 * be open to the account: a process reaches the folder that it stands in wherever that is.
 */
export async function placed(folder: string, account: Account | undefined): Promise<{ cwd: string; folder: string }> {
  const cwd = await realpath(folder);
  return { cwd, folder: account && process.platform === 'linux' ? '/proc/self/cwd' : cwd };
}

async function writePassword(file: string, account: Account | undefined): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(`${randomBytes(24).toString('base64url')}\n`);
    if (account) await handle.chown(account.uid, account.gid);
  } finally {
    await handle.close();
  }
}

async function initialise(
  draft: string,
  password: string,
  programs: Programs,
  account: Account | undefined,
): Promise<void> {
  const place = await placed(draft, account);
  const handle = await open(password, 'r');
  try {
    // Handed over open: the account may not be able to reach the file by its path. Windows has no name for open files.
    const passwordPath = process.platform === 'win32' ? password : '/dev/fd/3';
    const child = spawn(
      programs.initdb,
      [
        ...['--pgdata', place.folder, '--username', DATABASE_USER, '--auth', 'scram-sha-256', '--pwfile', passwordPath],
        ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
      ],
      { ...account, cwd: place.cwd, env: databaseEnvironment, stdio: ['ignore', 'ignore', 'pipe', handle.fd] },
    );
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    const [code, complaint] = await Promise.all([ended, child.stderr ? text(child.stderr) : '']);
    if (code !== 0)
      throw new Error(`PostgreSQL could not create its data in ${path.dirname(draft)}: ${complaint.trim()}`);
  } finally {
    await handle.close();
  }
}

/** Removes what starts that were killed have left. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = /^draft-(\d+)-/.exec(name)?.[1];
    if (pid && !(await isRunning(Number(pid)))) await rm(path.join(parent, name), { recursive: true, force: true });
  }
}
