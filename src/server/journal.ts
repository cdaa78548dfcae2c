// One line of the log for each operation that took long or that was refused, with the id of its request. What a caller wrote
// is not in it: the fields that are named are the schema's.
import { getOperationAST, Kind, type ExecutionArgs, type ExecutionResult } from 'graphql';
import type { Logger } from 'pino';
import type { Context } from '../graphql/context.js';
import type { Layer } from './layer.js';
import { SLOW_MS } from './limits.js';

export function keepJournal(log: Logger): Layer {
  return {
    execute: (execute) => async (args) => {
      const from = performance.now();
      const result = await execute(args);
      const tookMs = Math.round(performance.now() - from);
      const isSlow = tookMs >= SLOW_MS;
      if (isSlow) log.warn(lineOf(args, result, tookMs), 'an operation took long');
      // Refusals are the callers' affair, and may be many: whoever looks for them asks for them.
      else if (result.errors && log.isLevelEnabled('debug')) {
        log.debug(lineOf(args, result, tookMs), 'an operation was refused');
      }
      return result;
    },
  };
}

function lineOf({ document, operationName, contextValue }: ExecutionArgs, { errors }: ExecutionResult, tookMs: number) {
  const operation = getOperationAST(document, operationName);
  return {
    requestId: (contextValue as Context).requestId,
    operation: operation?.operation,
    fields: operation?.selectionSet.selections.map((one) => (one.kind === Kind.FIELD ? one.name.value : '…')),
    codes: errors?.map(({ extensions }) => extensions.code),
    tookMs,
  };
}
