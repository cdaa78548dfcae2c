import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Caller } from '../../src/store/store.js';
import { openGraphql, type Data, type TestGraphql, type Watched } from '../support/graphql.js';
import { readTables } from './page.js';

/** The public API as the admin of a project of a test's own, whose log is empty. */
export interface Api {
  /** Carries out a mutation with this input; its payload. */
  act: (name: string, input: object, selection: string) => Promise<Data>;
  /** What a mutation's refusal says beside its message. */
  refusal: (name: string, input: object) => Promise<Data>;
  ask: (document: string, variables?: Record<string, unknown>) => Promise<Data>;
  /** The answers of a subscription. */
  watch: (document: string, variables?: Record<string, unknown>) => Promise<Watched>;
  /** A new session's id: an agent's without a name unless the input says otherwise. */
  start: (input?: object) => Promise<string>;
  /** A session as it stands; null where there is none. */
  read: (id: string, selection: string) => Promise<Data>;
  /** Whatever has an id; null where there is nothing of it. */
  node: (id: string, selection: string) => Promise<Data>;
  /** What a test needs besides: the store for a worker's step, the database to let time pass. */
  graphql: TestGraphql;
}

/**
 * Runs tests under their names, which are the first cells of the table below a heading of docs/predecessors.md: a line without
 * a test fails, and so does a test without a line.
 */
export function showCapabilities(heading: string, tests: Record<string, (api: Api) => Promise<void>>): void {
  describe(heading, () => {
    let graphql: TestGraphql;
    beforeAll(async () => {
      graphql = await openGraphql();
    });
    afterAll(() => graphql[Symbol.asyncDispose]());

    it('has a line on the page for every test, and a test for every line', () => {
      const lines = readTables().get(heading) ?? [];
      expect(lines.map(({ name }) => name)).toEqual(Object.keys(tests));
    });

    for (const [name, test] of Object.entries(tests)) {
      it(name, async () => test(openApi(graphql, await graphql.newCaller())));
    }
  });
}

function openApi(graphql: TestGraphql, caller: Caller): Api {
  const ask: Api['ask'] = (document, variables) => graphql.ask(document, variables, { caller });
  const act: Api['act'] = async (name, input, selection) => (await ask(mutation(name, selection), { input }))[name];
  return {
    graphql,
    ask,
    watch: (document, variables) => graphql.watch(document, variables, { caller }),
    act,
    refusal: async (name, input) =>
      (await graphql.refusal(mutation(name, '__typename'), { input }, { caller })).extensions,
    start: async (input = {}) => (await act('startSession', input, 'session { id }')).session.id,
    read: async (id, selection) =>
      (await ask(`query ($id: ID!) { session(by: { id: $id }) { ${selection} } }`, { id })).session,
    node: async (id, selection) => (await ask(`query ($id: ID!) { node(id: $id) { ${selection} } }`, { id })).node,
  };
}

const mutation = (name: string, selection: string) =>
  `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${selection} } }`;
