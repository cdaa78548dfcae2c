// What a list has to read follows from the document, its variables and whoever asks: where the same is asked again, nobody works
// it out again. Rows are then told by what they hold alone, which has to be enough: see `loaded.ts`.
import type { FieldNode, GraphQLResolveInfo } from 'graphql';
import { canonical } from '../domain/canonical.js';
import type { Context } from './context.js';
import { wantsNothingTwice } from './loaded.js';

/** Of one field of a document. */
const PLANS_KEPT = 32;

const known = new WeakMap<FieldNode, Map<string, unknown>>();

/** What `make` has made for the field, or makes. It must look at nothing but the document, its variables, the caller and the clock. */
export function planned<Plan extends object>(context: Context, info: GraphQLResolveInfo, make: () => Plan): Plan {
  const [field, ...others] = info.fieldNodes;
  if (!field || others.length > 0 || !wantsNothingTwice(info)) return make();
  const plans = known.get(field) ?? new Map<string, unknown>();
  known.set(field, plans);
  const key = canonical([context.caller, info.variableValues]);
  if (plans.has(key)) return plans.get(key) as Plan;
  const plan = make();
  // What it has from the clock is true this once.
  if (holdsTime(plan)) return plan;
  if (plans.size === PLANS_KEPT) plans.clear();
  // Who is given a part of it again may keep what came of it.
  for (const part of Object.values(plan)) Object.freeze(part);
  plans.set(key, plan);
  return plan;
}

function holdsTime(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof Date || Object.values(value).some(holdsTime);
}
