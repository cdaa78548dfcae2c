import { NoSchemaIntrospectionCustomRule, type ExecutionArgs, type ExecutionResult, type validate } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Context } from '../graphql/context.js';

type Execute = (args: ExecutionArgs) => Promise<ExecutionResult>;

/** Shows the schema neither to who asks for it nor to who guesses at it, on any transport. To come before other plugins. */
export function hideSchema(): Plugin<Context> {
  return {
    onValidate({ addValidationRule, validateFn, setValidationFn }) {
      addValidationRule(NoSchemaIntrospectionCustomRule);
      const check = validateFn as typeof validate;
      setValidationFn((...[schema, document, rules, options, info]: Parameters<typeof validate>) =>
        check(schema, document, rules, { ...options, hideSuggestions: true }, info),
      );
    },
    onExecute({ executeFn, setExecuteFn }) {
      const execute = executeFn as Execute;
      setExecuteFn(async (args: ExecutionArgs) => withoutSuggestions(await execute(args)));
    },
    onSubscribe({ args }) {
      (args as ExecutionArgs).hideSuggestions = true;
    },
  };
}

/** Yoga's executor suggests names for what is wrong in variables, also where it is told not to. */
function withoutSuggestions(result: ExecutionResult): ExecutionResult {
  for (const error of result.errors ?? []) error.message = error.message.replace(/ Did you mean [^?]*\?/g, '');
  return result;
}
