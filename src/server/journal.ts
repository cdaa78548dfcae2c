// One line of the log for each operation that took long or that was refused, with the id of its request. What a caller wrote
// is not in it: the fields that are named are the schema's.
import { getOperationAST, Kind, type ExecutionArgs, type ExecutionResult } from 'graphql';
import { handleStreamOrSingleExecutionResult, type Plugin } from 'graphql-yoga';
import type { Logger } from 'pino';
import type { Context } from '../graphql/context.js';
import { SLOW_MS } from './limits.js';

export function keepJournal(log: Logger): Plugin<Context> {
  return {
    onExecute({ args }) {
      const from = performance.now();
      const { document, operationName, contextValue } = args as ExecutionArgs;
      const { requestId } = contextValue as Context;
      const ended = ({ errors }: ExecutionResult): void => {
        const tookMs = Math.round(performance.now() - from);
        const isSlow = tookMs >= SLOW_MS;
        // Refusals are the callers' affair, and may be many: whoever looks for them asks for them.
        if (!isSlow && !(errors && log.isLevelEnabled('debug'))) return;
        const operation = getOperationAST(document, operationName);
        const line = {
          requestId,
          operation: operation?.operation,
          fields: operation?.selectionSet.selections.map((one) => (one.kind === Kind.FIELD ? one.name.value : '…')),
          codes: errors?.map(({ extensions }) => extensions.code),
          tookMs,
        };
        if (isSlow) log.warn(line, 'an operation took long');
        else log.debug(line, 'an operation was refused');
      };
      return {
        onExecuteDone: (payload) => handleStreamOrSingleExecutionResult(payload, ({ result }) => ended(result)),
      };
    },
  };
}
