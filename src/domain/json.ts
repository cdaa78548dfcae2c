// JSON is kept as it came or not at all. A value has the shape and the size that its field allows; no text in it, no key
// either, holds what PostgreSQL cannot; numbers are finite (1e999 parses, and would come back as null); and it nests no
// deeper than a parser may recurse.
import { PayloadTooLargeError } from './errors.js';
import { JSON_MAX_DEPTH, unstorable, type Issues } from './limits.js';

export type JsonShape = 'object' | 'list' | 'any';

/**
 * Checks a value that was parsed from JSON, and answers with the bytes of its UTF-8 text: 0 where it is absent or at
 * fault. Null is absent, except where any value is allowed.
 * @throws PayloadTooLargeError where the text has more than `limitBytes`.
 */
export function checkJson(
  issues: Issues,
  path: string,
  value: unknown,
  { limitBytes, shape }: { limitBytes: number; shape: JsonShape },
): number {
  if (value === undefined || (value === null && shape !== 'any')) return 0;
  const fault = shapeFault(value, shape) ?? contentFault(value);
  if (fault) {
    issues.add(path, fault);
    return 0;
  }
  const actualBytes = Buffer.byteLength(JSON.stringify(value));
  if (actualBytes > limitBytes) throw new PayloadTooLargeError({ path, limitBytes, actualBytes });
  return actualBytes;
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

/**
 * The value as PostgreSQL gives it back: of an object the members with shorter names come first, counted in bytes, and those
 * with names of one length in the order of their bytes. The very same where that is how it stands.
 */
export function asStored(value: unknown): unknown {
  // There is one zero.
  if (value === 0) return 0;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items: unknown[] = value.map(asStored);
    return items.every((item, index) => Object.is(item, value[index])) ? value : items;
  }
  const members: [string, unknown][] = Object.entries(value);
  const stored = members.map(([name, inner]): [string, unknown] => [name, asStored(inner)]);
  const isAlike = stored.every(
    ([name, inner], index) =>
      Object.is(inner, members[index]?.[1]) && (index === 0 || compareNames(members[index - 1]?.[0] ?? '', name) < 0),
  );
  return isAlike ? value : Object.fromEntries(stored.sort(([one], [other]) => compareNames(one, other)));
}

function compareNames(one: string, other: string): number {
  const byLength = Buffer.byteLength(one) - Buffer.byteLength(other);
  return byLength === 0 ? Buffer.compare(Buffer.from(one), Buffer.from(other)) : byLength;
}
