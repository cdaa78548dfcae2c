import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { commandLine, isErrno, isRunning, processIdentity } from './process.js';

/** How long a PostgreSQL may take to stop by itself before it is killed, which it recovers from at its next start. */
const STOP_MS = 4_000;

/**
 * A PostgreSQL carries on its command line which Lifeline it belongs to. That is the only record of it: it begins and ends
 * with the process, so it can be neither stale nor missing.
 */
export async function ownerMark(): Promise<string> {
  return `lifeline.owner=${(await processIdentity(process.pid)) ?? process.pid}`;
}

/** The port of the PostgreSQL that a living Lifeline runs in the folder; null where none does. */
export async function portInUse(folder: string): Promise<number | null> {
  const { pid, port } = await readPostmaster(folder);
  if (!pid || !(await isRunning(pid))) return null;
  const owner = ownerOf(await commandLine(pid), port);
  return owner !== null && (await processIdentity(Number.parseInt(owner, 10))) === owner ? port : null;
}

/**
 * Makes the data folder free for a start. Rejects, with a sentence for the user, where a Lifeline that lives is using it. A
 * PostgreSQL that a killed Lifeline has left running is stopped. What PostgreSQL can tell by itself is left to it.
 */
export async function freeFolder(folder: string, log: Logger): Promise<void> {
  const { file, pid, port } = await readPostmaster(folder);
  if (!pid || !(await isRunning(pid))) return;

  const command = await commandLine(pid);
  const owner = ownerOf(command, port);
  if (owner === null) {
    // The id of a process long gone, given to another one since: PostgreSQL would take that for a server of its own.
    if (command !== null) await rm(file, { force: true });
    return;
  }
  const ownerId = Number.parseInt(owner, 10);
  if ((await processIdentity(ownerId)) === owner) {
    throw new Error(
      `Another Lifeline (process ${ownerId}) is using the data folder ${path.dirname(folder)}: ` +
        'stop it, or choose another folder by LIFELINE_DATA_DIR.',
    );
  }
  log.warn(`stopping the PostgreSQL (process ${pid}) that a killed Lifeline left running`);
  await stopProcess(pid);
}

/** What PostgreSQL notes of itself in its folder; zeros where it notes nothing. */
async function readPostmaster(folder: string): Promise<{ file: string; pid: number; port: number }> {
  const file = path.join(folder, 'postmaster.pid');
  const content = await readFile(file, 'utf8').catch(() => '');
  const [pid = 0, , , port = 0] = content.split('\n').map(Number);
  return { file, pid, port };
}

/** The Lifeline that a PostgreSQL on this port belongs to, by its command line; null where that is another program's. */
function ownerOf(command: string | null, port: number): string | null {
  const owner = command?.match(/ lifeline\.owner=(\S+)/)?.[1];
  return owner && command.includes(` port=${port} `) ? owner : null;
}

/** Stops a PostgreSQL: at once for its clients, with what they committed on disk. Resolves when the process is gone. */
export async function stopProcess(pid: number): Promise<void> {
  const deadline = performance.now() + STOP_MS;
  let signal: NodeJS.Signals = 'SIGINT';
  try {
    process.kill(pid, signal);
    while (await isRunning(pid)) {
      if (performance.now() > deadline && signal === 'SIGINT') process.kill(pid, (signal = 'SIGKILL'));
      await delay(20);
    }
  } catch (error) {
    // It went between the question and the signal.
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}
