import { expect, it } from 'vitest';
import { APPROVAL_RESOLUTIONS, APPROVAL_STATUSES, APPROVAL_TYPES } from '../../src/domain/approval.js';

it('knows the types, statuses and resolutions of an approval', () => {
  expect(APPROVAL_TYPES).toEqual(['PLAN', 'STEP', 'ERROR_RECOVERY', 'TOOL_CALL', 'OTHER']);
  expect(APPROVAL_STATUSES).toEqual(['PENDING', 'RESOLVED', 'EXPIRED', 'CANCELLED']);
  expect(APPROVAL_RESOLUTIONS).toEqual(['APPROVED', 'REJECTED', 'MODIFIED']);
});
