import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { databaseAccount, giveData } from './account.js';
import { createCluster, DATABASE_USER, isCluster, readPassword } from './cluster.js';
import { keepRunning } from './keeper.js';
import { launch, LaunchError, type RunningPostgres } from './launch.js';
import { freeFolder, portInUse } from './postmaster.js';
import { findPrograms } from './program.js';

/** Another start was faster, or the operating system is slower: looking again tells which, and what to do. */
const WORTH_ANOTHER_LOOK = /lock file|Address already in use|shared memory block/;
const LOOK_MS = 10_000;

export interface EmbeddedOptions {
  /** Where the data is kept, in a folder `postgres`. Made where there is none. */
  dataDir: string;
  log: Logger;
  /** Settings of postgresql.conf, over Lifeline's own. */
  settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedDatabase {
  /** The same for as long as it runs. */
  readonly url: string;
  /** Resolves, with a sentence for the user, where PostgreSQL has ended by itself and cannot be kept running. */
  readonly failed: Promise<Error>;
  /** Stops PostgreSQL within 5 s. What was committed is kept. */
  readonly stop: () => Promise<void>;
}

/**
 * Starts a PostgreSQL of Lifeline's own on a free port of the loopback and resolves when it accepts connections. Started by
 * root it runs as another user; where it ends by itself it is started again. What a killed Lifeline left behind is cleared; one that lives in the same folder is an
 * error. The messages of its errors are for the user.
 */
export async function startEmbedded({ dataDir, log, settings = {} }: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const folder = path.resolve(dataDir, 'postgres');
  const account = await databaseAccount(folder);
  const programs = await findPrograms(account, log);
  if (!(await isCluster(folder))) {
    log.info(`creating the embedded PostgreSQL in ${folder}`);
    await createCluster(folder, programs, account);
  } else if (account) {
    await giveData(folder, account);
  }
  const start = (chosen: Readonly<Record<string, string>>) =>
    patiently(async () => {
      await freeFolder(folder, log);
      return launch(programs.postgres, folder, account, chosen, log);
    });
  const server = await start(settings);
  const { port } = server;
  log.info(`the embedded PostgreSQL is ready on port ${port}`);
  // On the same port, which those who use it know.
  const again = () => start({ ...settings, port: String(port) });
  const kept = keepRunning('the embedded PostgreSQL', server, again, log);
  return { url: await urlOf(folder, port), ...kept };
}

/** Whether there is an embedded database in the folder (else null), and its URL where a living Lifeline runs it. */
export async function findEmbedded(dataDir: string): Promise<{ url: string | null } | null> {
  const folder = path.resolve(dataDir, 'postgres');
  if (!(await isCluster(folder))) return null;
  const port = await portInUse(folder);
  return { url: port === null ? null : await urlOf(folder, port) };
}

async function urlOf(folder: string, port: number): Promise<string> {
  return `postgresql://${DATABASE_USER}:${await readPassword(folder)}@127.0.0.1:${port}/postgres`;
}

async function patiently(start: () => Promise<RunningPostgres>): Promise<RunningPostgres> {
  const deadline = performance.now() + LOOK_MS;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof LaunchError)) throw error;
      if (!WORTH_ANOTHER_LOOK.test(error.message) || performance.now() > deadline) throw error;
      await delay(100);
    }
  }
}
