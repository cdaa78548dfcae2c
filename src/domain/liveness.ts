// How long a session may be silent depends on what it is. An agent or a workflow is stalled after five minutes and a
// zombie after ten, and meanwhile escalates every minute up to level 3. An agent that coordinates others waits by
// profession: silence alone says nothing about it. A supervisor is stale after half an hour, and never dead by time
// alone. A conversation waits for people: it is never judged. Null means never by time alone.
import { checkRange, type Issues } from './limits.js';
import type { SessionKind } from './session.js';

export interface LivenessPolicy {
  readonly stallAfterSeconds: number | null;
  readonly zombieAfterSeconds: number | null;
  readonly escalateEverySeconds: number | null;
  /** 0 warn, 1 nudge, 2 triage, 3 terminate. */
  readonly maxEscalationLevel: number;
}

/** What a caller says of a policy: an absent field leaves what is there, null says never. */
export interface LivenessPolicyOverride {
  readonly stallAfterSeconds?: number | null;
  readonly zombieAfterSeconds?: number | null;
  readonly escalateEverySeconds?: number | null;
  /** Null is no level, and leaves what is there. */
  readonly maxEscalationLevel?: number | null;
}

export const ESCALATION_LEVEL_MAX = 3;

// What an Int of the schema and an integer of the database both hold: 68 years.
const SECONDS_MAX = 2 ** 31 - 1;

const THRESHOLDS = ['stallAfterSeconds', 'zombieAfterSeconds', 'escalateEverySeconds'] as const;

const NEVER: LivenessPolicy = {
  stallAfterSeconds: null,
  zombieAfterSeconds: null,
  escalateEverySeconds: null,
  maxEscalationLevel: 0,
};
const WATCHED: LivenessPolicy = {
  stallAfterSeconds: 300,
  zombieAfterSeconds: 600,
  escalateEverySeconds: 60,
  maxEscalationLevel: ESCALATION_LEVEL_MAX,
};

const DEFAULTS: Readonly<Record<SessionKind, LivenessPolicy>> = {
  AGENT: WATCHED,
  WORKFLOW: WATCHED,
  SUPERVISOR: { ...NEVER, stallAfterSeconds: 1800 },
  CONVERSATION: NEVER,
};

/** The capabilities of agents that wait for others by profession. */
const PATIENT_CAPABILITIES: readonly string[] = ['coordinator', 'orchestrator', 'monitor'];

/** The policy of a session that says nothing of its own. */
export function defaultPolicy(session: { kind: SessionKind; capability?: string | null }): LivenessPolicy {
  const { kind, capability } = session;
  if (kind === 'AGENT' && capability && PATIENT_CAPABILITIES.includes(capability)) return NEVER;
  return DEFAULTS[kind];
}

/** The policy with what a caller says of it. */
export function mergePolicy(base: LivenessPolicy, override: LivenessPolicyOverride | null | undefined): LivenessPolicy {
  const seconds = (field: (typeof THRESHOLDS)[number]) => {
    const said = override?.[field];
    return said === undefined ? base[field] : said;
  };
  return {
    stallAfterSeconds: seconds('stallAfterSeconds'),
    zombieAfterSeconds: seconds('zombieAfterSeconds'),
    escalateEverySeconds: seconds('escalateEverySeconds'),
    maxEscalationLevel: override?.maxEscalationLevel ?? base.maxEscalationLevel,
  };
}

/** Thresholds of at least one second, a level of 0 to 3. */
export function checkPolicy(issues: Issues, path: string, override: LivenessPolicyOverride | null | undefined): void {
  if (!override) return;
  for (const field of THRESHOLDS) {
    checkRange(issues, `${path}.${field}`, override[field], 1, SECONDS_MAX);
  }
  checkRange(issues, `${path}.maxEscalationLevel`, override.maxEscalationLevel, 0, ESCALATION_LEVEL_MAX);
}
