import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { BlockList, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import type { GraphQLError, GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { RateLimitedError } from '../domain/errors.js';
import type { Context } from '../graphql/context.js';
import type { Store } from '../store/store.js';
import { addressOf } from './address.js';
import type { Authenticate, Grant } from './auth.js';
import { drain } from './drain.js';
import { asksForStream, eventStreams, isOutage, putOff } from './eventStream.js';
import { loadCompiler } from './execute.js';
import { disclose, formatError, refusalHead } from './failure.js';
import { CONTENT_POLICY, graphiqlPage } from './graphiql.js';
import { handedTo } from './handed.js';
import { healthOf } from './health.js';
import { BURST_SECONDS, DRAIN_MS, KEEP_ALIVE_MS, loadOf, SETTLE_MS, WARM_UP_MS, type Allowance } from './limits.js';
import { listen } from './listen.js';
import { Gate, type Gates } from './load.js';
import type { Gauges, Metrics } from './metrics.js';
import { grantOf, refusalOf, wantsPage, type Neighbourhood } from './origin.js';
import { graphqlAt, PATH } from './path.js';
import { plainOperations } from './plain.js';
import { phasesOf } from './phases.js';
import { Pulse } from './pulse.js';
import { RateLimit, Slots } from './rate.js';
import type { Tracing } from './tracing.js';
import { webSockets } from './websocket.js';
import type { Yoga } from './yoga.js';

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
  readonly schema: GraphQLSchema;
  readonly store: Store;
  /** The database connections for reads, and as many for writes. */
  readonly poolSize: number;
  /** The names of the migrations that it needs. */
  readonly migrations: readonly string[];
  readonly metrics: Metrics | null;
  readonly tracing: Tracing | null;
  readonly authenticate: Authenticate;
  readonly neighbourhood: Neighbourhood;
  /** Proxies whose word on the address of a client is taken. */
  readonly trustedProxies: BlockList;
  readonly allowance: Allowance;
  /** Whether the schema can be asked for. */
  readonly introspection: boolean;
  /** What browsers get that open the address; null: no page. */
  readonly graphiql: { readonly needsKey: boolean } | null;
  readonly log: Logger;
}

export interface Server {
  /** Resolves with where GraphQL is served; port 0 takes a free one. */
  listen(host: string, port: number): Promise<string>;
  /** Serves a connection that another process has accepted. */
  take(socket: Socket): void;
  /**
   * Takes nothing more, lets queries and mutations under way answer (for DRAIN_MS at most), lets subscribers have what was
   * committed (for SETTLE_MS at most) and ends all subscriptions: with 1001 on WebSockets, event streams without `complete`.
   * Never rejects.
   */
  close(): Promise<void>;
}

/**
 * Serves GraphQL over HTTP, server-sent events and WebSockets on one path, and how it is below /health: to whoever connects
 * where it listens, and on connections that are handed to it.
 */
export function serverOf(options: ServerOptions): Server {
  const { schema, store, migrations, metrics, tracing, authenticate, neighbourhood, graphiql, log } = options;
  const { ratePerSecond, maxCost, maxSubscriptions, maxSocketSubscriptions, maxSockets, maxAddressSockets } =
    options.allowance;
  const pulse = new Pulse(KEEP_ALIVE_MS);
  const streams = eventStreams(pulse);
  const operations = drain();
  const load = loadOf(options.poolSize);
  const gates = { query: new Gate(load.query), mutation: new Gate(load.mutation) };
  const observing = [metrics, tracing].flatMap((it) => (it ? [it.layer] : []));
  const phases = phasesOf({
    ...{ schema, log, gates, maxCost },
    subscriptions: { perCaller: maxSubscriptions, perSocket: maxSocketSubscriptions },
    introspection: options.introspection,
    layers: [operations.layer, streams.layer, ...observing],
  });
  let loading: Promise<Yoga> | undefined;
  const yoga = (): Promise<Yoga> => (loading ??= loadYoga());
  const loadYoga = async (): Promise<Yoga> => {
    const { yogaOf } = await import('./yoga.js');
    return yogaOf({ schema, phases, plugins: [streams.plugin], log });
  };
  const warming = setTimeout(() => void Promise.all([yoga(), loadCompiler()]), WARM_UP_MS).unref();
  const plain = plainOperations({ schema, phases, yoga, log });
  const rate = new RateLimit({ perSecond: ratePerSecond, burst: ratePerSecond * BURST_SECONDS });
  const addresses = new Slots(maxAddressSockets);
  const clientOf = (request: IncomingMessage): string => addressOf(request, options.trustedProxies);
  const healthNow = healthOf({ store, migrations });
  let open = 0;
  metrics?.watch(gaugesOf(store, gates, () => open));
  let closing = false;
  const sockets = webSockets({
    ...{ schema, phases, store, authenticate, clientOf, rate, neighbourhood, pulse, log },
    slots: new Slots(maxSockets),
    refused: (error) => metrics?.refused(error),
    isClosing: () => closing,
  });

  const routes = new Map<string, Route>([
    [PATH, graphql],
    ['/health/live', (_request, response) => sendJson(response, 200, { status: 'ok' })],
    ['/health/ready', ready],
  ]);

  async function graphql(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    const granted = grantOf(request, neighbourhood);
    if (granted) response.setHeaders(granted);
    if (granted && request.method === 'OPTIONS') {
      response.writeHead(204).end();
      return;
    }
    const refusal = refusalOf(request, neighbourhood);
    if (refusal) {
      sendJson(response, refusal.status, refusedResult(refusal.message));
      return;
    }
    if (graphiql && wantsPage(request)) {
      sendPage(response, await graphiqlPage(graphiql));
      return;
    }
    const grant = await admitted(request, response, requestId);
    if (!grant) return;
    const { caller, holder } = grant;
    const { headers } = request;
    const context: Context = { store, caller, holder, requestId, headers, lastEventId: lastEventIdOf(headers) };
    if (await plain(request, response, context)) return;
    endWith(grant, response);
    const serve = await yoga();
    await serve(request, response, context);
  }

  /** Whom the request stands for; null where it has been answered that it stands for nobody, or comes too soon. */
  async function admitted(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
  ): Promise<Grant | null> {
    const { headers } = request;
    const { authorization, 'x-lifeline-project': project } = headers;
    const address = clientOf(request);
    try {
      const grant = await authenticate({ authorization, project }, address);
      rate.take(grant.holder);
      return grant;
    } catch (error) {
      const told = disclose(error, log, requestId);
      metrics?.refused(told);
      const { code, retryable } = told.extensions;
      // What will pass is no fault of the credential, and whoever comes too often must not fill the log.
      if (!retryable) log.info({ requestId, address, code }, 'a credential was refused');
      if (isOutage(told) && asksForStream(headers)) putOff(response);
      else refuse(response, told);
      return null;
    }
  }

  async function ready(_request: IncomingMessage, response: ServerResponse): Promise<void> {
    const health = await healthNow();
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
  /** Resolves once everything that was committed by now has been sent to those who follow it. */
  async function settled(): Promise<void> {
    await store.settled().catch(() => undefined);
    // What they were given last is on its way.
    await setImmediate();
  }

  server.on('upgrade', (request, socket, head) => {
    if (pathOf(request) !== PATH) return turnAway(socket, '404 Not Found');
    try {
      socket.once('close', addresses.take(clientOf(request)));
    } catch (error) {
      if (!(error instanceof RateLimitedError)) throw error;
      return turnAway(socket, '429 Too Many Requests', 'Retry-After: 1\r\n');
    }
    open += 1;
    socket.once('close', () => (open -= 1));
    sockets.upgrade(request, socket, head);
  });
  const handed = handedTo(server);

  return {
    listen: async (host, port) => graphqlAt(await listen(server, host, port)),
    take: (socket) => handed.take(socket),
    async close() {
      closing = true;
      clearTimeout(warming);
      const closed = Promise.all([once(server, 'close'), handed.empty()]);
      const late = delay(DRAIN_MS, null, { ref: false });
      server.close();
      await Promise.race([operations.empty(), late]);
      await Promise.race([settled(), delay(SETTLE_MS, null, { ref: false })]);
      streams.end();
      await Promise.all([sockets.close(), Promise.race([closed, late])]);
      server.closeAllConnections();
      await closed;
    },
  };
}

function gaugesOf(store: Store, { query, mutation }: Gates, sockets: () => number): Gauges {
  const stateOf = ({ inside, waiting }: Gate) => ({ inside, waiting });
  return {
    sockets,
    subscribers: () => store.subscribers(),
    pools() {
      const { read, write, tail } = store.database.usage();
      return { read: { ...read }, write: { ...write }, tail: { ...tail } };
    },
    gates: () => ({ query: stateOf(query), mutation: stateOf(mutation) }),
    log: () => store.vitals().catch(() => null),
  };
}

/** Of a request to upgrade. */
function turnAway(socket: Duplex, status: string, headers = ''): void {
  socket.on('error', () => undefined);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n${headers}Content-Length: 0\r\n\r\n`);
}

/** What is streamed ends with the credential that it was asked for with; what is answered once may still be. */
function endWith({ whenOver }: Grant, response: ServerResponse): void {
  const leave = whenOver(() => {
    const isStream = String(response.getHeader('content-type')).startsWith('text/event-stream');
    if (isStream) response.destroy();
  });
  if (response.closed) leave();
  else response.once('close', leave);
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

function refuse(response: ServerResponse, error: GraphQLError): void {
  const { status, headers } = refusalHead(error);
  response.setHeaders(new Map(Object.entries(headers)));
  sendJson(response, status, { errors: [formatError(error)] });
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(body));
}

function sendPage(response: ServerResponse, page: string): void {
  response.setHeader('content-type', 'text/html');
  response.end(page);
}
