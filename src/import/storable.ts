import { JSON_MAX_BYTES, JSON_MAX_DEPTH, NAME_MAX_CHARACTERS } from '../domain/limits.js';

/** What one heavy value may weigh, so that there is room for what stands around it. */
const HEAVY_MAX_BYTES = JSON_MAX_BYTES - 1024;
/** How much of a value that is cut is still told: each unit is at most 6 bytes as JSON. */
const EXCERPT_LENGTH = 32 * 1024;

const UNSTORABLE_ESCAPE = /\\u(?:0000|d[89a-f])/i;

/**
 * The text with U+FFFD in place of what PostgreSQL cannot hold: U+0000 and halves of surrogate pairs.
 */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\uFFFD').replace(/\p{Surrogate}/gu, '\uFFFD');
}

/** The value of a JSON text, every string and key of it storable. Throws SyntaxError where it is no JSON. */
export function parseStorable(json: string): unknown {
  const value: unknown = JSON.parse(json);
  // Decoded text can hold neither of them bare, so almost every line is spared the walk.
  return UNSTORABLE_ESCAPE.test(json) ? cleaned(value) : value;
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== 'object' || value === null) return value;
  // fromEntries defines `__proto__` as a key like any other; an assignment would set the prototype.
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [storableText(key), cleaned(inner)]));
}

/** A name, handle or tool's name that the service takes: one line of at most 128 code points, null where none is left. */
export function storableName(text: string): string | null {
  return clipped(text.replace(/\p{Control}/gu, ' ').trim(), NAME_MAX_CHARACTERS) || null;
}

/** A text as one line of at most `length` code points. */
export function oneLine(text: string, length: number): string {
  return clipped(text.replace(/[\p{Control}\s]+/gu, ' ').trim(), length);
}

/** The first `length` code points. */
export function clipped(text: string, length: number): string {
  return text.length <= length
    ? text
    : Array.from(text.slice(0, 2 * length))
        .slice(0, length)
        .join('');
}

/** What is told of a value that the service would not take. */
interface Excerpt {
  excerpt: string | null;
  truncated: true;
  /** Of the value as JSON; null where it lies too deep to be written out. */
  originalBytes: number | null;
}

/**
 * The event's data where the service takes it, else the same with an excerpt in place of `heavy`, marked by
 * `truncated: true` and `originalBytes` (of `heavy` as JSON; null where it lies too deep to be written out).
 */
export function fitted(data: Record<string, unknown>, heavy: string): Record<string, unknown> {
  const excerpt = excerptOf(data[heavy], JSON_MAX_DEPTH - 1);
  if (excerpt === null) return data;
  const { excerpt: told, ...marks } = excerpt;
  return { ...data, [heavy]: told, ...marks };
}

/** The value where the service takes it, else an object of an `excerpt`, marked as by `fitted`. */
export function fittedValue(value: unknown): unknown {
  return excerptOf(value, JSON_MAX_DEPTH) ?? value;
}

/** Null for a value that the service takes, so many levels deep. */
function excerptOf(value: unknown, levels: number): Excerpt | null {
  if (deeperThan(levels, value)) return { excerpt: null, truncated: true, originalBytes: null };
  const json = JSON.stringify(value);
  const originalBytes = Buffer.byteLength(json);
  if (originalBytes <= HEAVY_MAX_BYTES) return null;
  const excerpt = storableText((typeof value === 'string' ? value : json).slice(0, EXCERPT_LENGTH));
  return { excerpt, truncated: true, originalBytes };
}

function deeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => deeperThan(levels - 1, inner));
}
