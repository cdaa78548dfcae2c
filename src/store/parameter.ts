import { Prisma } from '../database/client.js';

/**
 * A list for `unnest`, or its text, of which PostgreSQL does not see how long it is while it plans: for lists that are shorter
 * than it supposes it would make another plan with each call, and come to the same.
 */
export const uuids = (ids: readonly (string | null)[] | string): Prisma.Sql => Prisma.sql`(SELECT ${ids}::uuid[])`;
