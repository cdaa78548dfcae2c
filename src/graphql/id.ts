import { NIL } from 'uuid';
import { NotFoundError } from '../domain/errors.js';
import { decodeIdOf, type IdType } from '../domain/id.js';

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
  const uuids = Object.entries<IdType>(types).flatMap(([field, type]) => {
    const ref: unknown = input[field as Field];
    return typeof ref === 'string' ? [[field, uuidOf(type, ref)]] : [];
  });
  return { ...input, ...(Object.fromEntries(uuids) as Record<string, string>) };
}
