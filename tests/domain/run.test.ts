import { expect, it } from 'vitest';
import { RUN_STATUSES } from '../../src/domain/run.js';

it('knows the three statuses of a run', () => {
  expect(RUN_STATUSES).toEqual(['ACTIVE', 'COMPLETED', 'FAILED']);
});
