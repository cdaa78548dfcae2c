import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** True where a process with this id runs, whoever's it is. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!isErrno(error, 'EPERM')) return false;
  }
  // One that has ended and that nobody has asked about still answers to signals: containers often have no init that asks.
  return process.platform !== 'linux' || (await linuxStart(pid)) !== null;
}

/** Names one process for ever, while its id is used again: `pid-start`. Null where none runs, and on Windows. */
export async function processIdentity(pid: number): Promise<string | null> {
  const start = process.platform === 'linux' ? await linuxStart(pid) : await ps(pid, 'lstart');
  return start && `${pid}-${start.replace(/\W+/g, '_')}`;
}

/** The command line of a process; null where there is none that this user may see. */
export async function commandLine(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') return ps(pid, 'args');
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
  return line?.replaceAll('\0', ' ') ?? null;
}

/** True for an error of the operating system with this code. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function linuxStart(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // The second field is a name in parentheses that may hold anything; the start, in ticks since boot, is the 22nd.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields && fields[0] !== 'Z' ? (fields[19] ?? null) : null;
}

async function ps(pid: number, column: 'lstart' | 'args'): Promise<string | null> {
  return run('ps', ['-o', `${column}=`, '-p', String(pid)]).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
}
