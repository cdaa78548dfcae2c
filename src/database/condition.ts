// Prisma's conditions and orders as SQL: those that lists and look-ups are made of. What is not among them is NotPlain.
import { MODELS, type Model, type Relation } from './model.js';

/** Thrown for a question that is Prisma's to answer. */
export class NotPlain extends Error {}

/** A statement as it is put together: its parameters, and names for its tables. */
export class Draft {
  readonly values: unknown[] = [];
  #tables = 0;

  /** What stands for a value. */
  bind(value: unknown): string {
    return `$${this.values.push(value)}`;
  }

  table(): string {
    return `t${this.#tables++}`;
  }
}

export type Where = Readonly<Record<string, unknown>>;
export type OrderBy = Readonly<Record<string, unknown>>;

export function model(name: string): Model {
  const found = MODELS.get(name);
  if (!found) throw new NotPlain();
  return found;
}

/** That the rows of two tables are related. */
export const joined = ({ on }: Relation, own: string, other: string): string =>
  on.map(([mine, its]) => `${other}.${its} = ${own}.${mine}`).join(' AND ');

/** As SQL, the condition that a row of the table known as `alias` meets `where`. */
export function conditionOf(draft: Draft, of: Model, alias: string, where: Where): string {
  const parts = Object.entries(where).flatMap(([name, wanted]): string[] => {
    if (wanted === undefined) return [];
    if (name === 'AND') return listOf(wanted).map((each) => conditionOf(draft, of, alias, each));
    if (name === 'OR') return [either(listOf(wanted).map((each) => conditionOf(draft, of, alias, each)))];
    const relation = of.relations.get(name);
    if (relation) return [related(draft, relation, alias, wanted)];
    const column = of.columns.get(name);
    if (!column || column.isList || column.type === 'Json') throw new NotPlain();
    return compared(draft, `${alias}.${column.sql}`, wanted);
  });
  return parts.length > 0 ? parts.join(' AND ') : 'true';
}

const listOf = (wanted: unknown): Where[] => (Array.isArray(wanted) ? wanted : [wanted]) as Where[];

const either = (parts: string[]): string => (parts.length > 0 ? `(${parts.join(' OR ')})` : 'false');

function related(draft: Draft, relation: Relation, alias: string, wanted: unknown): string {
  if (relation.isList || !isObject(wanted)) throw new NotPlain();
  const other = draft.table();
  const { table } = model(relation.model);
  const condition = conditionOf(draft, model(relation.model), other, wanted);
  return `EXISTS (SELECT FROM ${table} ${other} WHERE ${joined(relation, alias, other)} AND ${condition})`;
}

const OPERATORS: Readonly<Record<string, string>> = { gt: '>', gte: '>=', lt: '<', lte: '<=', not: '<>' };

function compared(draft: Draft, sql: string, wanted: unknown): string[] {
  if (wanted === null) return [`${sql} IS NULL`];
  if (!isObject(wanted)) return [`${sql} = ${draft.bind(wanted)}`];
  return Object.entries(wanted).flatMap(([operator, value]) => {
    if (value === undefined) return [];
    if (operator === 'in' && Array.isArray(value)) return `${sql} = ANY (${draft.bind(value)})`;
    if (operator === 'not' && value === null) return `${sql} IS NOT NULL`;
    const sign = OPERATORS[operator];
    if (!sign || value === null || isObject(value)) throw new NotPlain();
    return `${sql} ${sign} ${draft.bind(value)}`;
  });
}

function isObject(value: unknown): value is Where {
  return typeof value === 'object' && value !== null && !(value instanceof Date) && !Array.isArray(value);
}

/** An order of the rows of a table, and the tables beside it that it needs. */
export interface Sorting {
  readonly keys: readonly { readonly sql: string; readonly how: string }[];
  readonly joins: readonly string[];
}

export function sortingOf(draft: Draft, of: Model, alias: string, orderBy: OrderBy | readonly OrderBy[]): Sorting {
  const joins: string[] = [];
  const keys = [orderBy].flat().flatMap((each) =>
    Object.entries(each).map(([name, how]) => {
      const relation = of.relations.get(name);
      if (!relation) return key(of, alias, name, how);
      const [entry, ...others] = Object.entries(how as OrderBy);
      if (relation.isList || !entry || others.length > 0) throw new NotPlain();
      const other = draft.table();
      joins.push(`LEFT JOIN ${model(relation.model).table} ${other} ON ${joined(relation, alias, other)}`);
      return key(model(relation.model), other, ...entry);
    }),
  );
  return { keys, joins };
}

const DIRECTIONS = new Map([
  ['asc', 'ASC'],
  ['desc', 'DESC'],
]);
const ENDS = new Map([
  ['', ''],
  ['first', ' NULLS FIRST'],
  ['last', ' NULLS LAST'],
]);

function key(of: Model, alias: string, name: string, how: unknown) {
  const column = of.columns.get(name);
  const { sort, nulls = '' } = (isObject(how) ? how : { sort: how }) as { sort: string; nulls?: string };
  const [direction, end] = [DIRECTIONS.get(sort), ENDS.get(nulls)];
  if (!column || direction === undefined || end === undefined) throw new NotPlain();
  return { sql: `${alias}.${column.sql}`, how: `${direction}${end}` };
}
