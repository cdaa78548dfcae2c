// The phases of an operation, and what is put around them: once, when the server is made, and not for each operation as the
// plugins of Yoga are. All transports go through the same layers, those that Yoga serves as well.
import type { DocumentNode, ExecutionArgs, ExecutionResult, GraphQLError, GraphQLSchema } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../graphql/context.js';
import type { Subscription } from './subscription.js';

/** An operation as it was sent. */
export interface Sent {
  readonly query?: string;
  readonly operationName?: string | null;
  readonly variables?: Readonly<Record<string, unknown>> | null;
  readonly extensions?: Readonly<Record<string, unknown>> | null;
}

/** What is known of an operation from its beginning. */
export interface Asked extends Context {
  readonly params: Sent;
}

export interface Phases {
  /** @throws GraphQLError where the text is no document. */
  readonly parse: (text: string, asked: Asked) => DocumentNode;
  /** What is wrong with the document. */
  readonly validate: (document: DocumentNode, asked: Asked) => readonly GraphQLError[];
  /** Of a query or a mutation. */
  readonly execute: (args: ExecutionArgs) => Promise<ExecutionResult> | ExecutionResult;
  /** Of a subscription. */
  readonly subscribe: (args: ExecutionArgs) => Promise<Subscription | ExecutionResult>;
}

/** What it puts around the phases, of those that concern it. */
export type Layer = { readonly [Phase in keyof Phases]?: (inner: Phases[Phase]) => Phases[Phase] };

/** The layer that comes first is within those that come after: they hear what it refuses. */
export function layered(innermost: Phases, layers: readonly Layer[]): Phases {
  return layers.reduce(
    ({ parse, validate, execute, subscribe }, layer) => ({
      parse: layer.parse?.(parse) ?? parse,
      validate: layer.validate?.(validate) ?? validate,
      execute: layer.execute?.(execute) ?? execute,
      subscribe: layer.subscribe?.(subscribe) ?? subscribe,
    }),
    innermost,
  );
}

/** Has Yoga take an operation through the phases: it has put what it was sent into the context. */
export const phasesOfYoga = ({ parse, validate, execute, subscribe }: Phases): Plugin<Asked> => ({
  onParse({ context, setParseFn }) {
    setParseFn((text: string) => parse(text, context));
  },
  onValidate({ context, setValidationFn }) {
    setValidationFn((_schema: GraphQLSchema, document: DocumentNode) => validate(document, context));
  },
  onExecute: ({ setExecuteFn }) => setExecuteFn(execute),
  onSubscribe: ({ setSubscribeFn }) => setSubscribeFn(subscribe),
});
