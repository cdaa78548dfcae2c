// Secrets are taken out before anything is stored or logged. In JSON the value of a secret name goes whole, whatever it is
// made of; but null, true, false and an empty text hide nothing, nor does a number under a name that speaks of tokens, and
// an object or a list of nothing else stays as it is. In any text, keys included, what is secret by its shape or by the
// name that it is assigned to is replaced, and the rest of the text stays. Done again it finds nothing.
import { secretAssignments } from './assignment.js';
import { REDACTED, SHAPE_MARK, secretShapes, type Part } from './secret.js';
import { hidesNumbers, isSecretName, WRITTEN_SECRET_WORD } from './secretName.js';

/**
 * A JSON value without its secrets: the very same where it has none, so that most values cost one walk and no copy. It
 * must not be nested deeper than JSON_MAX_DEPTH.
 */
export function redact(value: unknown): { value: unknown; redacted: boolean } {
  const clean = cleaned(value).value;
  return { value: clean, redacted: clean !== value };
}

/** As `redact`, of a value whose JSON text is known; most texts have nothing in them that secrets have, which one look tells. */
export function redactDocument(value: unknown, text: string): { value: unknown; text: string } {
  if (!mayHoldSecrets(text)) return { value, text };
  const clean = redact(value);
  return clean.redacted ? { value: clean.value, text: JSON.stringify(clean.value) } : { value, text };
}

/** JSON escapes neither letters nor the signs that are looked for here. */
function mayHoldSecrets(text: string): boolean {
  return WRITTEN_SECRET_WORD.test(text) || SHAPE_MARK.test(text) || text.includes('@');
}

/** A text without its secrets. */
export function redactText(text: string): { text: string; redacted: boolean } {
  const clean = cleanText(text);
  return { text: clean, redacted: clean !== text };
}

/** What a value holds at most that could be secret under a secret name. */
const NOTHING = 0;
const NUMBERS = 1;
const TEXTS = 2;

interface Cleaned {
  value: unknown;
  /** Of the value as it came. */
  holds: number;
}

function cleaned(value: unknown): Cleaned {
  if (typeof value === 'string') return { value: cleanText(value), holds: isTelling(value) ? TEXTS : NOTHING };
  if (typeof value === 'number') return { value, holds: NUMBERS };
  if (typeof value !== 'object' || value === null) return { value, holds: NOTHING };
  return Array.isArray(value) ? cleanedList(value) : cleanedObject(value);
}

function isTelling(text: string): boolean {
  return text !== '' && text !== REDACTED;
}

function cleanedList(list: readonly unknown[]): Cleaned {
  let holds = NOTHING;
  let copy: unknown[] | null = null;
  for (const [index, inner] of list.entries()) {
    const clean = cleaned(inner);
    const value = clean.holds === TEXTS && isSecretFlag(list[index - 1]) ? REDACTED : clean.value;
    if (value !== inner) copy ??= [...list];
    if (copy) copy[index] = value;
    holds = Math.max(holds, clean.holds);
  }
  return { value: copy ?? list, holds };
}

/** Whether the next argument of a command line is secret. */
function isSecretFlag(argument: unknown): boolean {
  return typeof argument === 'string' && /^--?[\w-]+$/.test(argument) && isSecretName(argument);
}

function cleanedObject(object: object): Cleaned {
  let holds = NOTHING;
  let hasChanged = false;
  const members: [string, unknown][] = [];
  for (const [name, inner] of Object.entries(object) as [string, unknown][]) {
    const clean = cleaned(inner);
    const key = cleanText(name);
    const least = hidesNumbers(name) ? NUMBERS : TEXTS;
    const value = clean.holds >= least && isSecretName(name) ? REDACTED : clean.value;
    members.push([key, value]);
    holds = Math.max(holds, clean.holds);
    hasChanged ||= key !== name || value !== inner;
  }
  return { value: hasChanged ? fromMembers(members) : object, holds };
}

/** Names that have become alike are numbered: no member is lost. */
function fromMembers(members: readonly [string, unknown][]): object {
  const taken = new Set(members.map(([name]) => name));
  if (taken.size === members.length) return Object.fromEntries(members);
  const seen = new Set<string>();
  let count = 1;
  return Object.fromEntries(
    members.map(([name, value]) => {
      let free = name;
      while (seen.has(free) || (free !== name && taken.has(free))) free = `${name} ${++count}`;
      seen.add(free);
      return [free, value];
    }),
  );
}

// By shape first: what is left of a value may still be secret by its name.
function cleanText(text: string): string {
  const shapeless = replaced(text, merged(secretShapes(text)));
  return replaced(shapeless, secretAssignments(shapeless));
}

function replaced(text: string, parts: readonly (Part & { quote?: string })[]): string {
  const pieces: string[] = [];
  let at = 0;
  for (const { start, end, quote = '' } of parts) {
    if (!isTelling(text.slice(start, end))) continue;
    pieces.push(text.slice(at, start), quote, REDACTED, quote);
    at = end;
  }
  return at === 0 ? text : pieces.join('') + text.slice(at);
}

/** In order, and those that touch or overlap as one. */
function merged(parts: readonly Part[]): Part[] {
  const whole: Part[] = [];
  for (const part of [...parts].sort((one, other) => one.start - other.start)) {
    const last = whole.at(-1);
    if (!last || part.start > last.end) whole.push(part);
    else if (part.end > last.end) whole[whole.length - 1] = { start: last.start, end: part.end };
  }
  return whole;
}
