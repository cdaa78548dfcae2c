// The tables as statements have to name them: their columns, and by which of them rows refer to each other.
import { getDatamodel } from '../generated/pothos.js';

export interface Column {
  readonly sql: string;
  readonly type: string;
  readonly isList: boolean;
}

export interface Relation {
  readonly model: string;
  readonly isList: boolean;
  /** Pairs of columns, of the row and of the one that it is related to, that are equal. */
  readonly on: readonly (readonly [own: string, other: string])[];
}

export interface Model {
  readonly table: string;
  readonly columns: ReadonlyMap<string, Column>;
  readonly relations: ReadonlyMap<string, Relation>;
}

const { models } = getDatamodel().datamodel;

type Field = (typeof models)[string]['fields'][number];

/** By their names in the Prisma schema. */
export const MODELS: ReadonlyMap<string, Model> = new Map(Object.keys(models).map((name) => [name, modelOf(name)]));

function modelOf(name: string): Model {
  const fields = models[name]?.fields ?? [];
  const plain = fields.filter(({ kind }) => kind !== 'object');
  return {
    table: name === 'Watchdog' ? 'watchdog' : `${snake(name)}s`,
    columns: new Map(plain.map(({ name, type, isList }) => [name, { sql: snake(name), type, isList }])),
    relations: new Map(
      fields
        .filter(({ kind }) => kind === 'object')
        .map((field) => [field.name, { model: field.type, isList: field.isList, on: pairsOf(name, field) }]),
    ),
  };
}

/** The side that refers has the columns, and refers to an `id`, within the project where both have one. */
function pairsOf(model: string, field: Field): [own: string, other: string][] {
  const own = field.relationFromFields ?? [];
  if (own.length > 0) return own.map((column, index) => [snake(column), index < own.length - 1 ? 'project_id' : 'id']);
  const opposite = models[field.type]?.fields.find(
    (other) => other.relationName === field.relationName && (other.relationFromFields ?? []).length > 0,
  );
  if (!opposite) throw new Error(`nothing refers to ${model} by ${field.name}`);
  return pairsOf(field.type, opposite).map(([one, other]) => [other, one]);
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter, at: number) => `${at > 0 ? '_' : ''}${letter.toLowerCase()}`);
}
