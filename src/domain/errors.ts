// Every failure that a caller can foresee is a DomainError: a code that never changes, whether the same call may succeed
// later, the facts that the contract lists for the code, and a sentence that a stranger can act on. Whatever else is
// thrown is a fault of ours. Ids are taken as they stand in the database and told as TypeIDs.
import { encodeId, type IdType } from './id.js';
import type { Role } from './role.js';
import type { RunStatus } from './run.js';
import type { EndReason, LifecycleState } from './session.js';

/** Every code, and whether the same call may succeed later. */
export const RETRYABLE = {
  NOT_FOUND: false,
  VALIDATION: false,
  ILLEGAL_TRANSITION: false,
  SESSION_ENDED: false,
  SESSION_ALREADY_OPEN: false,
  VERSION_CONFLICT: true,
  RUN_NOT_ACTIVE: false,
  RUN_ALREADY_ACTIVE: false,
  NOT_RESUMABLE: false,
  ALREADY_RESOLVED: false,
  PAYLOAD_TOO_LARGE: false,
  IDEMPOTENCY_CONFLICT: false,
  AMBIGUOUS: false,
  UNAUTHENTICATED: false,
  FORBIDDEN: false,
  RATE_LIMITED: true,
  QUERY_TOO_COSTLY: false,
  UNAVAILABLE: true,
} as const;

export type ErrorCode = keyof typeof RETRYABLE;

/** An expected failure. `extensions` is what the caller sees beside the message: JSON values only. */
export abstract class DomainError extends Error {
  abstract readonly code: ErrorCode;
  readonly #facts: Readonly<Record<string, unknown>>;

  constructor(message: string, facts: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = new.target.name;
    this.#facts = facts;
  }

  get retryable(): boolean {
    return RETRYABLE[this.code];
  }

  get extensions(): Record<string, unknown> {
    return { code: this.code, retryable: this.retryable, ...this.#facts };
  }
}

/** `ref` is the caller's own text: an id, a handle, a conversation's key. */
export class NotFoundError extends DomainError {
  readonly code = 'NOT_FOUND';
  constructor({ kind, ref }: { kind: IdType; ref: string }) {
    const where = kind === 'Project' ? 'on this server' : 'in this project';
    super(`There is no ${noun(kind)} ${quote(ref)} ${where}.`, { kind, ref: clip(ref) });
  }
}

/** `path` leads from the input to the fault: `events.3.name`. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** The issues' messages are parts of a sentence that begins with their path: "must not be empty". */
export class ValidationError extends DomainError {
  readonly code = 'VALIDATION';
  constructor({ issues }: { issues: readonly Issue[] }) {
    super(`The input is not valid: ${issues.map(({ path, message }) => `${path} ${message}`).join('; ')}.`, { issues });
  }
}

export class IllegalTransitionError extends DomainError {
  readonly code = 'ILLEGAL_TRANSITION';
  constructor(move: { from: LifecycleState; to: LifecycleState; allowed: readonly LifecycleState[] }) {
    const { from, to, allowed } = move;
    super(`A session that is ${from} cannot become ${to} this way; it can become ${allowed.join(', ')}.`, {
      from,
      to,
      allowed,
    });
  }
}

export class SessionEndedError extends DomainError {
  readonly code = 'SESSION_ENDED';
  constructor(end: { sessionId: string; endedAt: Date; endReason: EndReason; successorId: string | null }) {
    const { endReason } = end;
    const sessionId = encodeId('Session', end.sessionId);
    const endedAt = end.endedAt.toISOString();
    const successorId = end.successorId && encodeId('Session', end.successorId);
    const advice = successorId ? `Write to its successor ${successorId}.` : 'It has no successor: start a session.';
    super(`Session ${sessionId} ended at ${endedAt} (${endReason}) and takes nothing more. ${advice}`, {
      sessionId,
      endedAt,
      endReason,
      successorId,
    });
  }
}

export class SessionAlreadyOpenError extends DomainError {
  readonly code = 'SESSION_ALREADY_OPEN';
  constructor(holder: { holderId: string; holderState: LifecycleState; holderSilentSeconds: number }) {
    const { holderState, holderSilentSeconds } = holder;
    const holderId = encodeId('Session', holder.holderId);
    super(
      `Session ${holderId} is open in this place (${holderState}, silent for ${Math.floor(holderSilentSeconds)} s). ` +
        'End it, or start with takeOver: true.',
      { holderId, holderState, holderSilentSeconds },
    );
  }
}

/** Versions count from 1; null is none: none was expected, or none is there. */
export class VersionConflictError extends DomainError {
  readonly code = 'VERSION_CONFLICT';
  constructor({ expected, actual }: { expected: number | null; actual: number | null }) {
    super(`The call names version ${expected ?? 'none'}, but version ${actual ?? 'none'} is there. Read it again.`, {
      expected,
      actual,
    });
  }
}

export class RunNotActiveError extends DomainError {
  readonly code = 'RUN_NOT_ACTIVE';
  constructor(run: { runId: string; status: Exclude<RunStatus, 'ACTIVE'> }) {
    const { status } = run;
    const runId = encodeId('Run', run.runId);
    super(`Run ${runId} is ${status} and takes no more sessions. Create another run.`, { runId, status });
  }
}

export class RunAlreadyActiveError extends DomainError {
  readonly code = 'RUN_ALREADY_ACTIVE';
  constructor(run: { runId: string; coordinatorName: string }) {
    const runId = encodeId('Run', run.runId);
    super(`Coordinator ${quote(run.coordinatorName)} has the active run ${runId}. Join it, or complete it first.`, {
      runId,
    });
  }
}

/** `reason` says why in words that follow "cannot be resumed: ". */
export class NotResumableError extends DomainError {
  readonly code = 'NOT_RESUMABLE';
  constructor(session: { sessionId: string; state: LifecycleState; reason: string }) {
    const { state, reason } = session;
    const sessionId = encodeId('Session', session.sessionId);
    super(`Session ${sessionId} (${state}) cannot be resumed: ${reason}.`, { sessionId, state, reason });
  }
}

/** `resolution` is null where the approval was closed without one: expired or cancelled. */
export class AlreadyResolvedError extends DomainError {
  readonly code = 'ALREADY_RESOLVED';
  constructor(approval: { approvalId: string; resolution: string | null }) {
    const { resolution } = approval;
    const approvalId = encodeId('Approval', approval.approvalId);
    super(`Approval ${approvalId} is closed already: ${resolution ?? 'expired or cancelled'}.`, {
      approvalId,
      resolution,
    });
  }
}

export class PayloadTooLargeError extends DomainError {
  readonly code = 'PAYLOAD_TOO_LARGE';
  constructor({ path, limitBytes, actualBytes }: { path: string; limitBytes: number; actualBytes: number }) {
    super(`${path} has ${actualBytes} bytes, and at most ${limitBytes} are taken. Shorten or split it.`, {
      path,
      limitBytes,
      actualBytes,
    });
  }
}

export class IdempotencyConflictError extends DomainError {
  readonly code = 'IDEMPOTENCY_CONFLICT';
  constructor({ key }: { key: string }) {
    super(`The idempotency key ${quote(key)} was used with another input. Use a new key for a new call.`, { key });
  }
}

/** `matches` are the sessions that the text could mean. */
export class AmbiguousError extends DomainError {
  readonly code = 'AMBIGUOUS';
  constructor({ ref, matches }: { ref: string; matches: readonly string[] }) {
    const ids = matches.map((id) => encodeId('Session', id));
    super(`${quote(ref)} could mean any of ${ids.join(', ')}. Say which.`, { matches: ids });
  }
}

export class UnauthenticatedError extends DomainError {
  readonly code = 'UNAUTHENTICATED';
  /** Whether it was a good one before. */
  readonly revoked: boolean;
  constructor({ revoked = false } = {}) {
    super(
      revoked
        ? 'The key has been revoked. Ask for another one.'
        : 'No valid credential came with the request. Send `authorization: Bearer <key>`.',
    );
    this.revoked = revoked;
  }
}

export class ForbiddenError extends DomainError {
  readonly code = 'FORBIDDEN';
  constructor({ required, serverAdmin = false }: { required: Role; serverAdmin?: boolean }) {
    super(serverAdmin ? "This needs the server's own admin key." : `This needs a key with the role ${required}.`, {
      required,
    });
  }
}

export class RateLimitedError extends DomainError {
  readonly code = 'RATE_LIMITED';
  constructor({ retryAfterMs }: { retryAfterMs: number }) {
    super(`Too much at once. Try again in ${retryAfterMs} ms.`, { retryAfterMs });
  }
}

/** Told from the text of an operation. */
export type CostRule = 'cost' | 'depth' | 'aliases' | 'tokens' | 'directives' | 'fields';
/** Told from what it reads. */
export type ReadRule = 'bytes' | 'entries';

export class QueryTooCostlyError extends DomainError {
  readonly code = 'QUERY_TOO_COSTLY';
  constructor({ rule, limit, actual }: { rule: CostRule | ReadRule; limit: number; actual: number }) {
    super(`The operation has ${rule} ${actual}, and at most ${limit} is allowed. Ask for less at once.`, {
      rule,
      limit,
      actual,
    });
  }
}

const WHY_UNAVAILABLE = {
  unreachable: 'The database cannot be reached',
  timeout: 'The database took too long',
  busy: 'The server has more to do than it can',
  issuer: 'The keys of the issuer of the token cannot be read',
} as const;

export class UnavailableError extends DomainError {
  readonly code = 'UNAVAILABLE';
  constructor({ reason }: { reason: keyof typeof WHY_UNAVAILABLE }) {
    const what = WHY_UNAVAILABLE[reason];
    super(`${what}. Try again; repeat a mutation with the idempotency key of its first attempt.`);
  }
}

// A caller's text may weigh megabytes: an answer repeats no more of it than shows which one was meant.
const LONGEST_ECHO = 200;

function clip(text: string): string {
  return text.length > LONGEST_ECHO ? `${text.slice(0, LONGEST_ECHO)}…` : text;
}

function quote(text: string): string {
  return JSON.stringify(clip(text));
}

/** `SavedState` → `saved state`. */
function noun(kind: IdType): string {
  return kind.replaceAll(/(?<=[a-z])[A-Z]/g, ' $&').toLowerCase();
}
