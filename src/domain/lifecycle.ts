// A session begins BOOTING and moves only as this table says: each cell names the one action that leads from the state of
// its row to the state of its column. A sign of life makes a session that boots or stalls WORKING; a suspended one wakes
// only when it is resumed, a zombie only when it is revived, and activity in either changes nothing. What would lead to
// where the session stands already changes nothing and writes nothing. An ended session stays as it ended.
import { IllegalTransitionError } from './errors.js';
import type { EventType } from './event.js';
import { isOpen, LIFECYCLE_STATES, type LifecycleState } from './session.js';

/** Where each action wants to lead. */
const TARGETS = {
  /** A heartbeat, an event, a command, a checkpoint or a save. */
  activity: 'WORKING',
  /** The watchdog's verdict on silence beyond `stallAfterSeconds`. */
  stall: 'STALLED',
  /** Evidence of death, or the watchdog's verdict on silence beyond `zombieAfterSeconds`. */
  die: 'ZOMBIE',
  suspend: 'SUSPENDED',
  resume: 'WORKING',
  /** Only after a heartbeat newer than the verdict: that is the caller's to know. */
  revive: 'WORKING',
  end: 'COMPLETED',
} as const satisfies Record<string, LifecycleState>;

export type LifecycleAction = keyof typeof TARGETS;

export const LIFECYCLE_ACTIONS = Object.keys(TARGETS) as readonly LifecycleAction[];

const TABLE: Readonly<Record<LifecycleState, Partial<Record<LifecycleState, LifecycleAction>>>> = {
  BOOTING: { WORKING: 'activity', STALLED: 'stall', SUSPENDED: 'suspend', ZOMBIE: 'die', COMPLETED: 'end' },
  WORKING: { STALLED: 'stall', SUSPENDED: 'suspend', ZOMBIE: 'die', COMPLETED: 'end' },
  STALLED: { WORKING: 'activity', SUSPENDED: 'suspend', ZOMBIE: 'die', COMPLETED: 'end' },
  SUSPENDED: { WORKING: 'resume', COMPLETED: 'end' },
  ZOMBIE: { WORKING: 'revive', COMPLETED: 'end' },
  COMPLETED: {},
};

/**
 * What an action makes of a session: `{ to }` its next state; `unchanged`, to be written nowhere; or `ended`, where the
 * session takes nothing more and its first end facts stay.
 * @throws IllegalTransitionError where an open session cannot be moved so.
 */
export function nextState(
  from: LifecycleState,
  action: LifecycleAction,
): { to: LifecycleState } | 'unchanged' | 'ended' {
  const to = TARGETS[action];
  if (!isOpen(from)) return 'ended';
  if (TABLE[from][to] === action) return { to };
  if (from === to || action === 'activity') return 'unchanged';
  throw new IllegalTransitionError({ from, to, allowed: allowedFrom(from) });
}

/** The states that a session can move to from here, in the order of LIFECYCLE_STATES. */
export function allowedFrom(from: LifecycleState): LifecycleState[] {
  return LIFECYCLE_STATES.filter((to) => to in TABLE[from]);
}

/** The types of event that tell a change of state: each change writes exactly one of them, with `from` and `to` in its data. */
export const STATE_EVENT_TYPES = [
  'SESSION_STARTED',
  'SESSION_STATE_CHANGED',
  'SESSION_STALLED',
  'SESSION_RECOVERED',
  'SESSION_ZOMBIE',
  'SESSION_REVIVED',
  'SESSION_ENDED',
] as const satisfies readonly EventType[];

/** The event that tells what an action made of a session in this state. */
export function eventOf(action: LifecycleAction, from: LifecycleState): (typeof STATE_EVENT_TYPES)[number] {
  switch (action) {
    case 'activity':
      return from === 'STALLED' ? 'SESSION_RECOVERED' : 'SESSION_STATE_CHANGED';
    case 'suspend':
    case 'resume':
      return 'SESSION_STATE_CHANGED';
    case 'stall':
      return 'SESSION_STALLED';
    case 'die':
      return 'SESSION_ZOMBIE';
    case 'revive':
      return 'SESSION_REVIVED';
    case 'end':
      return 'SESSION_ENDED';
  }
}
