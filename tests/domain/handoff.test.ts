import { expect, it } from 'vitest';
import { HANDOFF_REASONS } from '../../src/domain/handoff.js';

it('knows the four reasons of a handoff', () => {
  expect(HANDOFF_REASONS).toEqual(['COMPACTION', 'CRASH', 'MANUAL', 'TIMEOUT']);
});
