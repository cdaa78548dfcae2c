// A list's order is total: its last key is unique in the list. A cursor carries the values by which an entry was placed,
// not the entry: it outlives the row, it tells nothing that its reader has not seen, and a page costs the same wherever it
// begins. Nulls come last in either direction.
import { ValidationError } from '../domain/errors.js';
import { EARLIEST_INSTANT, LATEST_INSTANT } from '../domain/limits.js';

export interface Key {
  readonly field: string;
  /** The to-one relation that holds the field. */
  readonly relation?: string;
  readonly type: keyof typeof CODECS;
  readonly direction: 'asc' | 'desc';
  readonly nullable?: boolean;
}

export interface Order {
  /** Tells one list's cursors from another's. */
  readonly name: string;
  readonly keys: readonly Key[];
}

export type Value = Date | bigint | string | null;
type Row = Readonly<Record<string, unknown>>;

/** How a value stands in a cursor, and what a text stands for; undefined where it stands for none. */
const CODECS = {
  instant: {
    write: (value: Value) => String((value as Date).getTime()),
    read(text: string): Value | undefined {
      const instant = new Date(/^-?\d{1,15}$/.test(text) ? Number(text) : NaN);
      return instant >= EARLIEST_INSTANT && instant <= LATEST_INSTANT ? instant : undefined;
    },
  },
  integer: {
    write: String,
    read: (text: string): Value | undefined => (/^\d{1,18}$/.test(text) ? BigInt(text) : undefined),
  },
  uuid: {
    write: String,
    read: (text: string): Value | undefined => (UUID.test(text) ? text : undefined),
  },
};
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The place of a row in the order, as a text for clients. */
export function cursorOf({ name, keys }: Order, row: Row): string {
  const values = keys.map(({ field, relation, type }) => {
    const holder = relation ? (row[relation] as Row) : row;
    const value = holder[field] as Value;
    return value === null ? null : CODECS[type].write(value);
  });
  return Buffer.from(JSON.stringify([name, ...values])).toString('base64url');
}

/**
 * The values that a cursor carries, by the keys of its order.
 * @throws ValidationError at the path `argument` for every text that `cursorOf` does not write for this order.
 */
export function placeOf(order: Order, cursor: string, argument: 'after' | 'before'): Value[] {
  const values = parse(order, cursor);
  if (values) return values;
  throw new ValidationError({ issues: [{ path: argument, message: 'must be a cursor of this very list' }] });
}

/** The rows beyond a place, as a Prisma condition: those after it, or before it where the list is read backwards. */
export function beyond({ keys }: Order, place: readonly Value[], backwards: boolean): object {
  return past(keys, place, backwards);
}

/** Prisma's `orderBy`, turned round where the list is read backwards. */
export function orderBy({ keys }: Order, backwards: boolean): object[] {
  return keys.map(({ field, relation, direction, nullable }) => {
    const sort = (direction === 'asc') === backwards ? 'desc' : 'asc';
    const ordered = { [field]: nullable ? { sort, nulls: backwards ? 'first' : 'last' } : sort };
    return relation ? { [relation]: ordered } : ordered;
  });
}

function parse({ name, keys }: Order, cursor: string): Value[] | null {
  const parts = partsOf(cursor);
  if (parts?.length !== keys.length + 1 || parts[0] !== name) return null;
  const values = keys.map(({ type, nullable }, index) => {
    const text = parts[index + 1];
    if (text === null && nullable) return null;
    return typeof text === 'string' ? CODECS[type].read(text) : undefined;
  });
  return values.every((value) => value !== undefined) ? values : null;
}

function partsOf(cursor: string): unknown[] | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    // Base64 has many spellings of one text; one place has one cursor.
    const canonical = Buffer.from(JSON.stringify(parts)).toString('base64url');
    return Array.isArray(parts) && canonical === cursor ? parts : null;
  } catch {
    return null;
  }
}

function past([key, ...others]: readonly Key[], [value, ...rest]: readonly Value[], backwards: boolean): object {
  if (!key || value === undefined) return {};
  const on = (condition: unknown) => {
    const field = { [key.field]: condition };
    return key.relation ? { [key.relation]: field } : field;
  };
  const operator = (key.direction === 'asc') === backwards ? 'lt' : 'gt';
  let strictly: object[];
  if (value === null) strictly = backwards ? [on({ not: null })] : [];
  else strictly = [on({ [operator]: value }), ...(key.nullable && !backwards ? [on(null)] : [])];
  if (others.length === 0) return { OR: strictly };
  const either = { OR: [...strictly, { AND: [on(value), past(others, rest, backwards)] }] };
  // Implied by the alternatives, but only so does PostgreSQL begin to read the index at the cursor.
  return key.nullable ? either : { AND: [on({ [`${operator}e`]: value }), either] };
}

/** By the time of making, the newest first. */
export const NEWEST_CREATED_FIRST: Order = {
  name: 'createdAt DESC',
  keys: [
    { field: 'createdAt', type: 'instant', direction: 'desc' },
    { field: 'id', type: 'uuid', direction: 'desc' },
  ],
};

/** By their place in their session, the newest first. */
export const NEWEST_SEQUENCE_FIRST: Order = {
  name: 'sequence DESC',
  keys: [{ field: 'sequence', type: 'integer', direction: 'desc' }],
};
