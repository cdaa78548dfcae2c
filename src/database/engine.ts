import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlDriverAdapter,
} from '@prisma/driver-adapter-utils';
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';
import { connection } from './client.js';
import { openPool } from './pool.js';

/** What the engine does to a database, and the one connection that it does it on. */
export interface EngineSession {
  engine: glue.SchemaEngine;
  pool: pg.Pool;
}

/**
 * Runs `work` with Prisma's schema engine, the WebAssembly build, on one connection of its own: what `work` locks in the
 * session stays locked until it settles. Rejects where the database cannot be reached.
 */
export async function withSchemaEngine<T>(url: string, work: (session: EngineSession) => Promise<T>): Promise<T> {
  await loaded();
  const { pool, end } = openPool({ ...connection(url), max: 1, idleTimeoutMillis: 0 });
  const adapters = bindMigrationAwareSqlAdapterFactory(new EngineAdapterFactory(pool));
  try {
    const engine = await glue.SchemaEngine.new({ datamodels: undefined }, () => undefined, adapters);
    try {
      return await work({ engine, pool });
    } finally {
      engine.free();
    }
  } finally {
    await end();
  }
}

let loading: Promise<void> | undefined;

/** The package leaves instantiation to a bundler; without one it is done here, once per process. */
function loaded(): Promise<void> {
  loading ??= (async () => {
    const folder = path.dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm'));
    const bytes = await readFile(path.join(folder, 'schema_engine_bg.wasm'));
    const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': imports() });
    // Its declarations leave out the function by which the two halves of the package meet.
    (glue as typeof glue & { __wbg_set_wasm(exports: object): void }).__wbg_set_wasm(instance.exports);
    instance.exports.__wbindgen_start();
  })();
  return loading;
}

/**
 * What the engine calls of JavaScript. It arms a timer of 10 s for its lock and never clears it: that may not keep a process
 * which has nothing else to do from ending.
 */
function imports(): object {
  const idle = ([name, call]: [string, unknown]): [string, unknown] =>
    name.startsWith('__wbg_setTimeout')
      ? [name, (...args: unknown[]) => (call as (...args: unknown[]) => NodeJS.Timeout)(...args).unref()]
      : [name, call];
  return Object.fromEntries(Object.entries(glue).map(idle));
}

/** Node has it; the library that TypeScript keeps for servers does not. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
};

/**
 * Commits with a migration's script what the engine records only afterwards: a process that dies in between leaves no
 * migration that was applied but is not on record.
 */
const FINISH = `UPDATE "_prisma_migrations" SET finished_at = now() WHERE finished_at IS NULL AND rolled_back_at IS NULL`;

/** Prisma's adapter, where the schema engine needs more of it than the query engine does. */
class EngineAdapterFactory extends PrismaPg {
  override async connect() {
    const adapter = await super.connect();
    // The adapter cuts scripts at every semicolon, also within function bodies. Without parameters node-postgres sends
    // the text as it is, and PostgreSQL runs it as one transaction.
    adapter.executeScript = async (script) => {
      await adapter.executeRaw({ sql: `${script}\n;${FINISH}`, args: [], argTypes: [] });
    };
    admitOneByteType(adapter, adapter.underlyingDriver());
    return adapter;
  }
}

const ONE_BYTE_TYPE_OID = 18;

/**
 * Columns of the catalog's one-byte type `"char"` reach the engine as characters. The adapter knows no such type and
 * refuses the whole result: it is shown text instead, and what the engine is told is put right afterwards.
 */
function admitOneByteType(adapter: SqlDriverAdapter, pool: pg.Pool): void {
  const send = pool.query.bind(pool) as (
    query: pg.QueryArrayConfig,
  ) => Promise<pg.QueryArrayResult | pg.QueryArrayResult[]>;
  const read = adapter.queryRaw.bind(adapter);
  // One connection, one query at a time: this is always about the result that `read` is about to return.
  let oneByte: boolean[] = [];
  // The cast keeps the one overload that the adapter calls.
  pool.query = (async (query: pg.QueryArrayConfig) => {
    const result = await send(query);
    const fields = Array.isArray(result) ? [] : result.fields;
    oneByte = fields.map((field) => field.dataTypeID === ONE_BYTE_TYPE_OID);
    for (const field of fields) if (field.dataTypeID === ONE_BYTE_TYPE_OID) field.dataTypeID = pg.types.builtins.TEXT;
    return result;
  }) as typeof pool.query;
  adapter.queryRaw = async (query) => {
    const result = await read(query);
    const columnTypes = result.columnTypes.map((type, i) => (oneByte[i] ? ColumnTypeEnum.Character : type));
    return { ...result, columnTypes };
  };
}
