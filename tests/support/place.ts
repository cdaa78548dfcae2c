// Where in the arguments of a root field a caller can name something, and the operation that names it there.
import {
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isRequiredArgument,
  isRequiredInputField,
  type GraphQLEnumType,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLScalarType,
} from 'graphql';
import { SCALARS, type RootField } from './operation.js';
import type { Operation } from './wire.js';

/** An argument, or a field of an input below one, that is a scalar, an enum or a list of them. */
export interface Place {
  readonly path: readonly string[];
  readonly scalar: string;
  /** The input that holds it; null for an argument. */
  readonly input: string | null;
}

/** Every place where a root field takes one. */
export function placesOf({ field }: RootField): Place[] {
  return field.args.flatMap(({ name, type }) => below(type, [name], null));
}

function below(type: GraphQLInputType, path: readonly string[], input: string | null): Place[] {
  const inner = getNamedType(type);
  if (!isInputObjectType(inner)) return [{ path, scalar: inner.name, input }];
  return Object.values(inner.getFields()).flatMap((field) => below(field.type, [...path, field.name], inner.name));
}

/** What stands at a place, or a promise of it; undefined leaves the least that the type allows. */
export type Fill = (place: Place) => unknown;

/** The operation that gives what is required, and what stands at the paths of `given`; it asks for all that is near. */
export async function operationAt(
  { root, name, field }: RootField,
  given: readonly Place[],
  fill: Fill,
): Promise<Operation> {
  const args = field.args.filter((arg) => isRequiredArgument(arg) || leadsTo(given, [arg.name]));
  const declared = args.map((arg) => `$${arg.name}: ${String(arg.type)}`);
  const passed = args.map((arg) => `${arg.name}: $${arg.name}`);
  const listed = (list: string[]) => (list.length > 0 ? `(${list.join(', ')})` : '');
  const query = `${root.toLowerCase()} ${listed(declared)} { ${name}${listed(passed)} ${selectionOf(field.type)} }`;
  const values = args.map((arg) => valueOf(arg.type, { path: [arg.name], input: null }));
  return { query, variables: await named(args, values) };

  async function valueOf(type: GraphQLInputType, at: Omit<Place, 'scalar'>): Promise<unknown> {
    const nullable = getNullableType(type);
    if (isListType(nullable)) return [await valueOf(nullable.ofType, at)];
    if (!isInputObjectType(nullable)) {
      return (await fill({ ...at, scalar: nullable.name })) ?? leastOf(nullable);
    }
    const isWanted = (part: GraphQLInputField) => leadsTo(given, [...at.path, part.name]);
    const parts = Object.values(nullable.getFields());
    const needed = parts.filter((part) => isRequiredInputField(part) || isWanted(part));
    const chosen = nullable.isOneOf && needed.length === 0 ? parts.slice(0, 1) : needed;
    const input = nullable.name;
    return named(
      chosen,
      chosen.map((part) => valueOf(part.type, { path: [...at.path, part.name], input })),
    );
  }
}

const leadsTo = (given: readonly Place[], path: readonly string[]): boolean =>
  given.some((place) => path.every((part, index) => place.path[index] === part));

const leastOf = (type: GraphQLScalarType | GraphQLEnumType): unknown =>
  isEnumType(type) ? type.getValues()[0]?.name : JSON.parse(SCALARS[type.name] ?? 'null');

async function named(parts: readonly { name: string }[], values: Promise<unknown>[]): Promise<Record<string, unknown>> {
  const found = await Promise.all(values);
  return Object.fromEntries(parts.map(({ name }, index) => [name, found[index]]));
}

/** All that a type holds, and of whatever has an id no more than that. */
function selectionOf(type: RootField['field']['type']): string {
  const inner = getNamedType(type);
  if (!isCompositeType(inner)) return '';
  if (isAbstractType(inner)) return '{ __typename ... on Node { id } }';
  const fields = Object.values(inner.getFields()).filter(({ args }) => !args.some(isRequiredArgument));
  const held = fields.some(({ name }) => name === 'id') ? ['id'] : fields.map(fieldOf);
  return `{ __typename ${held.join(' ')} }`;
}

const fieldOf = ({ name, type }: RootField['field']): string => `${name} ${selectionOf(type)}`;
