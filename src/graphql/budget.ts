// What an operation may read that only the rows themselves tell the size of: whatever the text of a document promises, an
// answer is no larger than this.
import { QueryTooCostlyError, type ReadRule } from '../domain/errors.js';
import type { Context } from './context.js';

/** What all lists of documents in an answer may weigh together, and how many sessions its chains may tell. */
export const READ_LIMITS: Readonly<Record<ReadRule, number>> = { bytes: 32 * 1024 * 1024, entries: 10_000 };

const spent = new WeakMap<Context, Record<ReadRule, number>>();

/**
 * To be called before so much is read. A context belongs to one operation, or to one message of a subscription.
 * @throws QueryTooCostlyError where that is more, with what was read before, than the operation may.
 */
export function spend(context: Context, rule: ReadRule, amount: number): void {
  const sums = spent.get(context) ?? { bytes: 0, entries: 0 };
  spent.set(context, sums);
  const actual = (sums[rule] += amount);
  const limit = READ_LIMITS[rule];
  if (actual > limit) throw new QueryTooCostlyError({ rule, limit, actual });
}
