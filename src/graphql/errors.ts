// What a caller hears of a failure, decided in one place for every transport and every phase of an operation.
import { PothosValidationError } from '@pothos/core';
import { GraphQLError } from 'graphql';
import { DomainError } from '../domain/errors.js';
import { unavailable } from '../store/conflict.js';

// GraphQL's own errors carry no code, and most are told apart by nothing but their sentence.
const VARIABLE =
  /^Variable "\$\w+" (got invalid value|of required type|of non-null type)|^Too many errors processing var/;
const ARGUMENT = /^Argument "\w+" /;
const OPERATION = /^Must provide |^Unknown operation named|^Schema is not configured to execute/;

/**
 * The error as a caller may see it, with a `code` and `retryable`. An expected failure keeps its sentence and its facts. A
 * fault of ours becomes INTERNAL_SERVER_ERROR with nothing but the request's id: the caller of this function logs it.
 */
export function maskError(error: unknown, requestId?: string): GraphQLError {
  const cause = causeOf(error);
  const expected = cause instanceof DomainError ? cause : unavailable(cause);
  if (expected) return told(error, expected.message, expected.extensions);
  if (cause instanceof PothosValidationError) {
    return told(error, cause.message, { code: 'VALIDATION', retryable: false, issues: [] });
  }
  // What a scalar says of a variable's value tells neither which variable nor where in it: the error around it does.
  const found = error instanceof GraphQLError && VARIABLE.test(error.message) ? error : cause;
  if (found instanceof GraphQLError) {
    const code = found.extensions.code ?? codeOf(found, error);
    if (code) return told(error, found.message, { ...{ code, retryable: false }, ...found.extensions, code });
  }
  return told(error, 'Internal server error', { code: 'INTERNAL_SERVER_ERROR', retryable: false, requestId });
}

/** What was thrown first: GraphQL wraps an error to say where it met it. */
function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) cause = cause.originalError;
  return cause;
}

function told(error: unknown, message: string, extensions: Record<string, unknown>): GraphQLError {
  const { nodes, source, positions, path } = error instanceof GraphQLError ? error : {};
  return new GraphQLError(message, { nodes, source, positions, path, extensions });
}

/** The code of an error that GraphQL itself found with the request; null where it found fault with our answer. */
function codeOf({ message }: GraphQLError, met: unknown): string | null {
  if (message.startsWith('Syntax Error')) return 'GRAPHQL_PARSE_FAILED';
  if (VARIABLE.test(message) || ARGUMENT.test(message)) return 'BAD_USER_INPUT';
  if (OPERATION.test(message)) return 'OPERATION_RESOLUTION_FAILURE';
  const isMetInExecution = met instanceof GraphQLError && met.path !== undefined;
  return isMetInExecution ? null : 'GRAPHQL_VALIDATION_FAILED';
}
