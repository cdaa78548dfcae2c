import {
  FieldsOnCorrectTypeRule,
  KnownArgumentNamesRule,
  parse,
  printSchema,
  ProvidedRequiredArgumentsRule,
  validate,
  ValuesOfCorrectTypeRule,
  visit,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RETRYABLE } from '../../src/domain/errors.js';
import { buildSchema } from '../../src/graphql/schema.js';
import type { Caller } from '../../src/store/store.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';
import { readSource } from '../support/source.js';

const PAGE = 'docs/predecessors.md';

/** The public API as the admin of a project of a test's own, whose log is empty. */
export interface Api {
  /** Carries out a mutation with this input; its payload. */
  act: (name: string, input: object, selection: string) => Promise<Data>;
  /** What a mutation's refusal says beside its message. */
  refusal: (name: string, input: object) => Promise<Data>;
  ask: (document: string, variables?: Record<string, unknown>) => Promise<Data>;
  /** A new session's id: an agent's without a name unless the input says otherwise. */
  start: (input?: object) => Promise<string>;
  /** A session as it stands; null where there is none. */
  read: (id: string, selection: string) => Promise<Data>;
  /** What a test needs besides: the store for a worker's step, the database to let time pass. */
  graphql: TestGraphql;
  caller: Caller;
}

/**
 * Runs the capabilities of a system under their names, which are the first cells of its tables in docs/predecessors.md: a line
 * without a test fails, and so does a test without a line.
 */
export function showCapabilities(system: string, tests: Record<string, (api: Api) => Promise<void>>): void {
  const lines = linesOf(system);
  let graphql: TestGraphql;

  beforeAll(async () => {
    graphql = await openGraphql();
  });
  afterAll(() => graphql[Symbol.asyncDispose]());

  describe(`the page on ${system}`, () => {
    it('has a line for every test, and a test for every line', () => {
      expect(lines.map(({ name }) => name)).toEqual(Object.keys(tests));
    });

    it('calls only what the schema has', () => {
      expect(lines.flatMap(({ calls }) => calls.flatMap(faultsOf))).toEqual([]);
    });
  });

  describe(system, () => {
    for (const [name, test] of Object.entries(tests)) it(name, async () => test(await openApi(graphql)));
  });
}

async function openApi(graphql: TestGraphql): Promise<Api> {
  const caller = await graphql.newCaller();
  const ask: Api['ask'] = (document, variables) => graphql.ask(document, variables, { caller });
  const act: Api['act'] = async (name, input, selection) => (await ask(mutation(name, selection), { input }))[name];
  return {
    graphql,
    caller,
    ask,
    act,
    refusal: async (name, input) =>
      (await graphql.refusal(mutation(name, '__typename'), { input }, { caller })).extensions,
    start: async (input = {}) => (await act('startSession', input, 'session { id }')).session.id,
    read: async (id, selection) =>
      (await ask(`query ($id: ID!) { session(by: { id: $id }) { ${selection} } }`, { id })).session,
  };
}

const mutation = (name: string, selection: string) =>
  `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${selection} } }`;

interface Line {
  /** What one did there. */
  name: string;
  /** What stands in code of what one does here. */
  calls: string[];
}

/** The lines of the tables under a system's heading. */
function linesOf(system: string): Line[] {
  const section = readSource(PAGE)
    .split(/^## /m)
    .find((text) => text.startsWith(`${system}\n`));
  const rows = (section ?? '').split('\n').filter((line) => line.startsWith('|'));
  const isRule = (row: string | undefined) => row !== undefined && /^[|\s:-]+$/.test(row);
  return rows
    .filter((row, index) => !isRule(row) && !isRule(rows[index + 1]))
    .map((row) => {
      const [, there = '', here = ''] = row.split('|');
      return { name: there.trim(), calls: [...here.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code) };
    });
}

const schema = buildSchema();
const WORDS = new Set<string>(Object.keys(RETRYABLE));
visit(parse(printSchema(schema)), { Name: ({ value }) => void WORDS.add(value) });

// Not all rules: a call leaves out what its reader selects and where its variables come from.
const RULES = [FieldsOnCorrectTypeRule, KnownArgumentNamesRule, ProvidedRequiredArgumentsRule, ValuesOfCorrectTypeRule];

/** What the schema does not have of a call, or of a name that stands alone. */
function faultsOf(call: string): string[] {
  if (/^\w+$/.test(call)) return WORDS.has(call) ? [] : [`${call} is no name of the schema`];
  const isMutation = /^\w+\(input:/.test(call);
  return validate(schema, parse(`${isMutation ? 'mutation' : 'query'} { ${call} }`), RULES).map(
    ({ message }) => `${call}: ${message}`,
  );
}
