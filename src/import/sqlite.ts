import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Row = Readonly<Record<string, unknown>>;

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

const MAGIC = 'SQLite format 3\0';
/** Where the header tells the size of a page in two bytes, 1 for 64 KiB. */
const PAGE_SIZE_OFFSET = 16;
const HEADER_BYTES = 100;

const DAMAGED = 'The file is an SQLite database that is damaged or cut off.';

/** What SQLite keeps beside a database: changes that are not in it yet, or that are to be taken back. */
const COMPANIONS = ['-wal', '-journal'];

/** A file that is not what it should be. The message is a sentence that does not name it. */
export class ForeignFileError extends Error {
  override readonly name = 'ForeignFileError';
}

/** Whether the bytes are those of an SQLite database, or the beginning of one. */
export function isSqlite(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, MAGIC.length) === MAGIC;
}

/**
 * These tables as the database at the path has them, with what was committed but lies beside it still; null for a table
 * that is not there. It reads a copy, since the owner may be at work. Rejects with a ForeignFileError where the database is
 * damaged, cut off or written to meanwhile.
 */
export async function readSqlite<Name extends string>(
  path: string,
  names: readonly Name[],
): Promise<Record<Name, Table | null>> {
  const files = await snapshot(path);
  const folder = await mkdtemp(join(tmpdir(), 'lifeline-import-'));
  try {
    const copy = join(folder, 'copy.db');
    for (const [suffix, bytes] of files) await writeFile(copy + suffix, bytes);
    return await readTables(copy, names);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readTables<Name extends string>(path: string, names: readonly Name[]) {
  // Loaded here, so that nothing else waits for its megabyte of WebAssembly. Node finds a default export in it alone.
  const { default: sqlite } = await import('node-sqlite3-wasm');
  const database = new sqlite.Database(path);
  try {
    // Without it this build, which shares no memory with other processes, could not read a write-ahead log.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    const check = database.get('PRAGMA integrity_check(1)');
    if (check?.integrity_check !== 'ok') throw new ForeignFileError(DAMAGED);
    return Object.fromEntries(names.map((name) => [name, readTable(name)])) as Record<Name, Table | null>;
  } catch (error) {
    throw error instanceof sqlite.SQLite3Error ? new ForeignFileError(DAMAGED, { cause: error }) : error;
  } finally {
    database.close();
  }

  function readTable(name: string): Table | null {
    const columns = database.all('SELECT name FROM pragma_table_info(?)', name).map((column) => column.name as string);
    return columns.length > 0 ? { columns, rows: database.all(`SELECT * FROM "${name}"`) } : null;
  }
}

/** The bytes of the database and its companions, all of one moment. */
async function snapshot(path: string): Promise<Map<string, Buffer>> {
  const [files, again] = [await readTogether(path), await readTogether(path)];
  const isSteady = files.size === again.size && [...again].every(([suffix, bytes]) => files.get(suffix)?.equals(bytes));
  if (!isSteady) throw new ForeignFileError('The file is being written to. Try again when its owner rests.');
  const main = files.get('') ?? Buffer.alloc(0);
  const pageSize = main.length < HEADER_BYTES ? 0 : main.readUInt16BE(PAGE_SIZE_OFFSET);
  if (pageSize === 0 || main.length % (pageSize === 1 ? 65_536 : pageSize) !== 0) throw new ForeignFileError(DAMAGED);
  return files;
}

async function readTogether(path: string): Promise<Map<string, Buffer>> {
  const files = new Map([['', await readFile(path)]]);
  for (const suffix of COMPANIONS) {
    const bytes = await readFile(path + suffix).catch(() => null);
    if (bytes) files.set(suffix, bytes);
  }
  return files;
}
