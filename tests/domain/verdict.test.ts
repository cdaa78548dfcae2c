import { describe, expect, test } from 'vitest';
import { LIFECYCLE_STATES, type LifecycleState } from '../../src/domain/session.js';
import { judge, type Suspect, type Verdict } from '../../src/domain/verdict.js';

const NOW = new Date('2026-03-01T12:00:00.000Z');
const ago = (seconds: number): Date => new Date(NOW.getTime() - seconds * 1000);
const ALWAYS = ago(1_000_000);

/** An agent under the ordinary policy, silent for so long. */
const silent = (seconds: number, more: Partial<Suspect> = {}): Suspect => ({
  state: 'WORKING',
  watched: true,
  waiting: false,
  lastHeartbeatAt: ago(seconds),
  lastActivityAt: ago(seconds),
  answeredAt: null,
  stalledSince: null,
  escalationLevel: null,
  stallAfterSeconds: 300,
  zombieAfterSeconds: 600,
  escalateEverySeconds: 60,
  maxEscalationLevel: 3,
  ...more,
});
const stalled = (seconds: number, more: Partial<Suspect> = {}): Suspect =>
  silent(0, { state: 'STALLED', stalledSince: ago(seconds), escalationLevel: 0, ...more });
const actionOf = (suspect: Suspect, hearingSince = ALWAYS): Verdict['action'] =>
  judge(suspect, NOW, hearingSince).action;
const levelOf = (suspect: Suspect): number | null => {
  const verdict = judge(suspect, NOW, ALWAYS);
  return verdict.action === 'escalate' ? verdict.level : null;
};

describe('the verdict on a silence', () => {
  test.each<[number, Verdict['action']]>([
    [0, 'none'],
    [300, 'none'],
    [300.001, 'stall'],
    [600, 'stall'],
    [600.001, 'die'],
    [100_000, 'die'],
  ])('of %s s is %s', (seconds, action) => {
    expect(actionOf(silent(seconds))).toBe(action);
    expect(actionOf(silent(seconds, { state: 'BOOTING' }))).toBe(action);
  });

  const judged: Record<LifecycleState, Verdict['action']> = {
    BOOTING: 'die',
    WORKING: 'die',
    STALLED: 'die',
    SUSPENDED: 'none',
    ZOMBIE: 'none',
    COMPLETED: 'none',
  };
  test.each(LIFECYCLE_STATES)('judges a session that is %s only where it is live', (state) => {
    expect(actionOf(silent(1_000, { state, stalledSince: state === 'STALLED' ? ago(700) : null }))).toBe(judged[state]);
  });

  test('is none by time alone where the policy says never', () => {
    const never = { stallAfterSeconds: null, zombieAfterSeconds: null, escalateEverySeconds: null };
    expect(actionOf(silent(1e9, never))).toBe('none');
    expect(actionOf(stalled(1e9, { ...never, lastActivityAt: ago(1e9) }))).toBe('none');
  });

  test('gives a session up that never stalls, and never one that may only stall', () => {
    expect(actionOf(silent(601, { stallAfterSeconds: null }))).toBe('die');
    expect(actionOf(silent(1e6, { zombieAfterSeconds: null }))).toBe('stall');
  });

  test('waits for who waits for a person, and counts from the answer on', () => {
    expect(actionOf(silent(3_600, { waiting: true }))).toBe('none');
    expect(actionOf(silent(3_600, { answeredAt: ago(300) }))).toBe('none');
    expect(actionOf(silent(3_600, { answeredAt: ago(301) }))).toBe('stall');
    expect(actionOf(silent(3_600, { answeredAt: ago(601) }))).toBe('die');
  });

  test('does not count what the service could not hear', () => {
    expect(actionOf(silent(3_600), ago(300))).toBe('none');
    expect(actionOf(silent(3_600), ago(301))).toBe('stall');
    expect(actionOf(stalled(3_600), ago(59))).toBe('none');
  });

  test('leaves an imported session alone until it shows life here', () => {
    expect(actionOf(silent(1e6, { watched: false }))).toBe('none');
  });

  test('comes with the threshold, the silence and the last signs of life', () => {
    expect(judge(silent(400), NOW, ALWAYS)).toEqual({
      action: 'stall',
      evidence: {
        silentSeconds: 400,
        thresholdSeconds: 300,
        lastHeartbeatAt: ago(400).toISOString(),
        lastActivityAt: ago(400).toISOString(),
        reportedBy: 'watchdog',
      },
    });
    expect(judge(silent(700, { lastHeartbeatAt: null }), NOW, ALWAYS)).toMatchObject({
      evidence: { thresholdSeconds: 600, lastHeartbeatAt: null },
    });
  });
});

describe('the escalation of a stalled session', () => {
  test.each<[number, number | null]>([
    [0, null],
    [59.999, null],
    [60, 1],
    [119.999, 1],
    [120, 2],
    [180, 3],
    [100_000, 3],
  ])('after %s s is level %s', (seconds, level) => {
    expect(levelOf(stalled(seconds))).toBe(level);
  });

  test('rises, and never repeats or falls', () => {
    expect(levelOf(stalled(130, { escalationLevel: 1 }))).toBe(2);
    expect(levelOf(stalled(130, { escalationLevel: 2 }))).toBeNull();
    expect(levelOf(stalled(130, { escalationLevel: 3 }))).toBeNull();
  });

  test("ends at the policy's last level, and is none where the policy has no period", () => {
    expect(levelOf(stalled(1_000, { maxEscalationLevel: 1 }))).toBe(1);
    expect(levelOf(stalled(1_000, { maxEscalationLevel: 0 }))).toBeNull();
    expect(levelOf(stalled(1_000, { escalateEverySeconds: null }))).toBeNull();
  });
});
