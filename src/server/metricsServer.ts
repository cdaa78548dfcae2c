import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Logger } from 'pino';
import { listen } from './listen.js';
import type { Metrics } from './metrics.js';

const PATH = '/metrics';

interface Options {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly metrics: Pick<Metrics, 'read'>;
  readonly log: Logger;
}

/**
 * Serves the metrics where callers of the API cannot come, on a port of their own: who may reach that port may read them,
 * and nobody else.
 */
export async function serveMetrics({ host, port, metrics, log }: Options): Promise<{ close(): Promise<void> }> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== PATH) {
      response.writeHead(404).end();
      return;
    }
    metrics.read().then(
      ({ type, text }) => response.writeHead(200, { 'content-type': type }).end(text),
      (error: unknown) => {
        log.error({ err: error }, 'the metrics could not be read');
        response.writeHead(500).end();
      },
    );
  });
  const origin = await listen(server, host, port);
  log.info(`metrics at ${origin}${PATH}`);
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
