// What a subscription sends. Subscribers of equal operations are given the very same values by their sources, and then the
// operation is executed once for each value and written out once, however many sockets and event streams the text goes to.
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  createSourceEventStream,
  Kind,
  print,
  visit,
  type ASTNode,
  type DocumentNode,
  type ExecutionArgs,
  type VariableNode,
} from 'graphql';
import type { Logger } from 'pino';
import { canonical } from '../domain/canonical.js';
import type { Context, Delivery } from '../graphql/context.js';
import { derivation } from '../graphql/derived.js';
import { logText } from '../graphql/logText.js';
import type { LogBatch } from '../store/page.js';
import type { Execute } from './execute.js';
import { disclose, discloseResult, formatResult } from './failure.js';
import type { Phases } from './layer.js';
import { Subscription, type Message } from './subscription.js';

// How often an operation is repeated that the database failed, and for how long: it may be its own fault.
const RETRY_MS = 250;
const OUTAGE_MS = 30_000;

/** Begins subscriptions. */
export function fanOut(execute: Execute, log: Logger): Phases['subscribe'] {
  const messageOf = derivation<Message>();
  return async (args) => {
    const source = await createSourceEventStream(args);
    if (!(Symbol.asyncIterator in source)) return source;
    const { requestId } = args.contextValue as Context;
    const key = keyOf(args);
    const compose = (value: unknown): Promise<Message> =>
      typeof value === 'object' && value !== null
        ? messageOf(value, key, () => write(execute, args, value, log))
        : write(execute, args, value, log);
    return new Subscription(source[Symbol.asyncIterator](), compose, (error) => disclose(error, log, requestId));
  };
}

/**
 * The result for one value, written out.
 * @throws GraphQLError UNAVAILABLE where the database stays away: whoever was sent that in place of the value would take the
 * value for had, and has to come back for it.
 */
async function write(execute: Execute, args: ExecutionArgs, rootValue: unknown, log: Logger): Promise<Message> {
  const context = args.contextValue as Context;
  const text = logText(args, rootValue);
  if (text !== null) return { text, position: (rootValue as LogBatch).position };
  for (const until = performance.now() + OUTAGE_MS; ;) {
    const delivery: Delivery = { position: null };
    const executed = await execute({ ...args, rootValue, contextValue: { ...context, delivery } });
    const result = discloseResult(executed, log, context.requestId);
    const outage = result.errors?.find(({ extensions }) => extensions.code === 'UNAVAILABLE');
    if (!outage) return { text: JSON.stringify(formatResult(result)), position: delivery.position };
    if (performance.now() > until) throw outage;
    await delay(RETRY_MS, null, { ref: false });
  }
}

/**
 * The same for operations whose results are equal where their source's values are: of equal text, in the same name, and with
 * the same variables, those left out that only say which values are wanted. Clients that go on from wherever each of them
 * was have all come to the same.
 */
function keyOf({ document, operationName, variableValues, contextValue }: ExecutionArgs): string {
  const used = variablesOf(document);
  const variables = Object.entries(variableValues ?? {}).filter(([name]) => used.has(name));
  const { caller } = contextValue as Context;
  const text = document.loc?.source.body ?? print(document);
  const whole = canonical([text, operationName, Object.fromEntries(variables), caller]);
  // It is kept as long as the subscription is.
  return createHash('sha256').update(whole).digest('base64');
}

const variables = new WeakMap<DocumentNode, ReadonlySet<string>>();

/** The variables on which results depend: the field of a subscription has its arguments for its source alone. */
function variablesOf(document: DocumentNode): ReadonlySet<string> {
  const known = variables.get(document);
  if (known) return known;
  const names = new Set<string>();
  const parts = document.definitions.flatMap((definition): readonly ASTNode[] => {
    if (definition.kind !== Kind.OPERATION_DEFINITION) return [definition];
    return definition.selectionSet.selections.flatMap((selection): readonly ASTNode[] => {
      if (selection.kind !== Kind.FIELD) return [selection];
      const { directives = [], selectionSet } = selection;
      return selectionSet ? [...directives, selectionSet] : directives;
    });
  });
  const Variable = ({ name }: VariableNode): void => void names.add(name.value);
  for (const part of parts) visit(part, { Variable });
  variables.set(document, names);
  return names;
}
