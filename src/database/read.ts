// A question of Prisma's `findMany` as one statement: rows with the rows that they refer to beside them, and lists of rows
// as JSON. What a row becomes is known before the statement is sent, so that its values are read by their places.
import { conditionOf, Draft, joined, model, NotPlain, sortingOf, type OrderBy, type Where } from './condition.js';
import type { Column, Model, Relation } from './model.js';

/** What may be asked of a model, or of a relation of it. */
export interface Asked {
  readonly where?: Where | undefined;
  readonly orderBy?: OrderBy | readonly OrderBy[] | undefined;
  readonly take?: number | undefined;
  readonly select?: Readonly<Record<string, unknown>> | null | undefined;
  readonly include?: Readonly<Record<string, unknown>> | null | undefined;
}

export interface Read {
  readonly text: string;
  readonly values: unknown[];
  /** The row that a line of the answer stands for. */
  readonly rowOf: RowOf;
}

type Line = readonly unknown[];
type RowOf = (line: Line) => Record<string, unknown>;
type Value = (line: Line) => unknown;

/** What is selected of a line: its columns, and the tables that they come from besides the first. */
class Selection {
  readonly columns: string[] = [];
  readonly joins: string[] = [];

  /** `isJson`: whether the lines are JSON, in which the values have other shapes. */
  constructor(readonly isJson: boolean) {}

  /** Its place among the columns. */
  add(sql: string): number {
    const known = this.columns.indexOf(sql);
    return known >= 0 ? known : this.columns.push(sql) - 1;
  }
}

const OPTIONS = new Set(['where', 'orderBy', 'take', 'select', 'include']);
// What a function of PostgreSQL can be given.
const COLUMNS_MAX = 100;

/** @throws NotPlain for what Prisma has to be asked. */
export function readOf(name: string, asked: Asked): Read {
  const draft = new Draft();
  const alias = draft.table();
  const selection = new Selection(false);
  const rowOf = select(draft, model(name), alias, asked, selection);
  const columns = selection.columns.join(', ');
  const text = rowsOf(draft, model(name), alias, asked, { selection, columns });
  return { text, values: draft.values, rowOf };
}

interface Parts {
  readonly selection: Selection;
  readonly columns: string;
  /** By what they belong to a row outside. */
  readonly link?: string;
}

/** The statement of the rows. */
function rowsOf(
  draft: Draft,
  of: Model,
  alias: string,
  { where = {}, orderBy = [], take }: Asked,
  { selection, columns, link }: Parts,
): string {
  if (take !== undefined && !(take >= 0)) throw new NotPlain();
  const { keys, joins } = sortingOf(draft, of, alias, orderBy);
  const condition = [link, conditionOf(draft, of, alias, where)].filter((it) => it !== undefined).join(' AND ');
  const order = (sqls: readonly string[]): string =>
    keys.length > 0 ? ` ORDER BY ${keys.map(({ how }, index) => `${sqls[index]} ${how}`).join(', ')}` : '';
  const rows = `FROM ${[`${of.table} ${alias}`, ...joins].join(' ')} WHERE ${condition}${order(keys.map(({ sql }) => sql))}`;
  const limit = take === undefined ? '' : ` LIMIT ${take}`;
  if (selection.joins.length === 0) return `SELECT ${columns} ${rows}${limit}`;
  // Those that are told are found first: what is beside them is looked up for no others.
  const sorted = keys.map((_, index) => `${alias}.key${index}`);
  const found = [`${alias}.*`, ...keys.map(({ sql }, index) => `${sql} AS key${index}`)].join(', ');
  const beside = selection.joins.join(' ');
  return `SELECT ${columns} FROM (SELECT ${found} ${rows}${limit}) ${alias} ${beside}${order(sorted)}`;
}

/** Adds to a selection what is asked of a row of the table known as `alias`. */
function select(draft: Draft, of: Model, alias: string, asked: Asked, selection: Selection): RowOf {
  if (Object.keys(asked).some((option) => !OPTIONS.has(option))) throw new NotPlain();
  const wanted = asked.select ?? {
    ...Object.fromEntries(Array.from(of.columns.keys(), (it) => [it, true])),
    ...asked.include,
  };
  const values = Object.entries(wanted).flatMap(([name, what]): [string, Value][] => {
    if (!what) return [];
    const column = of.columns.get(name);
    if (column) return [[name, valueOf(column, selection.add(`${alias}.${column.sql}`), selection.isJson)]];
    if (name === '_count') return [[name, counts(draft, of, alias, what, selection)]];
    const relation = of.relations.get(name);
    if (!relation) throw new NotPlain();
    const nested = what === true ? {} : (what as Asked);
    return [[name, (relation.isList ? list : one)(draft, relation, alias, nested, selection)]];
  });
  return (line) => {
    const row: Record<string, unknown> = {};
    for (const [name, value] of values) row[name] = value(line);
    return row;
  };
}

function one(draft: Draft, relation: Relation, alias: string, asked: Asked, selection: Selection): Value {
  const { where, orderBy, take } = asked;
  if (where ?? orderBy ?? take) throw new NotPlain();
  const other = draft.table();
  const of = model(relation.model);
  selection.joins.push(`LEFT JOIN ${of.table} ${other} ON ${joined(relation, alias, other)}`);
  const [, key] = relation.on.at(-1) ?? [];
  const isThere = selection.add(`${other}.${key}`);
  const rowOf = select(draft, of, other, asked, selection);
  return (line) => (line[isThere] === null ? null : rowOf(line));
}

function list(draft: Draft, relation: Relation, alias: string, asked: Asked, selection: Selection): Value {
  const [other, lines] = [draft.table(), draft.table()];
  const of = model(relation.model);
  const nested = new Selection(true);
  const rowOf = select(draft, of, other, asked, nested);
  if (nested.columns.length > COLUMNS_MAX) throw new NotPlain();
  const columns = `json_build_array(${nested.columns.join(', ')}) AS line`;
  const text = rowsOf(draft, of, other, asked, {
    selection: nested,
    columns,
    link: joined(relation, alias, other),
  });
  selection.joins.push(`LEFT JOIN LATERAL (SELECT json_agg(line) AS lines FROM (${text}) ${other}) ${lines} ON true`);
  const at = selection.add(`${lines}.lines`);
  return (line) => ((line[at] ?? []) as Line[]).map(rowOf);
}

function counts(draft: Draft, of: Model, alias: string, asked: Asked, selection: Selection): Value {
  const places = Object.entries(asked.select ?? {}).map(([name, what]): [string, number] => {
    const relation = of.relations.get(name);
    if (!relation?.isList) throw new NotPlain();
    const other = draft.table();
    const { where = {} } = what === true ? {} : (what as Asked);
    const condition = conditionOf(draft, model(relation.model), other, where);
    const rows = `${model(relation.model).table} ${other} WHERE ${joined(relation, alias, other)} AND ${condition}`;
    return [name, selection.add(`(SELECT count(*)::int FROM ${rows})`)];
  });
  return (line) => Object.fromEntries(places.map(([name, at]) => [name, line[at]]));
}

function valueOf({ type, isList }: Column, at: number, isJson: boolean): Value {
  if (type === 'Bytes') throw new NotPlain();
  if (!isJson || isList) return (line) => line[at];
  if (type === 'DateTime') return (line) => (line[at] === null ? null : new Date(line[at] as string));
  if (type === 'BigInt') return (line) => (line[at] === null ? null : BigInt(line[at] as number));
  return (line) => line[at];
}
