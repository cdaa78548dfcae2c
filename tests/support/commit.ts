import { query } from './sql.js';

/** By the clock that PostgreSQL, on the same machine, reads too; in ms. */
export const now = (): number => performance.timeOrigin + performance.now();

const COMMITS = `
  SELECT position, extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS at FROM events ORDER BY position`;

/** When the event at each position was committed, in ms; of a database with `track_commit_timestamp`. */
export async function commitTimes(databaseUrl: string): Promise<Map<number, number>> {
  const rows = await query(databaseUrl, COMMITS);
  return new Map(rows.map(({ position, at }) => [Number(position), Number(at)]));
}
