// A server of several processes. The primary has what there is once: the database, the port, the bus between the workers, the
// metrics of all, the first admin's key. It serves nothing itself; what it accepts its workers serve, and one that ends is
// started again.
import type { Logger } from 'pino';
import type { App } from './app.js';
import { Broker } from './bus/broker.js';
import type { Config } from './config.js';
import { keepRunning, type Kept } from './database/keeper.js';
import { Door } from './door.js';
import { prepareGround, wantsAdminKey } from './ground.js';
import { Opened } from './opened.js';
import { graphqlAt } from './server/path.js';
import { WorkerProcess } from './workerProcess.js';

/** Resolves when all workers answer. Rejects with what is wrong, once everything that was open by then is closed again. */
export async function startPrimary(config: Config, log: Logger): Promise<App> {
  const { host, port, metricsHost, metricsPort } = config;
  const opened = new Opened(log);
  try {
    const { databaseUrl, failed } = opened.keep(await prepareGround(config, log), (it) => it.close());
    const door = new Door();
    const crew = opened.keep(await startCrew({ config, databaseUrl, door, log }), (it) => it.stop());
    // After the workers, and closed before them: whoever can connect is served.
    const origin = await door.open(host, port);
    opened.keep(door, (it) => it.close());
    if (metricsPort !== null) {
      const { mergedMetrics } = await import('./server/mergedMetrics.js');
      const { serveMetrics } = await import('./server/metricsServer.js');
      const metrics = { read: () => mergedMetrics(crew.members()) };
      opened.keep(await serveMetrics({ host: metricsHost, port: metricsPort, metrics, log }), (it) => it.close());
    }
    // Last, so that a start which fails has not made a key that nobody gets to see.
    const adminKey = wantsAdminKey(config) ? await makeAdminKey(databaseUrl) : null;
    return {
      url: graphqlAt(origin),
      failed: Promise.race([failed, crew.failed]),
      adminKey,
      close: () => opened.close(),
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

interface CrewOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly door: Door;
  readonly log: Logger;
}

interface Crew extends Kept {
  /** The workers that serve, now. */
  readonly members: () => readonly WorkerProcess[];
}

/** Resolves when all workers are ready to serve. Rejects where one cannot, once all have ended. */
async function startCrew({ config, databaseUrl, door, log }: CrewOptions): Promise<Crew> {
  const broker = config.redisUrl === null ? new Broker() : null;
  const alive = new Set<WorkerProcess>();
  const serving = new Set<WorkerProcess>();
  // However this process ends, if it can do anything at all: a worker notices by itself, but not while it is busy.
  process.on('exit', () => alive.forEach((worker) => worker.kill()));

  async function start(number: number): Promise<WorkerProcess> {
    const worker = new WorkerProcess(broker);
    alive.add(worker);
    void worker.ended.then(() => alive.delete(worker));
    await worker.serve({ kind: 'serve', number, config, databaseUrl });
    serving.add(worker);
    const leave = door.add(worker);
    void worker.ended.then(() => {
      leave();
      serving.delete(worker);
    });
    return worker;
  }

  const numbers = Array.from({ length: config.workers }, (_, index) => index + 1);
  const started = await Promise.allSettled(numbers.map(start));
  const refused = started.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
  if (refused) {
    await Promise.all([...alive].map((worker) => worker.stop()));
    throw refused.reason;
  }
  const kept = (started as PromiseFulfilledResult<WorkerProcess>[]).map(({ value }, index) =>
    keepRunning(`worker ${index + 1}`, value, () => start(index + 1), log),
  );
  return {
    members: () => [...serving],
    failed: Promise.race(kept.map(({ failed }) => failed)),
    async stop() {
      // One that is not ready yet has nothing to close, and would take its time to be.
      for (const worker of alive) if (!serving.has(worker)) worker.kill();
      await Promise.all(kept.map(({ stop }) => stop()));
    },
  };
}

/** Loads a client of the database only where there is something to make. */
async function makeAdminKey(databaseUrl: string): Promise<string | null> {
  const { openDatabase } = await import('./database/client.js');
  const { ensureAdminKey } = await import('./store/apiKey.js');
  const database = openDatabase(databaseUrl, { poolSize: 1 });
  try {
    return await ensureAdminKey(database);
  } finally {
    await database.close();
  }
}
