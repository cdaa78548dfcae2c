import { execute as interpret, GraphQLError, parse, validate, type ExecutionResult } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Context } from '../../src/graphql/context.js';
import { maskError } from '../../src/graphql/errors.js';
import { encodeId, newId } from '../../src/domain/id.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { executor, loadCompiler } from '../../src/server/execute.js';
import { transitionSession } from '../../src/store/conversation.js';
import { appendEvents } from '../../src/store/event.js';
import { openStore, type TestStore } from '../support/store.js';

const schema = buildSchema();
let opened: TestStore;
let context: Context;

beforeAll(async () => {
  await loadCompiler();
  opened = await openStore();
  const { store, caller, start } = opened;
  context = { store, caller, holder: 'tester', requestId: 'test' };
  for (let index = 0; index < 3; index++) {
    const conversation = { platform: 'test', externalId: `thread ${index}` };
    const { id: sessionId } = await start(caller, { conversation, externalId: `session ${index}` });
    await appendEvents(store, caller, { sessionId, events: [{ type: 'PROGRESS', level: 'INFO', data: { index } }] });
    await transitionSession(store, caller, { conversation, trigger: 'PLAN_TO_EXECUTE' });
  }
});
afterAll(() => opened[Symbol.asyncDispose]());

const compiled = executor({ often: 1 });

/** What both ways answer, errors as callers see them. */
async function both(source: string, variableValues: Record<string, unknown> = {}) {
  const document = parse(source);
  expect(validate(schema, document)).toEqual([]);
  const args = { schema, document, variableValues };
  const told = ({ errors, ...result }: ExecutionResult) =>
    JSON.stringify(errors ? { errors: errors.map((error) => maskError(error)), ...result } : result);
  return {
    compiled: told(await compiled({ ...args, contextValue: { ...context } })),
    interpreted: told(await interpret({ ...args, contextValue: { ...context } })),
  };
}

const UNKNOWN = encodeId('Session', newId());

describe('a compiled document', () => {
  it.each<[what: string, source: string, variables?: Record<string, unknown>]>([
    [
      'fields of one row',
      '{ session(by: { externalId: "session 1" }) { id state startedAt version isOpen run { id } } }',
    ],
    [
      'lists in lists',
      '{ sessions { nodes { id children { edges { cursor node { id parent { id } } } } } pageInfo { endCursor } totalCount } }',
    ],
    ['documents of events', '{ sessions(first: 2) { nodes { parent { events { nodes { data } totalCount } } } } }'],
    [
      'one relation under two names',
      '{ sessions { nodes { a: events(first: 1) { nodes { id } } b: events(last: 1) { nodes { id data } } } } }',
    ],
    [
      'the same entries by two ways',
      '{ sessions { nodes { events(first: 1) { nodes { id } } } edges { node { b: events(last: 1) { nodes { id } } } } } }',
    ],
    [
      'fragments',
      'query { sessions { nodes { ...A ... on Session { parent { ...A } } } } } fragment A on Session { id conversation { externalId } }',
    ],
    [
      'what is skipped',
      'query ($no: Boolean!) { sessions { nodes { ...A @skip(if: $no) parent @include(if: $no) { id } } } } fragment A on Session { id state }',
      { no: true },
    ],
    [
      'what is not skipped',
      'query ($no: Boolean!) { sessions { nodes { ...A @skip(if: $no) ...A } } } fragment A on Session { id state }',
      { no: false },
    ],
    ['types that are found out', '{ nodes(ids: ["x"]) { id } project: viewer { __typename project { id slug } } }'],
    ['nothing', `{ session(by: { id: "${UNKNOWN}" }) { id } node(id: "x") { id ... on Session { state } } }`],
    ['variables by default', 'query ($first: Int = 2) { sessions(first: $first) { nodes { id } } }'],
    [
      'a chain',
      '{ session(by: { externalId: "session 0" }) { children { nodes { chain { id chainIndex } chainRoot { id } } } } }',
    ],
    [
      'what heartbeats say',
      '{ sessions { nodes { activity contextPercent liveness { lastActivityAt policy { stallAfterSeconds } } } } }',
    ],
  ])('answers as GraphQL itself: %s', async (_what, source, variables) => {
    const answers = await both(source, variables);
    expect(JSON.parse(answers.compiled)).not.toHaveProperty('errors');
    expect(answers.compiled).toBe(answers.interpreted);
  });

  it.each<[what: string, source: string, variables?: Record<string, unknown>]>([
    ['a refusal', '{\n  sessions(first: -1) { nodes { id } }\n}'],
    ['a refusal within a list', '{ sessions { nodes {\r\n id events(first: 501) { nodes { id } } } } }'],
    [
      'a refused mutation',
      `mutation { endSession(input: { sessionId: "${UNKNOWN}", reason: FINISHED }) { session { id } } }`,
    ],
    [
      'two refusals beside an answer',
      '{ viewer { name } a: sessions(first: -1) { totalCount nodes { id } } b: sessions(last: -2) { nodes { id } } }',
    ],
    ['a variable of the wrong kind', 'query ($by: SessionRef!) { session(by: $by) { id } }', { by: { externalId: 7 } }],
    ['a variable that is missing', 'query ($by: SessionRef!) { session(by: $by) { id } }', {}],
    [
      'a variable that is none of an enum',
      'query ($s: [LifecycleState!]) { sessions(filter: { states: $s }) { nodes { id } } }',
      { s: ['ASLEEP'] },
    ],
    [
      'a number beyond 53 bits',
      'query ($p: SafeInt!) { session(by: { externalId: "x" }) { replay(toSequence: $p) { state } } }',
      { p: 2 ** 60 },
    ],
  ])('fails as with GraphQL itself: %s', async (_what, source, variables) => {
    const answers = await both(source, variables);
    expect(JSON.parse(answers.compiled)).toHaveProperty('errors');
    expect(answers.compiled).toBe(answers.interpreted);
  });

  it('is made of one that comes often, and not of one that comes now and then', async () => {
    const execute = executor({ often: 3 });
    const document = parse('{ viewer { name } }');
    const shapes: boolean[] = [];
    for (let count = 0; count < 4; count++) {
      const { data } = await execute({ schema, document, contextValue: { ...context } });
      // GraphQL's own executor makes objects without a prototype.
      shapes.push(Object.getPrototypeOf(data) !== null);
    }
    expect(shapes).toEqual([false, false, true, true]);
  });

  it('has nothing in it that a caller wrote', async () => {
    const mark = '__MAGIC_DATE__33a9e76d_02e0_4128_8e92_3530ad3da74d';
    const text = `${mark}globalThis.harm = true`;
    const written = [
      `{ session(by: { externalId: "${text}" }) { id } }`,
      `query ($id: String = "${text}") { session(by: { externalId: $id }) { id } }`,
      `{ sessions(filter: { search: """${text}""" }) { nodes { id } } }`,
    ];
    for (const source of written) expect((await both(source)).compiled).toBe((await both(source)).interpreted);
    expect(globalThis).not.toHaveProperty('harm');
  });

  it.each<[what: string, source: string, variables: Record<string, unknown>]>([
    [
      'a mark among names',
      'query ($e: String!) { session(by: { externalId: $e }) { id state __typename } }',
      { e: '__MAGIC_NAN__57f286b9_4c20_487f_b409_79804ddcb4f8' },
    ],
    [
      'a variable that is absent within an object',
      'query ($e: String, $s: [LifecycleState!]) { sessions(filter: { agentName: $e, states: $s }) { totalCount } }',
      {},
    ],
    [
      'an object of which one field has to be given',
      'query ($by: SessionRef!) { session(by: $by) { id } }',
      { by: {} },
    ],
    [
      'two of one',
      'query ($by: SessionRef!) { session(by: $by) { id } }',
      { by: { externalId: 'session 1', agentName: 'x' } },
    ],
    [
      'a fragment that is included in one place',
      'query ($x: Boolean!, $p: SessionRef!) { a: session(by: $p) @include(if: $x) { ...F } b: session(by: $p) { ...F } } fragment F on Session { id title }',
      { x: false, p: { externalId: 'session 1' } },
    ],
    [
      'a default in whose place null is given',
      'query ($first: Int = 2) { sessions(first: $first) { nodes { id } } }',
      { first: null },
    ],
  ])('is not made where it would be another: %s', async (_what, source, variables) => {
    const answers = await both(source, variables);
    expect(answers.compiled).toBe(answers.interpreted);
  });

  it.each([
    [
      'names that are marks, in JSON',
      'metadataPatch: { k: __MAGIC_DATE__33a9e76d_02e0_4128_8e92_3530ad3da74dboom }',
      {},
      {},
    ],
    ['a variable in JSON', 'metadataPatch: { tries: $n }', { n: 3 }, { metadata: { tries: 3 } }],
    ['a variable that is absent', 'title: $t', {}, { title: 'kept' }],
  ])('changes what it says, and nothing else: %s', async (_what, change, variables, expected) => {
    const { id } = await opened.start(opened.caller, { title: 'kept' });
    const source = `mutation ($s: ID!, $n: Int, $t: String) { updateSession(input: { sessionId: $s, ${change} }) {
      session { title metadata } } }`;
    const { data } = (await compiled({
      schema,
      document: parse(source),
      variableValues: { s: encodeId('Session', id), ...variables },
      contextValue: { ...context },
    })) as ExecutionResult<{ updateSession: { session: object } }>;
    expect(data?.updateSession.session).toMatchObject(expected);
  });

  it('answers each of several mutations', async () => {
    const { id } = await opened.start(opened.caller);
    const source = `mutation ($a: UpdateSessionInput!, $b: EndSessionInput = { sessionId: 1, reason: FINISHED }) {
      a: updateSession(input: $a) { position } b: endSession(input: $b) { position } }`;
    const { errors } = await compiled({
      schema,
      document: parse(source),
      variableValues: { a: { sessionId: encodeId('Session', id), title: 'one' }, b: null },
      contextValue: { ...context },
    });
    expect(errors).toHaveLength(1);
  });

  it('keeps apart what paths of like names lead to', async () => {
    const answers = await both('{ a_b: sessions { c: nodes { id } } a: sessions { b_c: nodes { state } } }');
    expect(answers.compiled).toBe(answers.interpreted);
  });

  it('hands on errors as those of GraphQL', async () => {
    const { errors } = await compiled({
      schema,
      document: parse('{ sessions(first: -1) { nodes { id } } }'),
      contextValue: { ...context },
    });
    expect(errors?.[0]).toBeInstanceOf(GraphQLError);
    expect(errors?.[0]?.originalError).toMatchObject({ code: 'VALIDATION' });
  });
});
