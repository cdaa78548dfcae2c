import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.js';
import { startApp } from '../support/app.js';
import { send, type Answer } from '../support/wire.js';

let app: App;

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const BODIES = {
  'a query': { query: '{ __typename }' },
  'nulls where nothing is': { query: '{ __typename }', operationName: null, variables: null, extensions: null },
  'one of two operations': { query: 'query A { a: __typename } query B { b: __typename }', operationName: 'B' },
  'no such operation': { query: 'query A { a: __typename }', operationName: 'C' },
  'two operations and no name': { query: 'query A { a: __typename } query B { b: __typename }' },
  'a name that is none': { query: '{ __typename }', operationName: 7 },
  'a fragment alone': { query: 'fragment F on Query { __typename }' },
  'a mutation that is refused': { query: 'mutation { endSession(input: { sessionId: "x" }) { position } }' },
  'a mutation of nothing': {
    query: 'mutation { heartbeat(input: { sessionId: "none", state: WORKING }) { session { id } } }',
  },
  'a field that is not there': { query: '{ nothing }' },
  'a session that is not there': { query: '{ session(by: { name: "none" }) { id } }' },
  'variables of another type': {
    query: 'query ($n: Int!) { sessions(first: $n) { totalCount } }',
    variables: { n: 'x' },
  },
  'too large a page': { query: '{ sessions(first: 100000) { totalCount } }' },
  'a document that is broken': { query: '{ ' },
  'an empty document': { query: '' },
  'no document': { variables: {} },
  'a document that is no text': { query: 7 },
  'variables that are a list': { query: '{ __typename }', variables: [] },
  'extensions that are a text': { query: '{ __typename }', extensions: 'x' },
  'a field of its own': { query: '{ __typename }', more: 1 },
  'a subscription': { query: 'subscription { log { position } }' },
  'a list': [{ query: '{ __typename }' }],
  null: null,
  'a text': 'query',
  'letters of all kinds': { query: '{ __typename @skip(if: "ü€😀") }' },
};

const BROKEN = {
  'half a text': '{"query": ',
  'a mark of the order of bytes': '\ufeff{"query":"{ __typename }"}',
  'a blank': ' ',
};

const ACCEPTED = [
  undefined,
  '*/*',
  'application/*',
  'application/json',
  'application/graphql-response+json',
  'application/graphql-response+json, application/json;q=0.9',
  'Application/JSON; charset=UTF-8',
  'application/json; charset=latin1, application/graphql-response+json',
  'text/event-stream, application/json',
  'multipart/mixed, application/json',
  'application/json; charset=latin1',
  'text/html',
];

/** Of the same body, once with its length and once in chunks, which is left to Yoga. */
async function bothWays(body: string, accept?: string): Promise<[Answer, Answer]> {
  const headers = { 'content-type': 'application/json', ...(accept && { accept }) };
  const whole = { ...headers, 'content-length': Buffer.byteLength(body) };
  const chunked = { ...headers, 'transfer-encoding': 'chunked' };
  return [
    await send(app.url, { method: 'POST', headers: whole, body }),
    await send(app.url, { method: 'POST', headers: chunked, body }),
  ];
}

/** What of an answer is not its own: its request has an id, and it was sent at a time. */
const comparable = ({ status, headers, text }: Answer) => ({
  status,
  type: headers['content-type'],
  retryAfter: headers['retry-after'],
  text: text.replaceAll(/"requestId":"[^"]*"/g, ''),
});

describe('an operation that comes plainly is answered as Yoga answers it', () => {
  const texts = Object.entries(BODIES).map(([name, body]) => [name, JSON.stringify(body)] as const);
  it.each([...texts, ...Object.entries(BROKEN)])('%s', async (_name, body) => {
    const [plain, byYoga] = await bothWays(body, 'application/json');
    expect(comparable(plain)).toEqual(comparable(byYoga));
  });

  describe.each(['{ __typename }', '{ nothing }', '{ ', '{ a: 4f }', '{ session(by: { id: "none" }) { id } }'])(
    '%s',
    (query) => {
      it.each(ACCEPTED)('where %s is accepted', async (accept) => {
        const [plain, byYoga] = await bothWays(JSON.stringify({ query }), accept);
        expect(comparable(plain)).toEqual(comparable(byYoga));
      });
    },
  );
});
