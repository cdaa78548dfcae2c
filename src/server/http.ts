import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import type { Context } from '../graphql/context.js';
import type { Caller, Store } from '../store/store.js';
import { eventStreams } from './eventStream.js';
import { CONTENT_POLICY } from './graphiql.js';
import { readiness } from './health.js';
import { DRAIN_MS } from './limits.js';
import { refusalOf } from './origin.js';
import { webSockets } from './websocket.js';
import { PATH, yogaOf } from './yoga.js';

const REQUEST_ID = /^[\w.:/+=-]{1,128}$/;
const EVENT_ID = /^\d{1,16}$/;
const HEADERS = [
  ['x-content-type-options', 'nosniff'],
  ['content-security-policy', CONTENT_POLICY],
  // Nobody can be made to click in GraphiQL unawares, in browsers that do not know the policy either.
  ['x-frame-options', 'DENY'],
] as const;

type Route = (request: IncomingMessage, response: ServerResponse, requestId: string) => Promise<void> | void;

export interface ServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly schema: GraphQLSchema;
  readonly store: Store;
  /** In whose name every request is made. */
  readonly caller: Caller;
  readonly log: Logger;
}

export interface Server {
  /** Where GraphQL is served. */
  readonly url: string;
  /**
   * Takes nothing more, lets queries and mutations under way answer (for DRAIN_MS at most) and ends all subscriptions: with
   * 1001 on WebSockets, event streams without `complete`. Never rejects.
   */
  close(): Promise<void>;
}

/** Serves GraphQL over HTTP, server-sent events and WebSockets on one path, and how it is below /health. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { host, port, schema, store, caller, log } = options;
  const streams = eventStreams();
  const yoga = yogaOf({ schema, log, plugins: [streams.plugin] });
  const contextOf = (requestId: string, lastEventId?: bigint): Context => {
    return { store, caller, requestId, lastEventId, delivery: { position: null } };
  };
  const sockets = webSockets({ yoga, contextOf, log });
  let closing = false;

  const routes = new Map<string, Route>([
    [PATH, graphql],
    ['/health/live', (_request, response) => sendJson(response, 200, { status: 'ok' })],
    ['/health/ready', ready],
  ]);

  async function graphql(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    const refusal = refusalOf(request);
    if (refusal) sendJson(response, refusal.status, refusedResult(refusal.message));
    else await yoga(request, response, contextOf(requestId, lastEventIdOf(request.headers)));
  }

  async function ready(_request: IncomingMessage, response: ServerResponse): Promise<void> {
    const health = await readiness(store);
    sendJson(response, health.status === 'unavailable' ? 503 : 200, health);
  }

  const server = createServer((request, response) => {
    const requestId = requestIdOf(request.headers);
    response.setHeaders(new Map([['x-request-id', requestId], ...HEADERS]));
    response.once('close', () => {
      // A connection that is kept alive would hold up the end.
      if (closing) server.closeIdleConnections();
    });
    const route = routes.get(pathOf(request)) ?? nothing;
    Promise.resolve(route(request, response, requestId)).catch((error: unknown) => {
      log.error({ err: error, requestId }, 'a request could not be answered');
      response.destroy();
    });
  });
  server.on('upgrade', (request, socket, head) => {
    if (pathOf(request) === PATH) {
      sockets.upgrade(request, socket, head);
      return;
    }
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  const taken = await listen(server, host, port);

  return {
    url: `http://${host}:${taken}${PATH}`,
    async close() {
      closing = true;
      const closed = once(server, 'close');
      server.close();
      streams.end();
      await Promise.all([sockets.close(), Promise.race([closed, delay(DRAIN_MS, null, { ref: false })])]);
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listen(server: HttpServer, host: string, port: number): Promise<number> {
  try {
    await once(server.listen(port, host), 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const advice = 'Choose another by --port or PORT; 0 is a free one.';
    throw new Error(`Port ${port} of ${host} is in use by another program. ${advice}`, { cause: error });
  }
  return (server.address() as AddressInfo).port;
}

const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1).join();

/** The caller's own name for the request, where it can be logged as it stands. */
function requestIdOf({ 'x-request-id': given }: IncomingHttpHeaders): string {
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** Undefined where there is none, or none that this server can have given. */
function lastEventIdOf({ 'last-event-id': given }: IncomingHttpHeaders): bigint | undefined {
  return typeof given === 'string' && EVENT_ID.test(given) ? BigInt(given) : undefined;
}

const nothing: Route = (_request, response) =>
  sendJson(response, 404, refusedResult(`There is nothing here; GraphQL is served at ${PATH}.`));

const refusedResult = (message: string) => ({
  errors: [{ message, extensions: { code: 'BAD_REQUEST', retryable: false } }],
});

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(body));
}
