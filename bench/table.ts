import type { Case } from './case.js';
import { trivialCases } from './trivial.js';

/** All that is measured, in the order of the table. */
export const cases: readonly Case[] = [...trivialCases];
