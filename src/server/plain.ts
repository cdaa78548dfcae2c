// The way that nearly every operation comes: one query or mutation, as JSON, answered once. Yoga answers it alike, but makes a
// fetch request and response of each, which costs more than all else that a small operation needs. Whatever is not just that
// is left to Yoga.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { getOperationAST, OperationTypeNode, type ExecutionResult, type GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import type { Context } from '../graphql/context.js';
import { disclose } from './failure.js';
import type { Phases, Sent } from './layer.js';
import { BODY_MAX_BYTES } from './limits.js';
import type { Yoga } from './yoga.js';

const JSON_TYPE = 'application/json';
const ANSWERS = [JSON_TYPE, 'application/graphql-response+json'];
const WHATEVER = new Set(['*/*', 'application/*']);
const ANSWERED_ONCE = new Set<unknown>([OperationTypeNode.QUERY, OperationTypeNode.MUTATION]);
const LENGTH = /^[1-9]\d*$/;

interface Whole extends Sent {
  readonly query: string;
}

interface Parts {
  readonly schema: GraphQLSchema;
  readonly phases: Phases;
  /** Knows the status of whatever has failed. */
  readonly yoga: () => Promise<Yoga>;
  readonly log: Logger;
}

/** Resolves with whether it has answered; where it has not, the request is as good as untouched. */
export function plainOperations({ schema, phases, yoga, log }: Parts) {
  const { parse, validate, execute } = phases;
  return async (request: IncomingMessage, response: ServerResponse, context: Context): Promise<boolean> => {
    const type = isPlain(request) && answerTypeOf(request.headers.accept);
    if (!type) return false;
    let body: Buffer;
    try {
      body = await bodyOf(request);
    } catch {
      // Whoever asked has gone.
      return true;
    }
    const asked = askedIn(body);
    const result = asked && (await resultOf(asked, context));
    if (result) await send(response, type, result);
    else Object.assign(request, { body: Readable.from([body]) });
    return result !== null;
  };

  /** Null where it is not clear that it is a query or a mutation. */
  async function resultOf(params: Whole, initial: Context): Promise<ExecutionResult | null> {
    const context = { ...initial, params };
    try {
      const { query, operationName, variables: variableValues } = params;
      const document = parse(query, context);
      if (!ANSWERED_ONCE.has(getOperationAST(document, operationName)?.operation)) return null;
      const errors = validate(document, context);
      if (errors.length > 0) return { errors };
      return await execute({ schema, document, operationName, variableValues, contextValue: context });
    } catch (error) {
      return { errors: [disclose(error, log, context.requestId)] };
    }
  }

  async function send(response: ServerResponse, type: string, result: ExecutionResult): Promise<void> {
    if (!result.errors) {
      response.setHeader('content-type', `${type}; charset=utf-8`);
      response.end(JSON.stringify(result));
      return;
    }
    const { processRegularResult } = await import('graphql-yoga');
    const answer = processRegularResult(result, (await yoga()).fetchAPI, type);
    response.statusCode = answer.status;
    response.setHeaders(new Map(answer.headers));
    response.end(await answer.text());
  }
}

/** Whether it is a JSON text of a known and lawful length. */
function isPlain({ method, headers }: IncomingMessage): boolean {
  const { 'content-type': type, 'content-length': length = '', 'content-encoding': encoding } = headers;
  const isJson = type === JSON_TYPE || type === `${JSON_TYPE}; charset=utf-8`;
  return method === 'POST' && isJson && !encoding && LENGTH.test(length) && Number(length) <= BODY_MAX_BYTES;
}

/** The first that is asked for of those that we have. */
function answerTypeOf(accept = '*/*'): string | undefined {
  if (accept === JSON_TYPE) return JSON_TYPE;
  for (const range of accept.toLowerCase().split(',')) {
    const [asked = '', ...parameters] = range.replaceAll(/\s/g, '').split(';');
    const isForeign = parameters.some((it) => it.startsWith('charset=') && it !== 'charset=utf-8');
    const type = WHATEVER.has(asked) ? JSON_TYPE : ANSWERS.find((it) => it === asked);
    if (type && !isForeign) return type;
  }
  return undefined;
}

/** `buffer` of Node's consumers goes by way of a Blob, which takes longer than all else here. */
function bodyOf(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
  });
}

/** Null where the body is anything but one operation as GraphQL over HTTP has it. */
function askedIn(body: Buffer): Whole | null {
  try {
    const asked: unknown = JSON.parse(body.toString());
    return isAsked(asked) ? asked : null;
  } catch {
    return null;
  }
}

function isAsked(given: unknown): given is Whole {
  if (!isObject(given)) return false;
  const { query, operationName, variables, extensions, ...others } = given;
  const isNamed = operationName == null || typeof operationName === 'string';
  const isFilled = [variables, extensions].every((it) => it == null || isObject(it));
  return typeof query === 'string' && isNamed && isFilled && Object.keys(others).length === 0;
}

const isObject = (given: unknown): given is Record<string, unknown> =>
  typeof given === 'object' && given !== null && !Array.isArray(given);
