// A checkpoint is a picture of the work, to start again from: taken by hand or by rule, never changed.

export const CHECKPOINT_TYPES = ['MANUAL', 'AUTOMATIC'] as const;
export type CheckpointType = (typeof CHECKPOINT_TYPES)[number];

export const CHECKPOINT_TRIGGERS = [
  'MANUAL',
  'CONTEXT_WINDOW',
  'EPIC_COMPLETION',
  'STEP_COMPLETE',
  'TIMED',
  'ERROR',
  'HANDOFF',
] as const;
export type CheckpointTrigger = (typeof CHECKPOINT_TRIGGERS)[number];
