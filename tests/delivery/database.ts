import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { startEmbedded } from '../../src/database/embedded.js';

/** Durable as it is delivered, for it is killed; and it notes when each transaction was committed. */
const settings = { track_commit_timestamp: 'on', max_connections: '300' };

/** A PostgreSQL of the trial's own, to be broken. */
export interface TrialDatabase {
  /** Another port after each orderly restart. */
  readonly url: string;
  /** In order: its clients are cut off, what was committed is written out. */
  restart(): Promise<void>;
  /** By SIGQUIT it leaves everything as it stands, by SIGKILL it does not even learn of it; the next start recovers. */
  crash(signal: 'SIGQUIT' | 'SIGKILL'): Promise<void>;
  stop(): Promise<void>;
}

export async function startDatabase(dataDir: string, log: Logger): Promise<TrialDatabase> {
  let running = await startEmbedded({ dataDir, log, settings });
  const start = async (): Promise<void> => void (running = await startEmbedded({ dataDir, log, settings }));
  /** The lines of its pid file: the process first, and in the eighth how far it has come; none while there is no file. */
  const readPostmaster = async (): Promise<string[]> =>
    (await readFile(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  return {
    get url() {
      return running.url;
    },
    async restart() {
      await running.stop();
      await start();
    },
    async crash(signal) {
      const [pid] = await readPostmaster();
      process.kill(Number(pid), signal);
      // It is started again without being asked to.
      for (let lines = [pid]; lines[0] === pid || lines[7]?.trim() !== 'ready'; lines = await readPostmaster()) {
        await delay(20);
      }
    },
    stop: () => running.stop(),
  };
}
