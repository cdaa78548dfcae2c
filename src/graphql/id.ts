import { assertObjectType, type GraphQLSchema } from 'graphql';
import { NIL } from 'uuid';
import { NotFoundError } from '../domain/errors.js';
import { decodeIdOf, encodeId, ID_PREFIXES, type IdType } from '../domain/id.js';

/**
 * The uuid of an id that a caller names in a mutation or a subscription.
 * @throws NotFoundError where it is malformed or of another type: such an id is simply unknown.
 */
export function uuidOf(type: IdType, ref: string): string {
  const uuid = decodeIdOf(type, ref);
  if (uuid === null) throw new NotFoundError({ kind: type, ref });
  return uuid;
}

/** The uuid of an id in a filter; for one that is malformed or of another type, a uuid that no row bears. */
export function uuidIn(type: IdType, ref: string): string {
  return decodeIdOf(type, ref) ?? NIL;
}

/**
 * A mutation's input with the ids in the fields of `types` decoded; absent ones stay absent.
 * @throws NotFoundError as `uuidOf` does.
 */
export function decoded<Input extends object, Field extends keyof Input>(
  input: Input,
  types: Readonly<Record<Field, IdType>>,
): Input {
  const output = { ...input };
  for (const field in types) {
    const ref: unknown = input[field];
    if (typeof ref === 'string') output[field] = uuidOf(types[field], ref) as Input[typeof field];
  }
  return output;
}

/**
 * Has every node tell its id at once: the relay plugin makes a promise of each, for which the executor goes over every list of
 * rows once more. No rule of access may stand on the id of a type, since it would not be asked.
 */
export function tellIdsAtOnce(schema: GraphQLSchema): GraphQLSchema {
  for (const name of Object.keys(ID_PREFIXES) as IdType[]) {
    const id = assertObjectType(schema.getType(name)).getFields().id;
    if (!id) throw new Error(`${name} has no id`);
    id.resolve = (row: { id: string }) => encodeId(name, row.id);
  }
  return schema;
}
