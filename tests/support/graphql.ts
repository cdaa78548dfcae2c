import { parse, subscribe, validate, type DocumentNode, type ExecutionResult, type GraphQLError } from 'graphql';
import type { Context } from '../../src/graphql/context.js';
import { maskError } from '../../src/graphql/errors.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { executor, loadCompiler } from '../../src/server/execute.js';
import { openStore, type TestStore } from './store.js';

const schema = buildSchema();

/** Whatever a document asked for: the test knows its shape. */
export type Data = any;

/** The data of the answers of a subscription, one by one; `return` is the client's leaving. */
export type Watched = Required<Pick<AsyncIterableIterator<Data>, 'next' | 'return' | typeof Symbol.asyncIterator>>;

export interface TestGraphql extends TestStore {
  /** The data of an answer. Rejects with the first error, as a client would see it. */
  ask(document: string, variables?: Record<string, unknown>, as?: Partial<Context>): Promise<Data>;
  /** The first error of an answer, as a client would see it. */
  refusal(document: string, variables?: Record<string, unknown>, as?: Partial<Context>): Promise<GraphQLError>;
  /** Carries out a mutation: what is selected of its payload. */
  act(name: string, input: object, selection: string, as?: Partial<Context>): Promise<Data>;
  /** The data of each answer; rejects with the first error. */
  watch(document: string, variables?: Record<string, unknown>, as?: Partial<Context>): Promise<Watched>;
}

/** The schema over a store of a test's own, without a server. Requests are the admin's of `default` unless `as` says whose. */
export async function openGraphql(): Promise<TestGraphql> {
  const opened = await openStore();
  const { store, caller } = opened;
  const contextOf = (as: Partial<Context> = {}): Context => ({
    store,
    caller,
    holder: caller.name,
    requestId: 'test',
    ...as,
  });

  // Each document is compiled at once: servers take what comes for the first time the other way.
  await loadCompiler();
  // What is known of a document is known the next time, as on a server.
  const documents = new Map<string, DocumentNode>();
  const execute = executor({ often: 1 });
  const answer = async (source: string, variableValues?: Record<string, unknown>, as?: Partial<Context>) => {
    const document = documents.get(source) ?? parse(source);
    documents.set(source, document);
    const errors = validate(schema, document);
    return errors.length > 0 ? { errors } : execute({ schema, document, variableValues, contextValue: contextOf(as) });
  };

  return {
    ...opened,
    ask: async (...request) => dataOf(await answer(...request)),
    async refusal(...request) {
      const { errors } = await answer(...request);
      if (!errors?.[0]) throw new Error('there is no error');
      return maskError(errors[0]);
    },
    async act(name, input, selection, as) {
      return dataOf(await answer(mutation(name, selection), { input }, as))[name];
    },
    async watch(source, variableValues, as) {
      const stream = await subscribe({ schema, document: parse(source), variableValues, contextValue: contextOf(as) });
      return Symbol.asyncIterator in stream ? answersOf(stream) : dataOf(stream);
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

/** The document of a mutation whose input is the variable `input`. */
export const mutation = (name: string, selection: string): string =>
  `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${selection} } }`;

function dataOf({ data, errors }: ExecutionResult): Data {
  if (errors?.[0]) throw maskError(errors[0]);
  return data;
}

/** Not a generator: its `return()` has to reach the stream also while that waits. */
function answersOf(stream: AsyncGenerator<ExecutionResult, void, void>): Watched {
  return {
    async next() {
      const { done, value } = await stream.next();
      return done ? { done, value: undefined } : { done: false, value: dataOf(value) };
    },
    async return() {
      await stream.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
