import { describe, expect, it } from 'vitest';
import * as errors from '../../src/domain/errors.js';
import { encodeId, ID_PREFIXES, type IdType } from '../../src/domain/id.js';

const UUID = '01890a5d-ac96-774b-bcce-b302099a8057';
const OTHER = '01890a5d-ac96-774b-bcce-b302099a8058';
const ENDED_AT = new Date('2026-03-01T12:00:00.000Z');
const session = encodeId('Session', UUID);

// The contract's table: every code, whether it is retryable, what it says besides.
const TABLE: [errors.DomainError, string, boolean, Record<string, unknown>][] = [
  [new errors.NotFoundError({ kind: 'Session', ref: 'x' }), 'NOT_FOUND', false, { kind: 'Session', ref: 'x' }],
  [
    new errors.ValidationError({ issues: [{ path: 'title', message: 'is wrong' }] }),
    'VALIDATION',
    false,
    { issues: [{ path: 'title', message: 'is wrong' }] },
  ],
  [
    new errors.IllegalTransitionError({ from: 'ZOMBIE', to: 'SUSPENDED', allowed: ['WORKING', 'COMPLETED'] }),
    'ILLEGAL_TRANSITION',
    false,
    { from: 'ZOMBIE', to: 'SUSPENDED', allowed: ['WORKING', 'COMPLETED'] },
  ],
  [
    new errors.SessionEndedError({ sessionId: UUID, endedAt: ENDED_AT, endReason: 'FINISHED', successorId: OTHER }),
    'SESSION_ENDED',
    false,
    {
      sessionId: session,
      endedAt: '2026-03-01T12:00:00.000Z',
      endReason: 'FINISHED',
      successorId: encodeId('Session', OTHER),
    },
  ],
  [
    new errors.SessionEndedError({ sessionId: UUID, endedAt: ENDED_AT, endReason: 'FAILED', successorId: null }),
    'SESSION_ENDED',
    false,
    { sessionId: session, endedAt: '2026-03-01T12:00:00.000Z', endReason: 'FAILED', successorId: null },
  ],
  [
    new errors.SessionAlreadyOpenError({ holderId: UUID, holderState: 'WORKING', holderSilentSeconds: 12.5 }),
    'SESSION_ALREADY_OPEN',
    false,
    { holderId: session, holderState: 'WORKING', holderSilentSeconds: 12.5 },
  ],
  [new errors.VersionConflictError({ expected: 3, actual: 4 }), 'VERSION_CONFLICT', true, { expected: 3, actual: 4 }],
  [
    new errors.VersionConflictError({ expected: null, actual: 4 }),
    'VERSION_CONFLICT',
    true,
    { expected: null, actual: 4 },
  ],
  [
    new errors.RunNotActiveError({ runId: UUID, status: 'FAILED' }),
    'RUN_NOT_ACTIVE',
    false,
    { runId: encodeId('Run', UUID), status: 'FAILED' },
  ],
  [
    new errors.RunAlreadyActiveError({ runId: UUID, coordinatorName: 'lead' }),
    'RUN_ALREADY_ACTIVE',
    false,
    { runId: encodeId('Run', UUID) },
  ],
  [
    new errors.NotResumableError({ sessionId: UUID, state: 'SUSPENDED', reason: 'its saved state has expired' }),
    'NOT_RESUMABLE',
    false,
    { sessionId: session, state: 'SUSPENDED', reason: 'its saved state has expired' },
  ],
  [
    new errors.AlreadyResolvedError({ approvalId: UUID, resolution: 'APPROVED' }),
    'ALREADY_RESOLVED',
    false,
    { approvalId: encodeId('Approval', UUID), resolution: 'APPROVED' },
  ],
  [
    new errors.AlreadyResolvedError({ approvalId: UUID, resolution: null }),
    'ALREADY_RESOLVED',
    false,
    { approvalId: encodeId('Approval', UUID), resolution: null },
  ],
  [
    new errors.PayloadTooLargeError({ path: 'events.0.data', limitBytes: 10, actualBytes: 11 }),
    'PAYLOAD_TOO_LARGE',
    false,
    { path: 'events.0.data', limitBytes: 10, actualBytes: 11 },
  ],
  [new errors.IdempotencyConflictError({ key: 'k' }), 'IDEMPOTENCY_CONFLICT', false, { key: 'k' }],
  [
    new errors.AmbiguousError({ ref: 'bui', matches: [UUID, OTHER] }),
    'AMBIGUOUS',
    false,
    { matches: [session, encodeId('Session', OTHER)] },
  ],
  [new errors.UnauthenticatedError(), 'UNAUTHENTICATED', false, {}],
  [new errors.ForbiddenError({ required: 'ADMIN' }), 'FORBIDDEN', false, { required: 'ADMIN' }],
  [new errors.RateLimitedError({ retryAfterMs: 250 }), 'RATE_LIMITED', true, { retryAfterMs: 250 }],
  [
    new errors.QueryTooCostlyError({ rule: 'depth', limit: 15, actual: 35 }),
    'QUERY_TOO_COSTLY',
    false,
    { rule: 'depth', limit: 15, actual: 35 },
  ],
  [new errors.UnavailableError({ reason: 'unreachable' }), 'UNAVAILABLE', true, {}],
  [new errors.UnavailableError({ reason: 'timeout' }), 'UNAVAILABLE', true, {}],
];

describe('an expected failure', () => {
  it('has one class for each of the eighteen codes', () => {
    expect([...new Set(TABLE.map(([, code]) => code))].sort()).toEqual(Object.keys(errors.RETRYABLE).sort());
    expect(new Set(TABLE.map(([error]) => error.constructor)).size).toBe(18);
  });

  it.each(TABLE)('%s has the code %s, retryable %s, and the facts %o', (error, code, retryable, facts) => {
    expect(error).toBeInstanceOf(errors.DomainError);
    expect(error.code).toBe(code);
    expect(error.retryable).toBe(retryable);
    expect(error.extensions).toEqual({ code, retryable, ...facts });
    // Over the wire it says the same: no Date, no undefined.
    expect(JSON.parse(JSON.stringify(error.extensions))).toEqual(error.extensions);
  });

  it.each(TABLE)('%s says a sentence', (error) => {
    expect(error.message).toMatch(/^[A-Z"e].*\.$/);
    expect(error.message).not.toMatch(/undefined|null|\[object|NaN|\.\./);
  });
});

describe('what is not found', () => {
  it.each(Object.keys(ID_PREFIXES) as IdType[])('is called by its kind in plain words: %s', (kind) => {
    const { message, extensions } = new errors.NotFoundError({ kind, ref: 'r' });
    const noun = { SavedState: 'saved state', ApiKey: 'api key' }[kind as string] ?? kind.toLowerCase();
    const where = kind === 'Project' ? 'on this server' : 'in this project';
    expect(message).toBe(`There is no ${noun} "r" ${where}.`);
    expect(extensions.kind).toBe(kind);
  });

  it('is echoed no longer than it takes to recognise it', () => {
    const { message, extensions } = new errors.NotFoundError({ kind: 'Session', ref: 'x'.repeat(1e6) });
    expect(message.length).toBeLessThan(300);
    expect(extensions.ref).toBe(`${'x'.repeat(200)}…`);
  });
});

describe('an ended session', () => {
  it('names its successor, or says that it has none', () => {
    const end = { sessionId: UUID, endedAt: ENDED_AT, endReason: 'CONTEXT_COMPACTED' } as const;
    const successorId = encodeId('Session', OTHER);
    expect(new errors.SessionEndedError({ ...end, successorId: OTHER }).message).toContain(`successor ${successorId}`);
    expect(new errors.SessionEndedError({ ...end, successorId: null }).message).toContain('no successor');
  });
});

describe('invalid input', () => {
  it('tells every issue in its message', () => {
    const issues = [
      { path: 'agentName', message: 'must not be empty' },
      { path: 'events.3.type', message: 'must not be RUN_STARTED' },
    ];
    expect(new errors.ValidationError({ issues }).message).toBe(
      'The input is not valid: agentName must not be empty; events.3.type must not be RUN_STARTED.',
    );
  });
});
