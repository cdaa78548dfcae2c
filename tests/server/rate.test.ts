import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimitedError } from '../../src/domain/errors.js';
import { RateLimit, Slots } from '../../src/server/rate.js';

/** What a call was refused with; null where it was not. */
function refusal(call: () => unknown): RateLimitedError | null {
  try {
    call();
    return null;
  } catch (error) {
    if (error instanceof RateLimitedError) return error;
    throw error;
  }
}

describe('a rate limit', () => {
  it('lets a burst through and then as many as it says, and tells how long to wait', () => {
    let now = 0;
    const limit = new RateLimit({ perSecond: 10, burst: 3, now: () => now });
    const take = () => refusal(() => limit.take('a'));
    expect([take(), take(), take()]).toEqual([null, null, null]);
    expect(take()?.extensions).toEqual({ code: 'RATE_LIMITED', retryable: true, retryAfterMs: 100 });
    now = 60;
    expect(take()?.extensions.retryAfterMs).toBe(40);
    now = 100;
    expect(take()).toBeNull();
    expect(take()?.extensions.retryAfterMs).toBe(100);
  });

  it('is each caller’s own, and remembers nobody whose bucket is full again', () => {
    let now = 0;
    const limit = new RateLimit({ perSecond: 1, burst: 1, now: () => now });
    for (let i = 0; i < 1000; i++) expect(refusal(() => limit.take(`caller ${i}`))).toBeNull();
    expect(refusal(() => limit.take('caller 7'))).not.toBeNull();
    now = 1000;
    limit.take('another');
    expect(limit.size).toBe(1);
  });

  it('takes nothing for what is given back', () => {
    const limit = new RateLimit({ perSecond: 1, burst: 2, now: () => 0 });
    for (let i = 0; i < 10; i++) {
      limit.take('a');
      limit.giveBack('a');
    }
    const take = () => refusal(() => limit.take('a'));
    expect([take(), take()]).toEqual([null, null]);
    expect(take()).not.toBeNull();
  });

  it('is kept over any stretch of time, and waiting as long as it says is enough', () => {
    const pauses = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 });
    fc.assert(
      fc.property(
        pauses,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        (steps, perSecond, burst) => {
          let now = 0;
          let taken = 0;
          const limit = new RateLimit({ perSecond, burst, now: () => now });
          for (const step of steps) {
            now += step;
            const refused = refusal(() => limit.take('a'));
            if (refused) {
              now += refused.extensions.retryAfterMs as number;
              expect(refusal(() => limit.take('a'))).toBeNull();
            }
            taken += 1;
            expect(taken).toBeLessThanOrEqual(burst + (now / 1000) * perSecond + 1e-6);
          }
        },
      ),
      { examples: [[[0, 13, 0, 0, 26], 1, 4]] },
    );
  });
});

describe('slots', () => {
  it('are as many as the limit for each caller, and come back once', () => {
    const slots = new Slots(2);
    const leave = slots.take('a');
    slots.take('a');
    expect(refusal(() => slots.take('a'))?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 1000 });
    slots.take('b');
    leave();
    leave();
    expect(slots.size).toBe(2);
    slots.take('a');
    expect(refusal(() => slots.take('a'))).not.toBeNull();
  });
});
