import { describe, expect, it } from 'vitest';
import { checkPolicy, defaultPolicy, mergePolicy, type LivenessPolicyOverride } from '../../src/domain/liveness.js';
import { complaints } from '../support/complaint.js';

const WATCHED = { stallAfterSeconds: 300, zombieAfterSeconds: 600, escalateEverySeconds: 60, maxEscalationLevel: 3 };
const NEVER = { stallAfterSeconds: null, zombieAfterSeconds: null, escalateEverySeconds: null, maxEscalationLevel: 0 };
const SUPERVISED = { ...NEVER, stallAfterSeconds: 1800 };

const PATIENT = ['coordinator', 'orchestrator', 'monitor'];
const CAPABILITIES = [undefined, null, '', 'builder', 'Coordinator', ...PATIENT];

describe('the policy of a session that says nothing', () => {
  it.each(
    CAPABILITIES.map((capability) => [capability, PATIENT.includes(capability ?? '') ? NEVER : WATCHED] as const),
  )('as AGENT with capability %s is %o', (capability, policy) => {
    expect(defaultPolicy({ kind: 'AGENT', capability })).toEqual(policy);
  });

  describe.each([
    ['WORKFLOW', WATCHED],
    ['SUPERVISOR', SUPERVISED],
    ['CONVERSATION', NEVER],
  ] as const)('as %s', (kind, policy) => {
    it.each(CAPABILITIES)('is its own whatever the capability: %s', (capability) => {
      expect(defaultPolicy({ kind, capability })).toEqual(policy);
    });
  });
});

describe('a policy that a caller changes', () => {
  it.each([undefined, null, {}])('stays as it is where nothing is said: %o', (override) => {
    expect(mergePolicy(WATCHED, override)).toEqual(WATCHED);
  });

  it.each(['stallAfterSeconds', 'zombieAfterSeconds', 'escalateEverySeconds'] as const)(
    'takes a number for %s, never for null, and keeps what is absent',
    (field) => {
      expect(mergePolicy(WATCHED, { [field]: 7 })).toEqual({ ...WATCHED, [field]: 7 });
      expect(mergePolicy(WATCHED, { [field]: null })).toEqual({ ...WATCHED, [field]: null });
      expect(mergePolicy(WATCHED, { [field]: undefined })).toEqual(WATCHED);
    },
  );

  it('takes a level, and keeps its own for null', () => {
    expect(mergePolicy(WATCHED, { maxEscalationLevel: 0 })).toEqual({ ...WATCHED, maxEscalationLevel: 0 });
    expect(mergePolicy(WATCHED, { maxEscalationLevel: null })).toEqual(WATCHED);
  });

  it('takes from a session’s row the policy alone', () => {
    expect(mergePolicy(Object.assign({ id: 'row' }, WATCHED), null)).toEqual(WATCHED);
  });
});

describe('what a caller says of a policy', () => {
  it.each<[LivenessPolicyOverride | null | undefined]>([
    [undefined],
    [null],
    [{}],
    [NEVER],
    [WATCHED],
    [{ stallAfterSeconds: 1, zombieAfterSeconds: 2 ** 31 - 1, maxEscalationLevel: null }],
  ])('is taken: %o', (override) => {
    expect(complaints((issues) => checkPolicy(issues, 'liveness', override))).toEqual([]);
  });

  it('is refused for thresholds under a second and levels beyond 0 to 3', () => {
    const seconds = { stallAfterSeconds: -5, zombieAfterSeconds: 0, escalateEverySeconds: NaN };
    for (const maxEscalationLevel of [-1, 4]) {
      const override = { ...seconds, maxEscalationLevel };
      expect(complaints((issues) => checkPolicy(issues, 'liveness', override))).toEqual(
        Object.keys(override).map((field) => `liveness.${field}`),
      );
    }
  });
});
