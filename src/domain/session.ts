// A session is one life of one agent. It is open until it is COMPLETED, and live while it is BOOTING, WORKING or
// STALLED. The registry of a supervisor knows three words for that: ACTIVE is booting or working, CLOSED is completed,
// and STALE is everything between. Why it began and why it ended is said in words that never change: every trigger can
// begin a session, every one but FIRST_MESSAGE can end one, and each list has its own reasons besides.
import { ENDING_TRIGGERS, TRANSITION_TRIGGERS } from './trigger.js';

export const SESSION_KINDS = ['CONVERSATION', 'AGENT', 'SUPERVISOR', 'WORKFLOW'] as const;
export type SessionKind = (typeof SESSION_KINDS)[number];

export const LIFECYCLE_STATES = ['BOOTING', 'WORKING', 'SUSPENDED', 'STALLED', 'ZOMBIE', 'COMPLETED'] as const;
export type LifecycleState = (typeof LIFECYCLE_STATES)[number];

export const REGISTRY_STATUSES = ['ACTIVE', 'STALE', 'CLOSED'] as const;
export type RegistryStatus = (typeof REGISTRY_STATUSES)[number];

export const OUTCOMES = ['SUCCESS', 'FAILURE', 'ABORTED', 'UNKNOWN'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const START_REASONS = [
  ...TRANSITION_TRIGGERS,
  'REGISTERED',
  'SPAWNED',
  'HANDOFF',
  'RESTORED',
  'FORKED',
  'TAKEN_OVER',
  'IMPORTED',
] as const;
export type StartReason = (typeof START_REASONS)[number];

export const END_REASONS = [
  ...ENDING_TRIGGERS,
  'FINISHED',
  'FAILED',
  'STOPPED',
  'EXPIRED',
  'HANDED_OFF',
  'RESTORED',
  'SUPERSEDED',
  'PROCESS_DIED',
  'TERMINATED',
] as const;
export type EndReason = (typeof END_REASONS)[number];

export const INSTANCE_TYPES = ['PS', 'MS'] as const;
export type InstanceType = (typeof INSTANCE_TYPES)[number];

const REGISTRY: Readonly<Record<LifecycleState, RegistryStatus>> = {
  BOOTING: 'ACTIVE',
  WORKING: 'ACTIVE',
  SUSPENDED: 'STALE',
  STALLED: 'STALE',
  ZOMBIE: 'STALE',
  COMPLETED: 'CLOSED',
};

/** The states of a live session. */
export const LIVE_STATES: readonly LifecycleState[] = ['BOOTING', 'WORKING', 'STALLED'];

/** The states that a registry calls STALE. */
export const STALE_STATES: readonly LifecycleState[] = LIFECYCLE_STATES.filter((state) => REGISTRY[state] === 'STALE');

/** Whether it still holds its conversation's or its agent name's place. */
export function isOpen(state: LifecycleState): boolean {
  return state !== 'COMPLETED';
}

/** Whether it is expected to show signs of life. */
export function isLive(state: LifecycleState): boolean {
  return LIVE_STATES.includes(state);
}

/** The word of a supervisor's registry for a state. */
export function registryStatus(state: LifecycleState): RegistryStatus {
  return REGISTRY[state];
}

const INSTANCE_ID = /^[a-z0-9][a-z0-9-]*-(PS|MS)-[a-z0-9]{6}$/;

/** The type that an instance id names, `<name>-(PS|MS)-<6 of a-z0-9>`; null for a text of another form. */
export function instanceTypeOf(instanceId: string): InstanceType | null {
  const type = INSTANCE_ID.exec(instanceId)?.[1];
  return INSTANCE_TYPES.find((known) => known === type) ?? null;
}

/** Why a session starts where its caller gives no reason. */
export function defaultStartReason(session: {
  kind: SessionKind;
  /** Whether another session started it. */
  spawned: boolean;
  /** Whether it belongs to a conversation. */
  conversation: boolean;
}): StartReason {
  if (session.spawned) return 'SPAWNED';
  if (session.kind === 'SUPERVISOR') return 'REGISTERED';
  return session.conversation ? 'FIRST_MESSAGE' : 'REGISTERED';
}
