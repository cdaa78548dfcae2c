// JSON is kept as it came or not at all. A value has the shape and the size that its field allows; no text in it, no key
// either, holds what PostgreSQL cannot; numbers are finite (1e999 parses, and would come back as null); and it nests no
// deeper than a parser may recurse.
import { PayloadTooLargeError } from './errors.js';
import { JSON_MAX_DEPTH, unstorable, type Issues } from './limits.js';

export type JsonShape = 'object' | 'list' | 'any';

interface Allowed {
  limitBytes: number;
  shape: JsonShape;
}

/**
 * Checks a value that was parsed from JSON, and answers with the bytes of its UTF-8 text: 0 where it is absent or at
 * fault. Null is absent, except where any value is allowed.
 * @throws PayloadTooLargeError where the text has more than `limitBytes`.
 */
export function checkJson(issues: Issues, path: string, value: unknown, allowed: Allowed): number {
  const text = checkDocument(issues, path, value, allowed);
  return text === null ? 0 : Buffer.byteLength(text);
}

/** As `checkJson`, but answers with the text itself, which costs as much as the check: null where there would be no bytes. */
export function checkDocument(
  issues: Issues,
  path: string,
  value: unknown,
  { limitBytes, shape }: Allowed,
): string | null {
  if (value === undefined || (value === null && shape !== 'any')) return null;
  const fault = shapeFault(value, shape) ?? (isRegular(value, 0) ? null : contentFault(value));
  const text = fault === null ? JSON.stringify(value) : '';
  // What no text may hold is written as an escape with its number, as few other characters are.
  const found = fault ?? (text.includes(String.raw`\u`) ? contentFault(value) : null);
  if (found !== null) {
    issues.add(path, found);
    return null;
  }
  const actualBytes = Buffer.byteLength(text);
  if (actualBytes > limitBytes) throw new PayloadTooLargeError({ path, limitBytes, actualBytes });
  return text;
}

/** Whether its numbers are finite, and it is not too deep, which bounds the recursion. */
function isRegular(value: unknown, depth: number): boolean {
  if (depth > JSON_MAX_DEPTH) return false;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every((item) => isRegular(item, depth + 1));
  for (const name in value) if (!isRegular((value as Record<string, unknown>)[name], depth + 1)) return false;
  return true;
}

function shapeFault(value: unknown, shape: JsonShape): string | null {
  if (shape === 'list') return Array.isArray(value) ? null : 'must be a list';
  const fits = shape === 'any' || (typeof value === 'object' && !Array.isArray(value));
  return fits ? null : 'must be a JSON object';
}

/** Level by level rather than by recursion: what arrives may be nested deeper than the stack. */
function contentFault(root: unknown): string | null {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > JSON_MAX_DEPTH) return `must not be nested deeper than ${JSON_MAX_DEPTH} levels`;
    const below: unknown[] = [];
    for (const value of level) {
      if (typeof value === 'number' && !Number.isFinite(value)) return 'must hold finite numbers only';
      const texts = typeof value === 'string' ? [value] : isRecord(value) ? Object.keys(value) : [];
      for (const text of texts) {
        const foreign = unstorable(text);
        if (foreign) return `must not hold ${foreign} in any text or key`;
      }
      if (typeof value === 'object' && value !== null) for (const child of Object.values(value)) below.push(child);
    }
    level = below;
  }
  return null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as it is read from its text, which knows one zero: the very same where that is how it stands. */
export function asRead(value: unknown, text: string): unknown {
  return hasNegativeZero(value) ? JSON.parse(text) : value;
}

function hasNegativeZero(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return Object.is(value, -0);
  if (Array.isArray(value)) return value.some(hasNegativeZero);
  for (const name in value) if (hasNegativeZero((value as Record<string, unknown>)[name])) return true;
  return false;
}
