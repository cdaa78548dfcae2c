// Raw reads of many rows. Prisma makes an object of every row and of its columns one after the other, which costs several times
// what it takes to read them.
import type { Sql } from '@prisma/client/runtime/client';
import type pg from 'pg';
import { told, unspanned, type Spanned } from './queryable.js';
import { parserOf } from './value.js';

/** Runs a statement. Its rows are lists of values, in the order of the select list, each as Prisma has it. */
export type Lines = (statement: Pick<Sql, 'text' | 'values'>) => Promise<readonly (readonly unknown[])[]>;

interface LineOptions {
  readonly nameOf: (statement: { sql: string }) => string;
  readonly onQuery?: ((sql: string) => void) | undefined;
  readonly spanned?: Spanned | undefined;
}

/** Statements over a pool, each on whatever connection is free. */
export function lineReader(pool: pg.Pool, { nameOf, onQuery, spanned = unspanned }: LineOptions): Lines {
  const types = { getTypeParser: parserOf };
  return async ({ text, values }) => {
    onQuery?.(text);
    const statement = { name: nameOf({ sql: text }), text, values, rowMode: 'array', types } as const;
    return (await spanned('db_query', text, () => pool.query<unknown[]>(statement)).catch(told)).rows;
  };
}
