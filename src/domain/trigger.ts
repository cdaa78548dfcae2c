// A trigger says why a context changes. One that CREATES ends the open session and begins its child; one that
// DEACTIVATES ends it and begins nothing; FIRST_MESSAGE does neither where a session is open. Where none is open, the
// first and the last kind begin one, and a deactivation finds nothing to do.

export const TRIGGER_BEHAVIORS = ['CREATES', 'DEACTIVATES', 'NONE'] as const;
export type TriggerBehavior = (typeof TRIGGER_BEHAVIORS)[number];

/** The triggers that can end a session: all but FIRST_MESSAGE. Each is an end reason of that name too. */
export const ENDING_TRIGGERS = [
  'PLAN_TO_EXECUTE',
  'ISOLATION_CHANGED',
  'CODEBASE_CHANGED',
  'CODEBASE_CLONED',
  'CWD_CHANGED',
  'RESET_REQUESTED',
  'CONTEXT_RESET',
  'CONTEXT_COMPACTED',
  'REPO_REMOVED',
  'WORKTREE_REMOVED',
  'CONVERSATION_CLOSED',
  'PROJECT_CHANGED',
] as const;
export type EndingTrigger = (typeof ENDING_TRIGGERS)[number];

/** All triggers. Each is a start reason of that name too. */
export const TRANSITION_TRIGGERS = ['FIRST_MESSAGE', ...ENDING_TRIGGERS] as const;
export type TransitionTrigger = (typeof TRANSITION_TRIGGERS)[number];

interface TriggerInfo<Behavior extends TriggerBehavior> {
  readonly behavior: Behavior;
  readonly description: string;
}

/** What each trigger does, and what it means in a sentence. */
export const TRIGGERS: Readonly<
  { FIRST_MESSAGE: TriggerInfo<'NONE'> } & Record<EndingTrigger, TriggerInfo<'CREATES' | 'DEACTIVATES'>>
> = {
  FIRST_MESSAGE: {
    behavior: 'NONE',
    description: 'A message arrived: the open session goes on, and where there is none the next one begins.',
  },
  PLAN_TO_EXECUTE: {
    behavior: 'CREATES',
    description: 'The plan is made and its execution begins, in a fresh context.',
  },
  ISOLATION_CHANGED: {
    behavior: 'DEACTIVATES',
    description: 'The work moved to another isolated environment, so its context no longer fits.',
  },
  CODEBASE_CHANGED: {
    behavior: 'DEACTIVATES',
    description: 'The conversation turned to another codebase.',
  },
  CODEBASE_CLONED: {
    behavior: 'DEACTIVATES',
    description: 'A codebase was cloned, and the work goes on in the clone.',
  },
  CWD_CHANGED: {
    behavior: 'DEACTIVATES',
    description: 'The working directory changed under the session.',
  },
  RESET_REQUESTED: {
    behavior: 'DEACTIVATES',
    description: 'Somebody asked to begin anew.',
  },
  CONTEXT_RESET: {
    behavior: 'DEACTIVATES',
    description: 'The context was cleared, and what it held is gone.',
  },
  CONTEXT_COMPACTED: {
    behavior: 'CREATES',
    description: 'The context was full and was compacted; the work goes on from its summary.',
  },
  REPO_REMOVED: {
    behavior: 'DEACTIVATES',
    description: 'The repository that the session worked on was removed.',
  },
  WORKTREE_REMOVED: {
    behavior: 'DEACTIVATES',
    description: 'The worktree that the session worked in was removed.',
  },
  CONVERSATION_CLOSED: {
    behavior: 'DEACTIVATES',
    description: 'The conversation was closed on its platform.',
  },
  PROJECT_CHANGED: {
    behavior: 'DEACTIVATES',
    description: 'The conversation was assigned to another project.',
  },
};

/** `endReason`: end the open session so; `startReason`: then begin one so. Null: do not. */
export interface TransitionPlan {
  readonly endReason: EndingTrigger | null;
  readonly startReason: TransitionTrigger | null;
}

/** What a trigger asks for at a place that has an open session, or has none. */
export function planTransition(trigger: TransitionTrigger, hasOpenSession: boolean): TransitionPlan {
  const { behavior } = TRIGGERS[trigger];
  const starts = hasOpenSession ? behavior === 'CREATES' : behavior !== 'DEACTIVATES';
  return {
    endReason: hasOpenSession && trigger !== 'FIRST_MESSAGE' ? trigger : null,
    startReason: starts ? trigger : null,
  };
}
