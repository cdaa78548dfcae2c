import type { InstanceType, LifecycleState, Outcome, RegistryStatus, SessionKind } from '../domain/session.js';
import { builder, enumOf } from './builder.js';

export const SessionKindEnum = enumOf<SessionKind>('SessionKind', 'What a session is the life of.', {
  CONVERSATION: 'The side of an assistant in a conversation with people. Never judged by its silence.',
  AGENT: 'An agent that works on a task.',
  SUPERVISOR: 'An instance that supervises a project; it may be silent for half an hour.',
  WORKFLOW: 'A workflow of several phases, whose state can be saved and resumed.',
});

export const LifecycleStateEnum = enumOf<LifecycleState>('LifecycleState', 'Where a session stands in its life.', {
  BOOTING: 'It has begun and shown no sign of life yet.',
  WORKING: 'It is alive.',
  SUSPENDED: 'It waits to be resumed; only that wakes it.',
  STALLED: 'It has been silent for too long; any sign of life makes it WORKING again.',
  ZOMBIE: 'It is thought dead; only reviving it after a newer heartbeat brings it back.',
  COMPLETED: 'It has ended. Nothing about it changes any more.',
});

export const RegistryStatusEnum = enumOf<RegistryStatus>(
  'RegistryStatus',
  'How the registry of a supervisor would put the state.',
  { ACTIVE: 'Booting or working.', STALE: 'Suspended, stalled or zombie.', CLOSED: 'Completed.' },
);

export const InstanceTypeEnum = enumOf<InstanceType>('InstanceType', 'What kind of supervisor an instance id names.', {
  PS: 'A project supervisor.',
  MS: 'A meta supervisor, above the projects.',
});

export const OutcomeEnum = enumOf<Outcome>('Outcome', 'How a session came out. Nobody infers success.', {
  SUCCESS: 'It reached what it was for.',
  FAILURE: 'It did not reach what it was for.',
  ABORTED: 'It was broken off.',
  UNKNOWN: 'Nobody said.',
});

/** How many sessions are in a state. */
export const StateCount = builder.objectRef<{ state: LifecycleState; count: number }>('StateCount').implement({
  description: 'How many sessions are in a state.',
  fields: (t) => ({
    state: t.expose('state', { type: LifecycleStateEnum, description: 'The state.' }),
    count: t.exposeInt('count', { description: 'The sessions that are in it now.' }),
  }),
});
