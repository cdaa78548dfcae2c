import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { App } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { OPERATION_LIMITS } from '../../src/server/limits.js';
import { startApp } from '../support/app.js';
import { send, transports } from '../support/wire.js';

let app: App;

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const repeat = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join(' ');
const DEEP = `{ session(by: { agentName: "a" }) { ${'parent { '.repeat(30)} id ${'} '.repeat(30)} } }`;
const WIDE = 'query ($n: Int = 2) { sessions(first: $n) { nodes { events(first: $n) { nodes { id } } } } }';

describe.each(Object.entries(transports))('over %s', (_name, transport) => {
  const errorsOf = async (query: string, variables?: Record<string, unknown>) => {
    const results = await transport(app.url, { query, variables });
    return results.flatMap(({ errors }) => errors ?? []);
  };

  it.each([
    ['tokens', `{ ${repeat(10_000, () => '__typename')} }`, OPERATION_LIMITS.tokens + 1],
    ['aliases', `{ ${repeat(150, (i) => `a${i}: __typename`)} }`, 150],
    ['fields', `{ ${repeat(1500, () => '__typename')} }`, 1500],
    ['directives', `{ ${repeat(100, () => '__typename @include(if: true)')} }`, 100],
    ['depth', DEEP, 32],
  ] as const)('too many of the %s are refused, with what is allowed', async (rule, query, actual) => {
    const limit = OPERATION_LIMITS[rule];
    const [error, ...others] = await errorsOf(query);
    expect(others).toEqual([]);
    expect(error?.message).toContain(String(limit));
    expect(error?.extensions).toEqual({ code: 'QUERY_TOO_COSTLY', retryable: false, rule, limit, actual });
  });

  it('what the sizes of lists come to is judged anew with each value of a variable', async () => {
    const costly = { code: 'QUERY_TOO_COSTLY', rule: 'cost', limit: readConfig({}, {}).maxCost };
    expect(await errorsOf(WIDE, { n: 500 })).toEqual([
      expect.objectContaining({ extensions: expect.objectContaining(costly) as unknown }),
    ]);
    expect(await errorsOf(WIDE, { n: 3 })).toEqual([]);
    expect(await errorsOf(WIDE)).toEqual([]);
    expect(await errorsOf(WIDE, { n: 500 })).toHaveLength(1);
  });

  it('what cannot be read has the same code the second time', async () => {
    const nested = `{ node(id: ${'['.repeat(50_000)}) { id } }`;
    const [first, second] = [await errorsOf(nested), await errorsOf(nested)];
    expect(first[0]?.extensions?.code).toBe('GRAPHQL_PARSE_FAILED');
    expect(second).toEqual(first);
  });

  it('mutations that are too many are not carried out', async () => {
    const start = (i: number) => `m${i}: startSession(input: { taskId: $t }) { position }`;
    const taskId = `too many over ${_name}`;
    const [error] = await errorsOf(`mutation ($t: String) { ${repeat(60, start)} }`, { t: taskId });
    expect(error?.extensions).toMatchObject({ rule: 'aliases', actual: 60 });
    const [found] = await transport(app.url, {
      query: 'query ($filter: SessionFilter) { sessions(filter: $filter) { totalCount } }',
      variables: { filter: { taskId } },
    });
    expect(found?.data).toEqual({ sessions: { totalCount: 0 } });
  });
});

it('only the operation that is asked for has to cost little', async () => {
  const query = `query Wide { sessions(first: 500) { nodes { events(first: 500) { nodes { id } } } } } query Narrow { viewer { name } }`;
  const ask = async (operationName: string) => {
    const body = JSON.stringify({ query, operationName });
    const answer = await send(app.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return JSON.parse(answer.text) as { data?: unknown; errors?: { extensions: unknown }[] };
  };
  expect((await ask('Narrow')).data).toEqual({ viewer: { name: 'local' } });
  expect((await ask('Wide')).errors?.[0]?.extensions).toMatchObject({ rule: 'cost' });
});

it('a refusal over HTTP has the status of an operation that is not valid', async () => {
  const statusOf = async (accept: string) => {
    const headers = { 'content-type': 'application/json', accept };
    return (await send(app.url, { method: 'POST', headers, body: JSON.stringify({ query: DEEP }) })).status;
  };
  expect(await statusOf('application/json')).toBe(200);
  expect(await statusOf('application/graphql-response+json')).toBe(400);
});

it('a refusal over a WebSocket ends that operation alone', async () => {
  const socket = new WebSocket(app.url.replace(/^http/, 'ws'), 'graphql-transport-ws');
  await once(socket, 'open');
  const received: string[] = [];
  socket.on('message', (data: Buffer) => {
    const { id, type } = JSON.parse(data.toString()) as { id?: string; type: string };
    received.push(`${type} ${id}`);
  });
  socket.send('{"type":"connection_init"}');
  await expect.poll(() => received).toEqual(['connection_ack undefined']);
  const ask = (id: string, query: string, variables?: object): void =>
    socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables } }));
  ask('open', 'subscription { log(after: 0) { position } }');
  await expect.poll(() => received).toContain('next open');
  ask('deep', DEEP);
  ask('wide', WIDE, { n: 500 });
  ask('sound', '{ __typename }');
  await expect
    .poll(() => received.slice(-4).sort())
    .toEqual(['complete sound', 'error deep', 'error wide', 'next sound']);
  expect(socket.readyState).toBe(WebSocket.OPEN);
  socket.terminate();
});
