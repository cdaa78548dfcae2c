import type { EndReason, StartReason } from '../domain/session.js';
import {
  ENDING_TRIGGERS,
  TRANSITION_TRIGGERS,
  TRIGGERS,
  type TransitionTrigger,
  type TriggerBehavior,
} from '../domain/trigger.js';
import { builder, enumOf } from './builder.js';

/** What the triggers among these words mean: each is a reason of that name too. */
function meanings<Trigger extends TransitionTrigger>(triggers: readonly Trigger[]): Record<Trigger, string> {
  const entries = triggers.map((trigger) => [trigger, TRIGGERS[trigger].description]);
  return Object.fromEntries(entries) as Record<Trigger, string>;
}

export const TransitionTriggerEnum = enumOf<TransitionTrigger>(
  'TransitionTrigger',
  'Why a context changes. `transitionTriggers` tells what each does.',
  meanings(TRANSITION_TRIGGERS),
);

export const StartReasonEnum = enumOf<StartReason>(
  'StartReason',
  'Why a session began: a trigger, or one of the reasons besides.',
  {
    ...meanings(TRANSITION_TRIGGERS),
    REGISTERED: 'It registered itself.',
    SPAWNED: 'Another session started it.',
    HANDOFF: 'It took over from the session before it.',
    RESTORED: 'It goes on from a checkpoint.',
    FORKED: 'It tries another way from a checkpoint, beside the session that took it.',
    TAKEN_OVER: 'It took the place of a session that still held it.',
    IMPORTED: 'It was brought from another system.',
  },
);

export const EndReasonEnum = enumOf<EndReason>(
  'EndReason',
  'Why a session ended: a trigger, or one of the reasons besides.',
  {
    ...meanings(ENDING_TRIGGERS),
    FINISHED: 'It did what it was for.',
    FAILED: 'It could not do what it was for.',
    STOPPED: 'Somebody stopped it.',
    EXPIRED: 'Its suspended work was not taken up in time.',
    HANDED_OFF: 'It gave its work to a successor.',
    RESTORED: 'Its work goes on from a checkpoint, in another session.',
    SUPERSEDED: 'Another session took its place.',
    PROCESS_DIED: 'Its process is gone.',
    TERMINATED: 'It was terminated.',
  },
);

const TriggerBehaviorEnum = enumOf<TriggerBehavior>('TriggerBehavior', 'What a trigger does where a session is open.', {
  CREATES: 'Ends the open session and starts its child.',
  DEACTIVATES: 'Ends the open session and starts nothing.',
  NONE: 'Leaves the open session as it is.',
});

const TransitionTriggerInfo = builder.objectRef<TransitionTrigger>('TransitionTriggerInfo').implement({
  description: 'A trigger, what it does and what it means.',
  fields: (t) => ({
    trigger: t.field({
      type: TransitionTriggerEnum,
      description: 'The trigger.',
      resolve: (trigger) => trigger,
    }),
    behavior: t.field({
      type: TriggerBehaviorEnum,
      description:
        'What it does where a session is open. Where none is, CREATES and NONE start one and DEACTIVATES does nothing.',
      resolve: (trigger) => TRIGGERS[trigger].behavior,
    }),
    description: t.string({
      description: 'What it means, in a sentence.',
      resolve: (trigger) => TRIGGERS[trigger].description,
    }),
  }),
});

builder.queryField('transitionTriggers', (t) =>
  t.field({
    type: [TransitionTriggerInfo],
    description: 'All triggers, with what they do.',
    resolve: () => TRANSITION_TRIGGERS,
  }),
);
