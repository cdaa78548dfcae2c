// What callers hear of failures: the same over HTTP, server-sent events and WebSockets, in every phase of an operation.
import {
  GraphQLError,
  type ExecutionArgs,
  type ExecutionResult,
  type FormattedExecutionResult,
  type GraphQLErrorExtensions,
  type GraphQLFormattedError,
} from 'graphql';
import type { Logger } from 'pino';
import type { Context } from '../graphql/context.js';
import { maskError } from '../graphql/errors.js';
import type { Layer } from './layer.js';
import { Subscription } from './subscription.js';

const MASK = 'INTERNAL_SERVER_ERROR';

/** Statuses of a request that failed as a whole for one of these: proxies and clients act on them. */
const FAILED: ReadonlyMap<unknown, number> = new Map([
  ['UNAVAILABLE', 503],
  ['RATE_LIMITED', 429],
  ['FORBIDDEN', 403],
]);

/** Statuses of a request that is refused before its operation is looked at. */
const REFUSED: ReadonlyMap<unknown, number> = new Map([...FAILED, ['UNAUTHENTICATED', 401], ['NOT_FOUND', 404]]);

/** Yoga's note on the status of a document that cannot be read. */
const UNREADABLE = { spec: true, status: 400 };

/** How a response begins. */
interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** The head of the response to a request that is refused as a whole. */
export const refusalHead = ({ extensions }: GraphQLError): Head =>
  headOf(REFUSED.get(extensions.code) ?? 500, extensions);

function headOf(status: number, extensions: GraphQLErrorExtensions): Head {
  if (status === 401) return { status, headers: { 'www-authenticate': 'Bearer' } };
  const { retryable, retryAfterMs = 0 } = extensions as { retryable?: boolean; retryAfterMs?: number };
  return { status, headers: retryable ? { 'retry-after': `${Math.max(Math.ceil(retryAfterMs / 1000), 1)}` } : {} };
}

/** An error as a caller may see it. What that hides is logged, with the id of the request where there is one. */
export function disclose(error: unknown, log: Logger, requestId?: string): GraphQLError {
  const told = maskError(error, requestId);
  if (told.extensions.originalError) {
    // Of a body that is no JSON Yoga quotes what the parser said, and has it answered with 200 as if it were an operation.
    delete told.extensions.originalError;
    told.extensions.http = { status: 400 };
  }
  const known = error instanceof GraphQLError && error.extensions.code === MASK;
  if (told.extensions.code === MASK && !known) {
    const err = error instanceof GraphQLError ? (error.originalError ?? error) : error;
    log.error({ err, requestId, path: told.path }, 'a request failed unexpectedly');
  }
  return told;
}

/** An error as it is sent: without Yoga's notes on the status of the response. */
export function formatError(error: GraphQLError): GraphQLFormattedError {
  const { http, ...extensions } = error.extensions;
  return http ? { ...error.toJSON(), extensions } : error.toJSON();
}

export function formatResult({ errors, ...result }: ExecutionResult): FormattedExecutionResult {
  return errors ? { errors: errors.map(formatError), ...result } : result;
}

/** Gives every error its code, by whatever transport the operation came. */
export function discloseErrors(log: Logger): Layer {
  const disclosed = (result: ExecutionResult, { contextValue }: ExecutionArgs): ExecutionResult =>
    discloseResult(result, log, (contextValue as Context).requestId);
  return {
    parse: (parse) => (text, asked) => {
      try {
        return parse(text, asked);
      } catch (error) {
        throw unreadable(disclose(tooDeep(error), log, asked.requestId));
      }
    },
    validate: (validate) => (document, asked) => {
      const { requestId } = asked;
      try {
        return validate(document, asked).map((error) => unreadable(disclose(error, log, requestId)));
      } catch (error) {
        return [unreadable(disclose(tooDeep(error), log, requestId))];
      }
    },
    execute: (execute) => async (args) => disclosed(await execute(args), args),
    subscribe: (subscribe) => async (args) => {
      const result = await subscribe(args);
      return result instanceof Subscription ? result : disclosed(result, args);
    },
  };
}

/** With Yoga's note on its status, which is that of a document that cannot be carried out unless something else is said. */
function unreadable(error: GraphQLError): GraphQLError {
  error.extensions.http ??= UNREADABLE;
  return error;
}

/** The result as a caller may see it. */
export function discloseResult(result: ExecutionResult, log: Logger, requestId: string): ExecutionResult {
  if (!result.errors) return result;
  const errors = result.errors.map((error) => disclose(error, log, requestId));
  const isEmpty = Object.values(result.data ?? {}).every((value) => value == null);
  const [status, ...others] = new Set(errors.map(({ extensions }) => FAILED.get(extensions.code)));
  if (isEmpty && status && others.length === 0) {
    for (const { extensions } of errors) extensions.http = headOf(status, extensions);
  }
  return { ...result, errors };
}

/** The parser and some rules descend as deep as the document does, and no document is worth a stack of its own. */
function tooDeep(error: unknown): unknown {
  if (!(error instanceof RangeError)) return error;
  return new GraphQLError('The document is nested too deeply.', { extensions: { code: 'GRAPHQL_PARSE_FAILED' } });
}
