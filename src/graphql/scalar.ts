// The three scalars of the contract: what they take, what they write, and in which words they refuse.
import { GraphQLError, Kind, valueFromASTUntyped, type ObjectValueNode, type ValueNode } from 'graphql';
import { EARLIEST_INSTANT, LATEST_INSTANT } from '../domain/limits.js';

const DATE_TIME = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;

/**
 * The instant that a full RFC 3339 date-time names, to the millisecond: with seconds and an offset, in the years 0001 to
 * 9999. Digits beyond the millisecond are cut off.
 * @throws GraphQLError for every other value, a day that the calendar does not have among them.
 */
export function parseDateTime(value: unknown): Date {
  const text = typeof value === 'string' && DATE_TIME.test(value) ? value.toUpperCase() : null;
  const instant = new Date(text ?? NaN);
  if (!text || !isOnCalendar(text) || !(instant >= EARLIEST_INSTANT && instant <= LATEST_INSTANT)) {
    throw new GraphQLError('A DateTime is written like 2026-01-31T12:00:00.000Z, with an offset.');
  }
  return instant;
}

/** `Date` takes 30 February for 2 March: a day that exists is still the same afterwards. */
function isOnCalendar(text: string): boolean {
  const date = text.slice(0, 10);
  const day = new Date(date);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date);
}

/** RFC 3339 in UTC with milliseconds. */
export function serializeDateTime(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  throw new GraphQLError('DateTime cannot represent a value that is no Date.');
}

/** @throws GraphQLError where the value is no integer of at most 53 bits. */
export function parseSafeInt(value: unknown): bigint {
  if (Number.isSafeInteger(value)) return BigInt(value as number);
  throw new GraphQLError('A SafeInt is an integer between -(2^53 - 1) and 2^53 - 1.');
}

/** A JSON number: 53 bits hold every position that a project can reach in a thousand years. */
export function serializeSafeInt(value: unknown): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (Number.isSafeInteger(number)) return number as number;
  throw new GraphQLError('SafeInt cannot represent a value beyond 53 bits.');
}

/** What a literal in a document stands for, where only its value counts. Refusals say where it stands. */
export function literally<Value>(parse: (value: unknown) => Value): (literal: ValueNode) => Value {
  return (literal) => {
    try {
      return parse(valueFromASTUntyped(literal));
    } catch (error) {
      throw error instanceof GraphQLError ? new GraphQLError(error.message, { nodes: literal }) : error;
    }
  };
}

/** A JSON value. Null is GraphQL's own to allow or refuse, and never comes to a scalar. */
export type Json = string | number | boolean | object;

/**
 * The JSON value that a literal in a document stands for. Written without recursion, since a document may nest deeper than
 * the stack; keys named like a prototype's property are ordinary data. An absent variable is null.
 */
export function parseJsonLiteral(root: ValueNode, variables?: Record<string, unknown> | null): unknown {
  const result: Record<string, unknown> = {};
  const pending: { node: ValueNode; into: Record<string, unknown>; key: string }[] = [
    { node: root, into: result, key: 'value' },
  ];
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { node, into, key } = next;
    if (node.kind === Kind.LIST) {
      const list = new Array<unknown>(node.values.length);
      into[key] = list;
      node.values.forEach((value, index) =>
        pending.push({ node: value, into: list as unknown as Record<string, unknown>, key: String(index) }),
      );
    } else if (node.kind === Kind.OBJECT) {
      const object = emptyObject(node);
      into[key] = object;
      for (const field of node.fields) pending.push({ node: field.value, into: object, key: field.name.value });
    } else {
      into[key] = leaf(node, variables);
    }
  }
  return result.value;
}

/** All keys, in their order and as properties of its own: assigning to them later cannot reach a prototype. */
function emptyObject(node: ObjectValueNode): Record<string, unknown> {
  return Object.fromEntries(node.fields.map((field) => [field.name.value, null]));
}

function leaf(node: Exclude<ValueNode, { kind: Kind.LIST | Kind.OBJECT }>, variables?: Record<string, unknown> | null) {
  switch (node.kind) {
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.VARIABLE:
      return variables?.[node.name.value] ?? null;
    case Kind.NULL:
      return null;
    default:
      return node.value;
  }
}
