import { Prisma } from '../database/client.js';

/**
 * A value that PostgreSQL does not see while it plans. Of a small project it would see how few rows are its, of a list how short it
 * is, find a plan that is just for them always the better one, and make it with each call: to look at the indexes for it takes
 * longer than most transactions do otherwise.
 */
const unseen = (value: Prisma.Sql): Prisma.Sql => Prisma.sql`(SELECT ${value})`;

/** An id, unseen, for statements that join tables by it. */
export const uuid = (id: string): Prisma.Sql => unseen(Prisma.sql`${id}::uuid`);

/** Ids, unseen, for `unnest` and for `ANY`, which would take a SELECT without the cast for a list of its rows. */
export const uuids = (ids: readonly (string | null)[]): Prisma.Sql =>
  Prisma.sql`${unseen(Prisma.sql`${ids}::uuid[]`)}::uuid[]`;

/** A list for `unnest`, to which what is missing at the end of a list is null: nothing at all where all of it is. */
export const unlessEmpty = <T>(values: (T | null)[]): (T | null)[] =>
  values.some((value) => value !== null) ? values : [];

/** A list of texts of JSON: they hold no raw control characters, so that JSON escapes what PostgreSQL's arrays do, and alike. */
export const jsonColumn = (texts: readonly (string | null)[]): string => `{${JSON.stringify(texts).slice(1, -1)}}`;
