import { describe, expect, it } from 'vitest';
import { isClientEventType } from '../../src/domain/event.js';
import { confidenceOf, nextSteps, REPORTED_EVENT_TYPES, RESUME_SOURCES } from '../../src/domain/resume.js';

const MINUTE = 60;
const [JUST_BEFORE, JUST_AFTER] = [-0.001, 0.001];

it('knows the four sources of a plan, the best first', () => {
  expect(RESUME_SOURCES).toEqual(['CHECKPOINT', 'EVENTS', 'COMMANDS', 'REGISTRY']);
});

describe('confidence in a checkpoint', () => {
  it.each([
    [0, 100],
    [5 * MINUTE, 100],
    [5 * MINUTE + JUST_AFTER, 90],
    [30 * MINUTE, 90],
    [30 * MINUTE + JUST_AFTER, 80],
    [60 * MINUTE, 80],
    [60 * MINUTE + JUST_AFTER, 70],
    [365 * 24 * 60 * MINUTE, 70],
  ])('at an age of %d seconds is %i', (ageSeconds, confidence) => {
    expect(confidenceOf('CHECKPOINT', ageSeconds)).toBe(confidence);
  });
});

describe.each([
  ['EVENTS', 85, 15],
  ['COMMANDS', 70, 12],
] as const)('confidence in %s', (source, fresh, steps) => {
  it(`begins at ${fresh} and loses 5 with every half hour`, () => {
    for (let step = 0; step <= steps; step += 1) {
      const age = step * 30 * MINUTE;
      expect(confidenceOf(source, age)).toBe(fresh - 5 * step);
      expect(confidenceOf(source, age + 30 * MINUTE + JUST_BEFORE)).toBe(fresh - 5 * step);
    }
  });

  it('is never under 10', () => {
    expect(confidenceOf(source, steps * 30 * MINUTE)).toBe(10);
    for (const halfHours of [steps + 1, 1000, 1e9]) expect(confidenceOf(source, halfHours * 30 * MINUTE)).toBe(10);
  });
});

describe('confidence', () => {
  it.each([0, 30 * MINUTE, 1e9])('in the registry is 40 at any age: %d seconds', (ageSeconds) => {
    expect(confidenceOf('REGISTRY', ageSeconds)).toBe(40);
  });

  it.each(RESUME_SOURCES)('in %s that clocks date to the future is that of now', (source) => {
    expect(confidenceOf(source, -3600)).toBe(confidenceOf(source, 0));
  });
});

it('what was reported is of types that clients send, but for those that the service writes of heartbeats and checkpoints', () => {
  expect(REPORTED_EVENT_TYPES.filter((type) => !isClientEventType(type))).toEqual([]);
  expect(REPORTED_EVENT_TYPES).toHaveLength(23 + 12 - 4);
  expect(REPORTED_EVENT_TYPES).not.toContain('CHECKPOINT_CREATED');
});

describe('the next steps', () => {
  it.each([
    [{ pendingWork: ['a', 'b'], currentPhase: 'p', currentEpic: 'e' }, ['a', 'b']],
    [{ pendingWork: [], currentPhase: 'p', currentStep: 0, currentEpic: 'e' }, ['p, step 0']],
    [{ currentPhase: 'p', currentStep: null }, ['p']],
    [{ currentPhase: null, currentStep: 3 }, ['step 3']],
    [{ pendingWork: [], currentPhase: null, currentStep: null, currentEpic: 'e' }, ['e']],
    [{ currentEpic: null }, []],
    [{}, []],
  ])('of %j are %j', (known, steps) => {
    expect(nextSteps(known)).toEqual(steps);
  });
});
