import { expect, it } from 'vitest';
import { CHECKPOINT_TRIGGERS, CHECKPOINT_TYPES } from '../../src/domain/checkpoint.js';

it('knows the types of a checkpoint and what it is taken for', () => {
  expect(CHECKPOINT_TYPES).toEqual(['MANUAL', 'AUTOMATIC']);
  expect(CHECKPOINT_TRIGGERS).toEqual([
    'MANUAL',
    'CONTEXT_WINDOW',
    'EPIC_COMPLETION',
    'STEP_COMPLETE',
    'TIMED',
    'ERROR',
    'HANDOFF',
  ]);
});
