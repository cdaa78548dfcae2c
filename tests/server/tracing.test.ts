import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/postgres.js';
import { serve } from '../support/program.js';
import { posted, send, webSocketClient } from '../support/wire.js';

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  status: { code?: number };
  attributes: { key: string; value: { stringValue?: string } }[];
}

interface Received {
  resourceSpans: { resource: Pick<Span, 'attributes'>; scopeSpans: { spans: Span[] }[] }[];
}

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const traceparent = `00-${TRACE}-${CALLER}-01`;
const FAILED = 2;

/** A collector, as far as the server is concerned: what it was sent stands in `bodies`. */
const bodies: string[] = [];
const collector = createServer((request, response) => {
  void text(request).then((body) => {
    bodies.push(body);
    response.end('{}');
  });
});

const received = (): Received[] => bodies.map((body) => JSON.parse(body) as Received);
const spans = (): Span[] =>
  received().flatMap(({ resourceSpans }) =>
    resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
  );
const attribute = ({ attributes }: Pick<Span, 'attributes'>, name: string): string | undefined =>
  attributes.find(({ key }) => key === name)?.value.stringValue;

/** The span of that operation, once it has arrived. */
async function spanOf(name: string): Promise<Span> {
  const find = (): Span | undefined => spans().find((span) => attribute(span, 'graphql.operation.name') === name);
  await expect.poll(find).toBeDefined();
  return find()!;
}

let database: TestDatabase;
let server: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  await once(collector.listen(0, '127.0.0.1'), 'listening');
  const { port } = collector.address() as AddressInfo;
  database = await createDatabase();
  server = await serve({
    DATABASE_URL: database.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_BSP_SCHEDULE_DELAY: '50',
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await database.drop();
  collector.close();
});

const start = (name: string) => ({
  query: `mutation ${name}($input: StartSessionInput!) { startSession(input: $input) { position } }`,
  variables: { input: { agentName: name, metadata: { note: 'hunter2' } } },
});

describe('a trace', () => {
  it('goes on from the caller’s span, names the request, and has the statements of the operation', async () => {
    const headers = { traceparent, 'x-request-id': 'request-1', cookie: 'session=hunter2' };
    expect(await send(server.url, posted(start('ByHttp'), headers))).toMatchObject({ status: 200 });
    const span = await spanOf('ByHttp');
    expect(span).toMatchObject({ traceId: TRACE, parentSpanId: CALLER, name: 'mutation ByHttp' });
    expect(attribute(span, 'lifeline.request.id')).toBe('request-1');
    expect(attribute(span, 'graphql.operation.type')).toBe('mutation');
    const below = spans().filter(({ parentSpanId }) => parentSpanId === span.spanId);
    expect(below.map(({ name }) => name)).toContain('lifeline:transaction');
    const statements = spans().filter(({ traceId, name }) => traceId === TRACE && name === 'lifeline:db_query');
    expect(statements.map((each) => attribute(each, 'db.query.text')).join()).toContain('INSERT INTO');
  });

  it('goes on over event streams, and tells of what failed by its code', async () => {
    const headers = { traceparent, accept: 'text/event-stream' };
    await send(server.url, posted({ query: 'query ByStream { nodes(ids: ["x", "y"]) { id } }' }, headers));
    expect(await spanOf('ByStream')).toMatchObject({ traceId: TRACE, parentSpanId: CALLER });
    const end = 'mutation Refused { endSession(input: { sessionId: "x", reason: FINISHED }) { position } }';
    await send(server.url, posted({ query: end }));
    const refused = await spanOf('Refused');
    expect(attribute(refused, 'error.type')).toBe('NOT_FOUND');
    // It is an answer, and no fault of the server's.
    expect(refused.status.code).not.toBe(FAILED);
    expect(refused.parentSpanId ?? '').toBe('');
  });

  it('goes on over WebSockets by `extensions`, of subscriptions too', async () => {
    const client = webSocketClient(server.url);
    const ask = (query: string) => client.iterate({ query, extensions: { traceparent } });
    await ask('query BySocket { project { slug } }').next();
    await ask('subscription Following { log(after: 0) { position } }').next();
    expect(await spanOf('BySocket')).toMatchObject({ traceId: TRACE, parentSpanId: CALLER });
    expect(await spanOf('Following')).toMatchObject({ traceId: TRACE, name: 'subscription Following' });
    await client.dispose();
  });

  it('is of operations alone, by the name of the service, and holds nothing that a caller wrote', async () => {
    await send(server.url, posted(start('Last')));
    await spanOf('Last');
    const roots = spans().filter(({ parentSpanId = '' }) => parentSpanId === '');
    expect(roots.map((span) => attribute(span, 'graphql.operation.type'))).not.toContain(undefined);
    const services = received().flatMap(({ resourceSpans }) => resourceSpans.map(({ resource }) => resource));
    expect(new Set(services.map((each) => attribute(each, 'service.name')))).toEqual(new Set(['lifeline']));
    expect(bodies.join()).not.toContain('hunter2');
  });

  it('that nobody takes is lost, which the log says once, and holds up nothing', async () => {
    await using lonely = await serve({
      DATABASE_URL: database.url,
      // Nobody listens there.
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_EXPORTER_OTLP_TIMEOUT: '100',
    });
    let said = '';
    lonely.process.stderr.on('data', (chunk) => (said += String(chunk)));
    for (const name of ['One', 'Two']) await send(lonely.url, posted(start(name)));
    await expect.poll(() => said).toContain('traces are lost');
    lonely.process.kill('SIGTERM');
    const { code, stderr } = await lonely.ended;
    expect([code, stderr.match(/traces are lost/g)]).toEqual([0, ['traces are lost']]);
  });
});
