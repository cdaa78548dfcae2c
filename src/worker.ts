// A worker of a server of several processes: it does what the primary process orders, and ends with it.
import './production.js';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { lineBus, type Line } from './bus/line.js';
import { redisBus } from './bus/redis.js';
import { Ending } from './ending.js';
import { buildSchema } from './graphql/schema.js';
import { startInstance, type Instance } from './instance.js';
import { lineOver, send, type Order, type Report } from './link.js';
import { logTo } from './logger.js';
import { Opened } from './opened.js';
import type { Metrics } from './server/metrics.js';

type Serve = Order & { readonly kind: 'serve' };

interface Work {
  readonly instance: Instance;
  readonly metrics: Metrics | null;
  close(): Promise<void>;
}

// Nobody is left to order anything, or to be told.
process.on('disconnect', () => process.exit(1));
// A terminal and systemd send them to all processes of a server: it is for the primary to say what follows.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined);

process.once('message', (first: Serve) => {
  const log = logTo(first.config.logLevel).child({ worker: first.number });
  const working = start(first, log);
  const ending = new Ending(log, async () => {
    const work = await working.catch(() => null);
    await work?.close();
  });
  process.on('message', (order: Order, socket?: Socket) => {
    if (order.kind === 'close') ending.begin(0);
    // Where it does not come to work, that is told below.
    else
      void working.then(
        (work) => obey(work, order, socket),
        () => undefined,
      );
  });
  working.then(
    () => report({ kind: 'ready' }),
    async (error: unknown) => {
      await report({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
      process.exit(1);
    },
  );
});

/** Resolves when it can take connections. Rejects with what is wrong, once everything is closed again. */
async function start({ config, databaseUrl, number }: Serve, log: Logger): Promise<Work> {
  const opened = new Opened(log);
  try {
    const { redisUrl, metricsPort } = config;
    const metrics = metricsPort === null ? null : (await import('./server/metrics.js')).createMetrics(number);
    const bus = await (redisUrl ? redisBus({ url: redisUrl, log }) : lineBus({ line: ownLine(), log }));
    opened.keep(bus, (it) => it.close());
    const instance = await startInstance({ config, databaseUrl, schema: buildSchema(), bus, metrics, log });
    opened.keep(instance, (it) => it.close());
    return { instance, metrics, close: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function obey({ instance, metrics }: Work, order: Order, socket?: Socket): void {
  if (order.kind === 'take') {
    // It may have broken off on its way.
    if (socket) instance.server.take(socket);
    void report({ kind: 'taken' });
  }
  if (order.kind === 'measure' && metrics) {
    const { request } = order;
    metrics.snapshot().then(
      (snapshot) => report({ kind: 'measured', request, snapshot }),
      // The primary waits no longer than it can.
      () => undefined,
    );
  }
}

/** Where the primary is gone there is nothing to tell it, and this process ends. */
async function report(message: Report): Promise<void> {
  await send(process as Required<NodeJS.Process>, message).catch(() => undefined);
}

function ownLine(): Line {
  return lineOver(process as Required<NodeJS.Process>, (listener) => {
    process.on('message', listener);
    return () => process.off('message', listener);
  });
}
