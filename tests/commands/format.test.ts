import { describe, expect, it } from 'vitest';
import { counted, duration, joined, second } from '../../src/commands/format.js';

describe('a time span', () => {
  it.each([
    [0, '0s'],
    [0.9, '0s'],
    [59.9, '59s'],
    [60, '1m'],
    [3725, '1h 2m'],
    [3601, '1h'],
    [90_000, '1d 1h'],
    [24_107_558, '279d'],
  ])('of %d seconds is told in at most two units: %s', (seconds, told) => {
    expect(duration(seconds)).toBe(told);
  });
});

it('tells a time to the second, a count with its noun, and of parts those that are there', () => {
  expect(second('2026-01-01T00:00:00.123Z')).toBe('2026-01-01T00:00:00Z');
  expect([counted(1, 'event'), counted(1234, 'event')]).toEqual(['1 event', '1,234 events']);
  expect(joined(['a', null, '', false, undefined, 'b'])).toBe('a, b');
});
