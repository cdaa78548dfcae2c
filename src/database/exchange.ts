// What goes to PostgreSQL at once and is answered together: a statement, with the BEGIN before it or the COMMIT after it where
// it is the first or the last of a transaction. That spares two of a transaction's round trips, and the locks that the last
// statement takes are held for none. Where one of them fails PostgreSQL skips the rest up to the Sync that ends the exchange:
// nothing is ever run outside of the transaction that it belongs to, and nothing is committed after a statement that failed.
import type pg from 'pg';
import { encode, parserOf } from './value.js';

/** A statement as it is sent; one without a name is not kept by the connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

export interface Answer {
  readonly rows: Record<string, unknown>[];
  /** How many rows the statement has found or changed. */
  readonly count: number;
}

/** What goes with a statement, on a connection that is `prepared`. */
export interface Frame {
  readonly begin?: boolean;
  readonly commit?: boolean;
}

const BEGIN: Statement = { name: 'lifeline_begin', text: 'BEGIN', values: [] };
export const COMMIT: Statement = { name: 'lifeline_commit', text: 'COMMIT', values: [] };
export const ROLLBACK: Statement = { name: 'lifeline_rollback', text: 'ROLLBACK', values: [] };

interface Column {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

/** As much as is used here of what node-postgres offers to queries of other makers, of which its types tell a part. */
interface Wire {
  readonly stream: { cork(): void; uncork(): void };
  readonly parsedStatements: Partial<Record<string, string>>;
  readonly submittedNamedStatements: Partial<Record<string, string>>;
  parse(statement: { name: string; text: string }): void;
  bind(statement: { statement: string; values: readonly (string | Buffer | null)[] }): void;
  describe(portal: { type: 'P'; name: '' }): void;
  execute(portal: object): void;
  sync(): void;
}

/**
 * The columns of what a connection has prepared. They are asked for once: PostgreSQL refuses to run a prepared statement whose
 * columns have changed.
 */
const columnsOf = new WeakMap<pg.ClientBase, Map<string, readonly Column[]>>();

/** Has the connection prepare what frames are made of, where it has not. */
export async function prepareFrames(client: pg.ClientBase): Promise<void> {
  if (columnsOf.get(client)?.has(COMMIT.name)) return;
  await exchange(client, BEGIN);
  await exchange(client, COMMIT);
}

/** Resolves to what the statement was answered, once all of the exchange is done. Rejects with the first error. */
export function exchange(client: pg.ClientBase, statement: Statement, frame: Frame = {}): Promise<Answer> {
  const known = columnsOf.get(client) ?? new Map<string, readonly Column[]>();
  columnsOf.set(client, known);
  return new Promise((resolve, reject) => client.query(new Exchange(statement, frame, known, resolve, reject)));
}

/** To node-postgres a query, to which it hands each message of the answer. */
class Exchange implements pg.Submittable {
  // By these two it keeps account of what the connection has prepared.
  readonly name: string;
  readonly text: string;
  // Where there is none it makes one of its own.
  readonly callback = (): void => undefined;
  readonly #values: readonly (string | Buffer | null)[];
  readonly #rows: Record<string, unknown>[] = [];
  readonly #tags: string[] = [];
  #columns: readonly Column[] = [];
  #failure: Error | null = null;

  constructor(
    { name, text, values }: Statement,
    readonly frame: Frame,
    readonly known: Map<string, readonly Column[]>,
    readonly resolve: (answer: Answer) => void,
    readonly reject: (error: Error) => void,
  ) {
    this.name = name;
    this.text = text;
    this.#values = values.map(encode);
  }

  submit(connection: unknown): void {
    const { name, text, frame, known } = this;
    const wire = connection as Wire;
    wire.stream.cork();
    if (frame.begin) run(wire, BEGIN);
    const isPrepared = name !== '' && (name in wire.parsedStatements || name in wire.submittedNamedStatements);
    if (!isPrepared) wire.parse({ name, text });
    if (!isPrepared && name) wire.submittedNamedStatements[name] = text;
    wire.bind({ statement: name, values: this.#values });
    // By now who came before on this connection has been answered, and may have asked the same.
    this.#columns = known.get(name) ?? [];
    if (!known.has(name)) wire.describe({ type: 'P', name: '' });
    wire.execute({});
    if (frame.commit) run(wire, COMMIT);
    wire.sync();
    wire.stream.uncork();
  }

  handleRowDescription({ fields }: { fields: readonly pg.FieldDef[] }): void {
    this.#columns = fields.map(({ name, dataTypeID }) => ({ name, parse: parserOf(dataTypeID) }));
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    const row: Record<string, unknown> = {};
    try {
      for (let index = 0; index < fields.length; index++) {
        const [column, text] = [this.#columns[index], fields[index]];
        if (column) row[column.name] = text == null ? null : column.parse(text);
      }
      this.#rows.push(row);
    } catch (error) {
      this.#failure ??= error as Error;
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.#tags.push(text);
  }

  handleReadyForQuery(): void {
    const { name, frame } = this;
    if (name) this.known.set(name, this.#columns);
    // Of a transaction in which a statement has failed nothing is kept, and a COMMIT by itself says so in no other way.
    const mustCommit = frame.commit === true || name === COMMIT.name;
    if (mustCommit && this.#tags.at(-1) !== COMMIT.text) this.#failure ??= new Error('the transaction was rolled back');
    const tag = this.#tags[frame.begin ? 1 : 0] ?? '';
    if (this.#failure) this.reject(this.#failure);
    else this.resolve({ rows: this.#rows, count: Number(/\d+$/.exec(tag)?.[0] ?? 0) });
  }

  handleError(error: Error): void {
    this.reject(error);
  }
}

function run(wire: Wire, { name }: Statement): void {
  wire.bind({ statement: name, values: [] });
  wire.execute({});
}
