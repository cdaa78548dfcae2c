import { Prisma } from '../database/client.js';

/**
 * A value that PostgreSQL does not see while it plans. Of a small project it would see how few rows are its, expect next to none,
 * and make that plan anew with each call: to look at the indexes for it takes longer than most transactions do otherwise.
 */
export const unseen = (value: Prisma.Sql): Prisma.Sql => Prisma.sql`(SELECT ${value})`;

/** How long PostgreSQL supposes a list to be that it does not see. */
const SUPPOSED = 10;

/**
 * A list for `unnest`. Of a short one PostgreSQL does not see how long it is while it plans: it would make another plan with each
 * call, and come to the same. Of a long one it has to, or it would join each with all.
 */
export const uuids = (ids: readonly (string | null)[]): Prisma.Sql =>
  ids.length > SUPPOSED ? Prisma.sql`${ids}::uuid[]` : unseen(Prisma.sql`${ids}::uuid[]`);

/** A list for `unnest`, to which what is missing at the end of a list is null: nothing at all where all of it is. */
export const unlessEmpty = <T>(values: (T | null)[]): (T | null)[] =>
  values.some((value) => value !== null) ? values : [];

/** A list of texts of JSON: they hold no raw control characters, so that JSON escapes what PostgreSQL's arrays do, and alike. */
export const jsonColumn = (texts: readonly (string | null)[]): string => `{${JSON.stringify(texts).slice(1, -1)}}`;
