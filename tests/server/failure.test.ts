import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.js';
import { startApp } from '../support/app.js';
import { probe, SECRET } from '../support/probe.js';
import { posted, send, transports } from '../support/wire.js';

interface LogLine {
  requestId?: string;
  err?: { message: string };
}

const lines: LogLine[] = [];
const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) });
let app: App;

beforeAll(async () => {
  app = await startApp({ schema: probe().schema, log });
});
afterAll(() => app.close());

const NESTED = 50_000;
const anyText = expect.any(String) as unknown;

describe.each(Object.entries(transports))('over %s', (_name, transport) => {
  it('an unforeseen fault shows nothing of the inside, and is logged with the id that the caller is told', async () => {
    const [result] = await transport(app.url, { query: '{ probeFault }' });
    expect(result?.data).toBeNull();
    const { message, extensions } = result!.errors![0]!;
    expect(message).toBe('Internal server error');
    expect(extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR', retryable: false, requestId: anyText });
    const logged = lines.filter(({ requestId }) => requestId === extensions?.requestId);
    expect(logged).toEqual([expect.objectContaining({ err: expect.objectContaining({ message: SECRET }) as unknown })]);
  });

  it.each([
    ['a document that cannot be read', '{ viewer(', 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', '{ noSuchField }', 'GRAPHQL_VALIDATION_FAILED'],
    [
      'two operations of which none is named',
      'query A { __typename } query B { __typename }',
      'OPERATION_RESOLUTION_FAILURE',
    ],
  ])('%s has a code', async (_case, query, code) => {
    const [result] = await transport(app.url, { query });
    expect(result?.errors).toEqual([
      expect.objectContaining({ message: anyText, extensions: { code, retryable: false } }),
    ]);
  });

  // Whether the stack ends first or the tokens that are allowed is the engine's affair.
  it.each([
    ['lists', `{ node(id: ${'['.repeat(NESTED)}) { id } }`],
    ['selections', `{ viewer ${'{ a '.repeat(NESTED)}`],
  ])('%s nested 50,000 deep have a code', async (_case, query) => {
    const [result] = await transport(app.url, { query });
    const code = expect.stringMatching(/^(GRAPHQL_PARSE_FAILED|QUERY_TOO_COSTLY)$/) as unknown;
    const extensions = expect.objectContaining({ code, retryable: false }) as unknown;
    expect(result?.errors).toEqual([expect.objectContaining({ message: anyText, extensions })]);
  });

  it('a variable of the wrong kind has a code', async () => {
    const query = 'query ($id: ID!) { node(id: $id) { id } }';
    const [result] = await transport(app.url, { query, variables: { id: { a: 1 } } });
    expect(result?.errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', retryable: false });
  });
});

const { HTTP: _http, ...streaming } = transports;

describe.each(Object.entries(streaming))('in a subscription over %s', (_name, transport) => {
  it.each([0, 2])('a fault after %i values is masked like any other', async (after) => {
    const results = await transport(app.url, { query: `subscription { probeFault(after: ${after}) }` });
    expect(results).toHaveLength(after + 1);
    expect(results.slice(0, after).map(({ data }) => data?.probeFault)).toEqual([1, 2].slice(0, after));
    expect(results.at(-1)?.errors?.[0]).toMatchObject({
      message: 'Internal server error',
      extensions: { code: 'INTERNAL_SERVER_ERROR', retryable: false, requestId: anyText },
    });
    expect(JSON.stringify(results)).not.toContain(SECRET);
  });
});

describe('the id of a request', () => {
  it('is the caller’s own where it can be logged as it stands', async () => {
    const answer = await send(app.url, posted({ query: '{ probeFault }' }, { 'x-request-id': 'build-7/step:3' }));
    expect(answer.headers['x-request-id']).toBe('build-7/step:3');
    expect(answer.text).toContain('build-7/step:3');
  });

  it.each(['', 'with space', 'x'.repeat(129), '{"a":1}'])('is made where the caller’s is %j', async (given) => {
    const answer = await send(app.url, posted({ query: '{ __typename }' }, { 'x-request-id': given }));
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});
