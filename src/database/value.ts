// Values as PostgreSQL's text format has them, and back: rows that raw statements answer with have the shape of Prisma's.
import pg from 'pg';

type Parse = (text: string) => unknown;

const { builtins } = pg.types;
const builtinParser = pg.types.getTypeParser as (type: number) => Parse;

// What node-postgres reads otherwise than Prisma. Sessions run in UTC, so that every instant ends in `+00`.
const PARSERS = new Map<number, Parse>([
  [builtins.INT8, BigInt],
  [builtins.BYTEA, (text) => Uint8Array.from(Buffer.from(text.slice(2), 'hex'))],
  [builtins.TIMESTAMPTZ, (text) => new Date(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`)],
]);

/** How a column of that type is read. Enums are strings, as everything is that has no type of PostgreSQL's own. */
export function parserOf(type: number): Parse {
  return PARSERS.get(type) ?? builtinParser(type);
}

/** A parameter: lists are arrays, other objects JSON. */
export function encode(value: unknown): string | Buffer | null {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return encodeList(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return JSON.stringify(value);
}

function encodeList(values: readonly unknown[]): string {
  if (values.every((value) => typeof value === 'string' || value === null || Number.isFinite(value))) {
    const json = JSON.stringify(values);
    // Without an escape both write alike, and the whole at once costs a fraction of its elements one by one.
    if (!json.includes('\\')) return `{${json.slice(1, -1)}}`;
  }
  return `{${values.map(encodeElement).join(',')}}`;
}

function encodeElement(value: unknown): string {
  const text = encode(value);
  if (text === null) return 'NULL';
  if (typeof text !== 'string') throw new TypeError('there are no lists of bytes');
  if (Array.isArray(value) || typeof value === 'number') return text;
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
