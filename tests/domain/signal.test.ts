import { describe, expect, it } from 'vitest';
import { recommend, RECOMMENDED_ACTIONS, SIGNAL_KINDS, type SignalKind } from '../../src/domain/signal.js';

it('knows the kinds of a signal and what can be recommended', () => {
  expect(SIGNAL_KINDS).toEqual(['NUDGE', 'CHECKPOINT', 'SUSPEND', 'STOP', 'MESSAGE']);
  expect(RECOMMENDED_ACTIONS).toEqual(['NONE', 'CHECKPOINT', 'SUSPEND', 'STOP']);
});

/** Every set of kinds that can be pending at once. */
const SETS = Array.from({ length: 2 ** SIGNAL_KINDS.length }, (_, bits) =>
  SIGNAL_KINDS.filter((_, index) => bits & (1 << index)),
);

describe('what is recommended', () => {
  it.each(SETS)('is the gravest that is pending, in whatever order: %s %s %s %s %s', (...pending: SignalKind[]) => {
    const gravest = (['STOP', 'SUSPEND', 'CHECKPOINT'] as const).find((kind) => pending.includes(kind)) ?? 'NONE';
    for (const order of [pending, [...pending].reverse()]) expect(recommend(order, null)).toBe(gravest);
  });

  it.each([
    [null, 'NONE'],
    [0, 'NONE'],
    [79.999, 'NONE'],
    [80, 'CHECKPOINT'],
    [100, 'CHECKPOINT'],
  ] as const)('with %s percent of the context and nothing grave pending is %s', (contextPercent, action) => {
    for (const pending of [[], ['NUDGE'], ['MESSAGE', 'NUDGE']] as const) {
      expect(recommend(pending, contextPercent)).toBe(action);
    }
  });

  it.each(['STOP', 'SUSPEND'] as const)('with a full context is %s all the same', (kind) => {
    expect(recommend(['NUDGE', kind], 100)).toBe(kind);
  });
});
