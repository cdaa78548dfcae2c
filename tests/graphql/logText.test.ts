import {
  assertObjectType,
  execute,
  GraphQLError,
  parse,
  validate,
  type ExecutionArgs,
  type OperationDefinitionNode,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import { JsonText } from '../../src/domain/jsonText.js';
import { fieldsOfEvents, logText } from '../../src/graphql/logText.js';
import { buildSchema } from '../../src/graphql/schema.js';
import type { LogBatch } from '../../src/store/page.js';
import type { Event, Store } from '../../src/store/store.js';

const schema = buildSchema();
const projectId = newId();
const contextValue = { store: {} as Store, caller: { projectId, name: 'me', role: 'ADMIN', serverAdmin: true } };

const event = (position: number, rest: Partial<Event> = {}): Event => ({
  projectId,
  position: BigInt(position),
  id: newId(),
  sessionId: newId(),
  sequence: BigInt(position),
  runId: newId(),
  conversationId: null,
  type: 'PROGRESS',
  name: null,
  level: 'INFO',
  toolName: 'Edit',
  data: { text: 'quotes ", \\ and \u2028 \ud83d\ude00 \u0001', list: [1, 1e21, -0, 1.5, null, true], 10: 'ten', 9: {} },
  metadata: {},
  causeId: null,
  dedupeKey: null,
  occurredAt: new Date(0),
  recordedAt: new Date('2026-01-31T12:00:00.123Z'),
  sizeBytes: 100,
  ...rest,
});

const batch: LogBatch = {
  events: [event(1), event(2, { sessionId: null, sequence: null, runId: null, toolName: null, name: 'a "name"' })],
  position: 2n,
  caughtUp: true,
  trimmedBefore: null,
};

const argsOf = (text: string, operationName?: string): ExecutionArgs => {
  const document = parse(text);
  expect(validate(schema, document)).toEqual([]);
  return { schema, document, operationName, contextValue };
};

const LEAVES = 'id position sequence type name level toolName data metadata occurredAt recordedAt __typename';

describe('the text of a batch of the log', () => {
  it.each([
    `subscription { log { position caughtUp trimmedBefore events { ${LEAVES} } } }`,
    'subscription { log { __typename caughtUp } }',
    'subscription ($after: SafeInt) { it: log(after: $after) { at: position events { one: id two: id } } }',
    'subscription { log { ...Batch } } fragment Batch on LogBatch { events { ...Both ... { level } ... on Event { type } } } fragment Both on Event { id position }',
  ])('is to the letter what the executor makes of it: %s', async (text) => {
    const args = argsOf(text);
    for (const value of [batch, { ...batch, events: [], trimmedBefore: 7n }]) {
      expect(logText(args, value)).toBe(JSON.stringify(await execute({ ...args, rootValue: value })));
    }
  });

  it('passes on JSON that was read as text, of which the executor makes the same', async () => {
    const [data, text] = [{ a: 'ü', list: [1, { b: null }] }, '{"a": "ü", "list": [1, {"b": null}]}'];
    const args = argsOf('subscription { log { events { data } } }');
    const value = { ...batch, events: [event(1, { data: new JsonText(text) as unknown as Event['data'] })] };

    expect(logText(args, value)).toBe(`{"data":{"log":{"events":[{"data":${text}}]}}}`);
    expect(JSON.stringify(await execute({ ...args, rootValue: value }))).toBe(
      JSON.stringify({ data: { log: { events: [{ data }] } } }),
    );
  });

  it('is that of the operation that is named', async () => {
    for (const name of ['One', 'Two']) {
      const args = argsOf('subscription One { log { position } } subscription Two { log { caughtUp } }', name);
      expect(logText(args, batch)).toBe(JSON.stringify(await execute({ ...args, rootValue: batch })));
    }
  });

  it('has the ids of what its events refer to', () => {
    const [one] = batch.events;
    const session = { id: encodeId('Session', one?.sessionId ?? '') };
    const run = { is: encodeId('Run', one?.runId ?? '') };
    const events = [
      { session, run },
      { session: null, run: null },
    ];
    const args = argsOf('subscription { log { events { session { id } run { is: id } } } }');
    expect(logText(args, batch)).toBe(JSON.stringify({ data: { log: { events } } }));
  });
});

describe('of the events of a subscription is read', () => {
  it.each([
    [
      'subscription { log { position events { id at: recordedAt session { id } ... on Event { type } } } }',
      'id recordedAt sessionId type',
    ],
    ['subscription { log { position } }', ''],
    ['subscription { log { events { cause { id } } } }', null],
  ])('what %s asks for: %s', (text, fields) => {
    const { document } = argsOf(text);
    const [operation] = document.definitions;
    const asked = { schema, operation: operation as OperationDefinitionNode, fragments: {} };
    expect(fieldsOfEvents(asked)?.join(' ') ?? null).toBe(fields);
  });
});

describe('is left to the executor', () => {
  it.each([
    ['a directive', 'subscription ($no: Boolean!) { log { position caughtUp @skip(if: $no) } }'],
    ['a directive of a fragment', 'subscription ($no: Boolean!) { log { ... @skip(if: $no) { position } } }'],
    ['a fragment on an interface', 'subscription { log { events { ... on Node { id } } } }'],
    ['a field that is asked for twice', 'subscription { log { position position } }'],
    ['what has to be read', 'subscription { log { events { session { id state } } } }'],
    ['a cause, which may be gone', 'subscription { log { events { cause { id } } } }'],
    ['an argument', 'subscription { log { events { session { commands(first: 1) { totalCount } } } } }'],
    ['another subscription', 'subscription { sessionEnded { position } }'],
    ['an operation that nobody named', 'subscription One { log { position } } subscription Two { log { position } }'],
  ])('%s', (_what, text) => {
    expect(logText(argsOf(text), batch)).toBeNull();
  });

  it('a value that cannot be told', async () => {
    const args = argsOf('subscription { log { events { position level } } }');
    for (const wrong of [{ position: 2n ** 60n }, { level: 'LOUD' as 'INFO' }, { level: null as unknown as 'INFO' }]) {
      const value = { ...batch, events: [event(1), event(1, wrong)] };
      expect(logText(args, value)).toBeNull();
      expect((await execute({ ...args, rootValue: value })).errors?.[0]).toBeInstanceOf(GraphQLError);
    }
    expect(logText(args, batch)).not.toBeNull();
  });

  it('a resolver that has been replaced', () => {
    const other = buildSchema();
    const { position } = assertObjectType(other.getType('LogBatch')).getFields();
    if (position) position.resolve = () => 7n;
    expect(logText({ ...argsOf('subscription { log { position } }'), schema: other }, batch)).toBeNull();
  });
});
