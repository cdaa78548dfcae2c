import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { databaseAccount, giveData } from './account.js';
import { createCluster, DATABASE_USER, isCluster, readPassword } from './cluster.js';
import { launch, LaunchError, type RunningPostgres } from './launch.js';
import { freeFolder } from './postmaster.js';
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
  readonly url: string;
  /** Stops PostgreSQL within 5 s. What was committed is kept. */
  readonly stop: () => Promise<void>;
}

/**
 * Starts a PostgreSQL of Lifeline's own on a free port of the loopback and resolves when it accepts connections. Started by
 * root it runs as another user. What a killed Lifeline left behind is cleared; one that lives in the same folder is an
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
  const password = await readPassword(folder);
  const server = await patiently(async () => {
    await freeFolder(folder, log);
    return launch(programs.postgres, folder, account, settings, log);
  });
  log.info(`the embedded PostgreSQL is ready on port ${server.port}`);
  return {
    url: `postgresql://${DATABASE_USER}:${password}@127.0.0.1:${server.port}/postgres`,
    stop: () => server.stop(),
  };
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
