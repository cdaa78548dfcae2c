import { PothosValidationError } from '@pothos/core';
import { graphql, GraphQLError, locatedError } from 'graphql';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/client.js';
import { NotFoundError, VersionConflictError } from '../../src/domain/errors.js';
import { maskError } from '../../src/graphql/errors.js';
import { buildSchema } from '../../src/graphql/schema.js';

const schema = buildSchema();

/** The first error of a request that fails before it needs anything. */
async function refused(source: string, variableValues?: Record<string, unknown>): Promise<GraphQLError> {
  const { errors } = await graphql({ schema, source, variableValues, contextValue: {} });
  return maskError(errors?.[0]);
}

describe('an expected failure', () => {
  it('keeps its sentence, its code and its facts, and where it was met', () => {
    const error = new NotFoundError({ kind: 'Session', ref: 'ses_x' });
    const told = maskError(locatedError(error, [], ['endSession']));
    expect(told.message).toBe(error.message);
    expect(told.path).toEqual(['endSession']);
    expect(told.extensions).toEqual({ code: 'NOT_FOUND', retryable: false, kind: 'Session', ref: 'ses_x' });
    expect(told.originalError).toBeUndefined();
  });

  it('is told alike where nothing has located it: in the middle of a stream', () => {
    const told = maskError(new VersionConflictError({ expected: 1, actual: 2 }));
    expect(told.extensions).toEqual({ code: 'VERSION_CONFLICT', retryable: true, expected: 1, actual: 2 });
  });

  it('of the schema builder is VALIDATION', () => {
    const told = maskError(locatedError(new PothosValidationError('Invalid cursor'), []));
    expect(told).toMatchObject({ message: 'Invalid cursor', extensions: { code: 'VALIDATION', retryable: false } });
  });
});

describe('a database', () => {
  it('out of reach is UNAVAILABLE, and may be tried again', async () => {
    const { prisma, close } = openDatabase('postgresql://postgres@127.0.0.1:1/test');
    for (const asked of [prisma.session.findMany(), prisma.$queryRaw`SELECT 1`]) {
      const error: unknown = await asked.then(
        () => null,
        (failure: unknown) => failure,
      );
      const told = maskError(locatedError(error, []));
      expect(told.extensions).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
      expect(told.message).not.toContain('127.0.0.1');
    }
    await close();
  });
});

describe('a request that is no valid GraphQL', () => {
  const first =
    'query ($first: Int!, $kind: EventType!) { sessions(first: $first) { nodes { events(filter: { types: [$kind] }) { totalCount } } } }';

  it.each([
    ['a syntax error', '{ viewer(', undefined, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown field', '{ nothing }', undefined, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'an unknown enum value',
      'mutation { heartbeat(input: { sessionId: NONE }) { recommendedAction } }',
      undefined,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['a literal that a scalar refuses', '{ log(after: 1.5) { position } }', undefined, 'GRAPHQL_VALIDATION_FAILED'],
    ['an undefined variable', '{ node(id: $id) { id } }', undefined, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'a variable of another type',
      'query ($id: Int!) { node(id: $id) { id } }',
      undefined,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['a missing variable', first, {}, 'BAD_USER_INPUT'],
    ['a null variable', first, { first: null }, 'BAD_USER_INPUT'],
    ['a variable of the wrong kind', first, { first: 'x' }, 'BAD_USER_INPUT'],
    ['an unknown enum value in a variable', first, { first: 1, kind: 'NONE' }, 'BAD_USER_INPUT'],
    [
      'a variable that a scalar refuses',
      'query ($after: SafeInt) { log(after: $after) { position } }',
      { after: 1.5 },
      'BAD_USER_INPUT',
    ],
    [
      'two ways at once to name one session',
      '{ session(by: { agentName: "a", externalId: "b" }) { id } }',
      undefined,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'two operations, none of them chosen',
      'query A { viewer { name } } query B { viewer { name } }',
      undefined,
      'OPERATION_RESOLUTION_FAILURE',
    ],
  ])('%s has its code', async (_what, source, variables, code) => {
    const told = await refused(source, variables);
    expect(told.extensions).toEqual({ code, retryable: false });
    if (code !== 'OPERATION_RESOLUTION_FAILURE') expect(told.locations?.[0]).toMatchObject({ line: 1 });
  });

  it('keeps the code that another part of the server gave it', () => {
    const told = maskError(new GraphQLError('No.', { extensions: { code: 'BAD_REQUEST', http: { status: 400 } } }));
    expect(told.extensions).toEqual({ code: 'BAD_REQUEST', retryable: false, http: { status: 400 } });
  });
});

describe('a fault of ours', () => {
  it.each([
    ['thrown by a resolver', locatedError(new TypeError('secret'), [], ['viewer'])],
    ['thrown in the middle of a stream', new Error('secret')],
    ['that is no error', 'secret'],
    ['that is a value of ours which a scalar cannot tell', locatedError(new GraphQLError('secret'), [], ['viewer'])],
  ])('%s shows nothing but the id of the request', (_what, error) => {
    const told = maskError(error, 'r1');
    expect(told.message).toBe('Internal server error');
    expect(told.extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR', retryable: false, requestId: 'r1' });
    expect(JSON.stringify(told)).not.toContain('secret');
    expect(told.originalError).toBeUndefined();
  });
});
