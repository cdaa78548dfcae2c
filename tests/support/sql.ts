import pg from 'pg';

/** One statement on a connection of its own; rows as node-postgres reads them. */
export async function query(url: string, sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** The same server, another database. */
export function withDatabase(url: string, database: string): string {
  const target = new URL(url);
  target.pathname = `/${database}`;
  return target.href;
}

/** Holds what a statement locks, until it is released. */
export async function hold(url: string, sql: string): Promise<AsyncDisposable & { release(): Promise<void> }> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query('BEGIN');
  await client.query(sql);
  let released: Promise<void> | undefined;
  const release = (): Promise<void> => (released ??= client.end());
  return { release, [Symbol.asyncDispose]: release };
}

/** As where the database goes down over every read of a table: none is answered until it is released. */
export async function bar(url: string, table: string): Promise<AsyncDisposable & Barrier> {
  const lock = await hold(url, `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  const breakOff = () =>
    query(
      url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
  return { ...lock, breakOff };
}

interface Barrier {
  /** Breaks off the connections that wait by now to read it. */
  breakOff(): Promise<unknown>;
  release(): Promise<void>;
}
