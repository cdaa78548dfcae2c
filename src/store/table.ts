// The statements on one table that need no telling: a row more, rows that change, rows that are found by what they hold. All
// others are written out where they are used. Fields have the names of the Prisma models, and so have the rows.
import { Prisma, type Queryable } from '../database/client.js';

/** The fields that hold JSON. */
type JsonField<Row> = {
  [Field in keyof Row]-?: Prisma.JsonValue extends Row[Field] ? Field : never;
}[keyof Row];

/** Fields and what they are to hold; one that is undefined is not mentioned. */
export type Given<Row> = {
  readonly [Field in keyof Row]?: (Field extends JsonField<Row> ? unknown : Row[Field]) | undefined;
};

/** As `Given`; an expression stands for what it comes to. */
type Changes<Row> = { readonly [Field in keyof Row]?: Given<Row>[Field] | Prisma.Sql };

/** What rows hold: null is none, of a list any one, an expression what it comes to. */
type Where<Row> = { readonly [Field in keyof Row]?: Row[Field] | readonly Row[Field][] | Prisma.Sql | undefined };

/** The column of a field. */
export const nameOf = (field: string): string => field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const columnOf = (field: string): string => `"${nameOf(field)}"`;
const columnsOf = (fields: readonly string[]): Prisma.Sql => Prisma.raw(fields.map(columnOf).join(', '));

const selected = (alias: string, fields: readonly string[], cast: (field: string) => string): Prisma.Sql =>
  Prisma.raw(fields.map((field) => `${alias}.${columnOf(field)}${cast(field)} AS "${field}"`).join(', '));

/** JSON has no integers of 64 bits; PostgreSQL reads them from texts. */
const exactly = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

export class Table<Row extends object> {
  readonly #name: Prisma.Sql;
  readonly #type: Prisma.Sql;
  readonly #fields: readonly (keyof Row & string)[];
  readonly #json: Readonly<Partial<Record<string, true>>>;
  readonly #all: Prisma.Sql;

  /** `json` names the fields that hold JSON. */
  constructor(name: string, fields: Readonly<Record<keyof Row & string, string>>, json: Record<JsonField<Row>, true>) {
    this.#name = Prisma.raw(`"${name}" AS t`);
    this.#type = Prisma.raw(`"${name}"`);
    this.#fields = Object.keys(fields) as (keyof Row & string)[];
    this.#json = json;
    this.#all = this.columns('t');
  }

  /** The select list that gives a row of the table known as `alias` the shape of its Prisma model, or of a part of it. */
  columns(alias: string, fields: readonly (keyof Row & string)[] = this.#fields): Prisma.Sql {
    return selected(alias, fields, () => '');
  }

  /** The same, with JSON as its text. */
  columnsOfText(alias: string, fields: readonly (keyof Row & string)[]): Prisma.Sql {
    return selected(alias, fields, (field) => (this.isJson(field) ? '::text' : ''));
  }

  isJson(field: string): boolean {
    return this.#json[field] ?? false;
  }

  /** The row as it stands then. */
  async insert(db: Queryable, row: Given<Row>): Promise<Row> {
    const [inserted] = await db.$queryRaw<Row[]>`${this.insertOf(row)} RETURNING ${this.#all}`;
    if (!inserted) throw new Error('an insert answered with no row');
    return inserted;
  }

  /** The statement that inserts the row, but for what it is to return. */
  insertOf(row: Given<Row>): Prisma.Sql {
    const given = this.#given(row);
    const values = Prisma.join(given.map(([, value]) => value));
    return Prisma.sql`INSERT INTO ${this.#name} (${columnsOf(given.map(([field]) => field))}) VALUES (${values})`;
  }

  /** Any number of rows, as they stand then. What one of them mentions is null in those that do not. */
  async insertAll(db: Queryable, rows: readonly Given<Row>[]): Promise<Row[]> {
    if (rows.length === 0) return [];
    const mentioned = rows.flatMap((row) => this.#given(row).map(([field]) => field));
    const columns = columnsOf([...new Set(mentioned)]);
    // As JSON in one parameter: the statement is the same for any number of them.
    const input = rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([field, value]) => [nameOf(field), value])),
    );
    return db.$queryRaw<Row[]>`
      INSERT INTO ${this.#name} (${columns})
      SELECT ${columns} FROM json_populate_recordset(NULL::${this.#type}, ${JSON.stringify(input, exactly)}::json)
      RETURNING ${this.#all}`;
  }

  /** The rows that were found, as they stand then. */
  update(db: Queryable, where: Where<Row>, changes: Changes<Row>): Promise<Row[]> {
    return db.$queryRaw<Row[]>`
      UPDATE ${this.#name} SET ${this.assignments(changes)} WHERE ${conditions(where)} RETURNING ${this.#all}`;
  }

  /** What an update sets. */
  assignments(changes: Changes<Row>): Prisma.Sql {
    const all = this.#given(changes);
    return Prisma.join(all.map(([field, value]) => Prisma.sql`${Prisma.raw(columnOf(field))} = ${value}`));
  }

  /** All fields but for those that are left out. */
  fieldsWithout(left: readonly string[]): (keyof Row & string)[] {
    return this.#fields.filter((field) => !left.includes(field));
  }

  async find(db: Queryable, where: Where<Row>): Promise<Row | null> {
    const [row] = await db.$queryRaw<Row[]>`
      SELECT ${this.#all} FROM ${this.#name} WHERE ${conditions(where)} LIMIT 1`;
    return row ?? null;
  }

  findAll(db: Queryable, where: Where<Row>): Promise<Row[]> {
    return db.$queryRaw<Row[]>`SELECT ${this.#all} FROM ${this.#name} WHERE ${conditions(where)}`;
  }

  #given(row: object): (readonly [field: string, value: unknown])[] {
    return Object.entries(row)
      .filter(([, value]) => value !== undefined)
      .map(([field, value]) => [field, this.isJson(field) ? jsonOf(value) : value] as const);
  }
}

/** JSON as a parameter; a null is no JSON. */
export function jsonOf(value: unknown): unknown {
  return value == null || value instanceof Prisma.Sql ? value : JSON.stringify(value);
}

function conditions(where: object): Prisma.Sql {
  const all = Object.entries(where).flatMap(([field, value]: [string, unknown]) => {
    const column = Prisma.raw(`t.${columnOf(field)}`);
    if (value === undefined) return [];
    if (value === null) return Prisma.sql`${column} IS NULL`;
    return Array.isArray(value) ? Prisma.sql`${column} = ANY (${value})` : Prisma.sql`${column} = ${value}`;
  });
  return Prisma.join(all, ' AND ');
}
