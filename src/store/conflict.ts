// What the database says when transactions meet. node-postgres tells it as PostgreSQL does, Prisma in several shapes of its
// own; all are read here and nowhere else.
import { isDriverAdapterError } from '@prisma/driver-adapter-utils';
import { Prisma } from '../database/client.js';
import { UnavailableError } from '../domain/errors.js';

/** Thrown where a function finds that what it relied on has changed under it: the transaction runs again. */
export class RetryTransaction extends Error {}

interface DriverCause {
  kind?: string;
  originalCode?: string;
  constraint?: { index?: string; fields?: string[] };
}

/** serialization_failure, deadlock_detected */
const CONFLICTS: ReadonlySet<string | undefined> = new Set(['40001', '40P01']);
/** foreign_key_violation: what a function had found was purged before it referred to it, and it will not find it again. */
const PURGED = '23503';

/**
 * What PostgreSQL says (XX000, internal_error) of a row whose lock it took while another transaction that had changed it was
 * being undone: nothing was written, and the next attempt finds that one gone.
 */
const HALF_UNDONE = 'new multixact has more than one updating member';

/** unique_violation */
const REPEATED = '23505';

/**
 * The unique indexes that only a race can hit: the function has looked before it wrote, and will see the winner when it
 * looks again.
 */
const RACES: ReadonlySet<unknown> = new Set([
  'sessions_open_conversation',
  'sessions_open_agent_name',
  'sessions_instance_id',
  'sessions_external_id',
  'runs_active_coordinator',
  'runs_external_id',
  'idempotency_keys_pkey',
]);

/** What Prisma's adapter calls a database that cannot be reached. */
const UNREACHABLE: ReadonlySet<string | undefined> = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TlsConnectionError',
  'AuthenticationFailed',
  'DatabaseAccessDenied',
  'DatabaseDoesNotExist',
  'TooManyConnections',
]);
/** Prisma's codes for a database that is too slow, or too busy with rivals. */
const TOO_SLOW: ReadonlySet<string> = new Set(['P2024', 'P2028', 'P2034']);
/** admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections, no such database, no way in, broken connections. */
const LOST = /^(57P0[123]|53300|3D000|28\w{3}|08\w{3}|E[A-Z]+)$/;
/**
 * What node-postgres says by itself of a connection that broke, or that could not be had: errors without a code, which Prisma
 * passes on as they are.
 */
const BROKEN =
  /^(Connection terminated|Client (was closed|has encountered a connection error)|timeout exceeded when trying to connect)/;
/** query_canceled (statement_timeout), lock_not_available, and conflicts that no repetition has got round */
const CANCELLED: ReadonlySet<string | undefined> = new Set(['57014', '55P03', ...CONFLICTS]);

/** Whether running the whole transaction again may help. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof RetryTransaction) return true;
  const { originalCode, constraint } = causeOf(error);
  return (
    codeOf(error) === 'P2034' ||
    CONFLICTS.has(originalCode) ||
    originalCode === PURGED ||
    RACES.has(constraint?.index) ||
    (error instanceof Error && error.message.startsWith(HALF_UNDONE))
  );
}

/** Whether what was written repeats a unique key, or refers to what is not there. */
export function isMisfit(error: unknown): boolean {
  const { originalCode } = causeOf(error);
  return originalCode === REPEATED || originalCode === PURGED;
}

/** The typed error where the database is out of reach, over its time limit or too busy with rivals, else null. */
export function unavailable(error: unknown): UnavailableError | null {
  if (error instanceof RetryTransaction) return new UnavailableError({ reason: 'timeout' });
  if (error instanceof Prisma.PrismaClientInitializationError || isBroken(error)) {
    return new UnavailableError({ reason: 'unreachable' });
  }
  const { kind, originalCode = '' } = causeOf(error);
  if (UNREACHABLE.has(kind) || LOST.test(originalCode)) return new UnavailableError({ reason: 'unreachable' });
  if (TOO_SLOW.has(codeOf(error)) || CANCELLED.has(originalCode)) return new UnavailableError({ reason: 'timeout' });
  return null;
}

const isBroken = (error: unknown): boolean => error instanceof Error && BROKEN.test(error.message);

/** Prisma's own code. */
const codeOf = (error: unknown): string => (error instanceof Prisma.PrismaClientKnownRequestError ? error.code : '');

/** What the database said: what has a severity has it from node-postgres, and of a COMMIT Prisma passes that on as it is. */
function causeOf(error: unknown): DriverCause {
  if (!(error instanceof Error)) return {};
  if ('severity' in error) {
    const { code, constraint } = error as { code?: string; constraint?: string };
    return { originalCode: code ?? '', ...(constraint !== undefined && { constraint: { index: constraint } }) };
  }
  if (isDriverAdapterError(error)) return error.cause as DriverCause;
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return {};
  const { driverAdapterError } = (error.meta ?? {}) as { driverAdapterError?: { cause?: DriverCause } };
  return driverAdapterError?.cause ?? {};
}
