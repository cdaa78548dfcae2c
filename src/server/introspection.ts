import {
  NoSchemaIntrospectionCustomRule,
  specifiedRules,
  validate,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql';
import type { Layer, Phases } from './layer.js';

/** Checks documents by the rules of GraphQL. Where the schema is not shown, neither who asks for it nor who guesses at it sees it. */
export function checker(schema: GraphQLSchema, isShown: boolean): Phases['validate'] {
  const rules = isShown ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  return (document) => validate(schema, document, rules, { hideSuggestions: !isShown });
}

/** Suggests no names for what is wrong in variables. */
export const hideSuggestions: Layer = {
  execute: (execute) => async (args) => withoutSuggestions(await execute(args)),
  subscribe: (subscribe) => (args) => subscribe({ ...args, hideSuggestions: true }),
};

/** The executor suggests names also where it is told not to. */
function withoutSuggestions(result: ExecutionResult): ExecutionResult {
  for (const error of result.errors ?? []) error.message = error.message.replace(/ Did you mean [^?]*\?/g, '');
  return result;
}
