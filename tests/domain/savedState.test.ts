import { expect, it } from 'vitest';
import { SAVED_STATE_KEPT_SECONDS, SAVED_STATE_STATUSES } from '../../src/domain/savedState.js';

it('knows the four statuses of a saved state', () => {
  expect(SAVED_STATE_STATUSES).toEqual(['ACTIVE', 'SUSPENDED', 'COMPLETED', 'EXPIRED']);
});

it('keeps a saved state for a day after its last save', () => {
  expect(SAVED_STATE_KEPT_SECONDS).toBe(86_400);
});
