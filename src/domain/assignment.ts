// What a text assigns to a secret name is secret: `password=…` in a URL or a file of settings, `"apiKey": "…"` in JSON,
// however often that was written into a text again, `X-Api-Key: …` and `Cookie: …` among headers, `--token …` on a command
// line. The value alone, to its closing quote or to where it ends; JSON stays JSON. What says that there is no value, a
// type's name, a shell's variable, and a number of tokens are no secrets.
import { matchAt, REDACTED, type Part } from './secret.js';
import { hasSecretWord, hidesNumbers, SECRET_WORD } from './secretName.js';

export interface Assigned extends Part {
  /** The quotes that are needed around what is put in its place; mostly the value keeps its own. */
  readonly quote: string;
  /** An object or a list may hold nothing that is secret, and nothing that has to be looked at again. */
  readonly isEmpty?: boolean;
}

const REST_OF_NAME = /[\w$-]*/y;
// The name's own closing quote, a bracket as in `user[password]`, then what assigns or compares; `::` is a path of code.
const OPERATOR = /(\\*["'`])?(?:[\])]|%5D)?[ \t]*(={1,3}>?|!==?|:=?(?!:)|%3D|%3A)[ \t]*/iy;
const FLAG = /(?:^|[\s"'`])--?[\w-]*$/;
const FLAG_GAP = /(?:\\*["'],[ \t]*|[ \t]+)(?!-)/y;
/** How far back the dashes of a flag are looked for. */
const FLAG_MAX_LENGTH = 64;

/** The values in a text that are secret by their names, in order. */
export function secretAssignments(text: string): Assigned[] {
  if (!hasSecretWord(text)) return [];
  const found: Assigned[] = [];
  const word = new RegExp(SECRET_WORD, 'gi');
  for (let hit = word.exec(text); hit; hit = word.exec(text)) {
    const nameEnd = word.lastIndex + (matchAt(REST_OF_NAME, text, word.lastIndex)?.[0].length ?? 0);
    const value = assignedTo(text, hit.index, nameEnd);
    if (value && !value.isEmpty) found.push(value);
    // On from here: each character is part of one name and of one value at most, which keeps the search linear.
    word.lastIndex = value?.end ?? nameEnd;
  }
  return found;
}

function assignedTo(text: string, nameStart: number, nameEnd: number): Assigned | null {
  const name = text.slice(nameStart, nameEnd);
  const operator = matchAt(OPERATOR, text, nameEnd);
  if (!operator) {
    const isFlag = FLAG.test(text.slice(Math.max(0, nameStart - FLAG_MAX_LENGTH), nameStart));
    const gap = isFlag ? matchAt(FLAG_GAP, text, nameEnd) : null;
    return gap && (quotedValue(text, nameEnd + gap[0].length) ?? bareValue(text, nameEnd + gap[0].length, name));
  }
  const [{ length }, quote = '', sign] = operator;
  const at = nameEnd + length;
  const quoted = quotedValue(text, at);
  if (quoted) return quoted;
  if (sign === ':' && quote) {
    const container = containerValue(text, at, name);
    if (container) return { ...container, quote };
    const value = bareValue(text, at, name);
    return value && { ...value, quote: NUMBER.test(text.slice(value.start, value.end)) ? quote : '' };
  }
  return sign === ':' && /authorization|cookie/i.test(name) ? headerValue(text, at) : bareValue(text, at, name);
}

// Letters before it are a language's, as in f"…".
const OPENING_QUOTE = /[bfru@$]{0,2}(\\*)("""|'''|["'`])/iy;

function quotedValue(text: string, at: number): Assigned | null {
  const opening = matchAt(OPENING_QUOTE, text, at);
  if (!opening) return null;
  const [{ length }, { length: slashes } = '', quote = ''] = opening;
  const start = at + length;
  const { end } = closingQuote(text, start, quote, slashes);
  // An empty value is found too: there is no other.
  return { start, end, quote: '' };
}

const UP_TO_QUOTE: Readonly<Record<string, RegExp>> = { '"': /[^"\n]*/y, "'": /[^'\n]*/y, '`': /[^`\n]*/y };

/**
 * Where a quoted text ends, and what comes next. A quote closes it that is escaped as the opening one is: in JSON written
 * into a text the opening quote has 1 backslash, or 3, or 7, and one within the value twice as many and one more. The end
 * of the line closes it too, since what was cut off has no closing quote.
 */
function closingQuote(text: string, start: number, quote: string, slashes: number): { end: number; next: number } {
  const upToQuote = UP_TO_QUOTE[quote];
  if (!upToQuote) {
    const end = text.indexOf(quote, start);
    return end === -1 ? { end: text.length, next: text.length } : { end, next: end + quote.length };
  }
  for (let from = start; ;) {
    const at = from + (matchAt(upToQuote, text, from)?.[0].length ?? 0);
    if (text[at] !== quote) return { end: at, next: at };
    let escape = at;
    while (escape > from && text[escape - 1] === '\\') escape -= 1;
    if (Math.floor((at - escape) / (slashes + 1)) % 2 === 0) {
      return { end: Math.max(escape, at - slashes), next: at + 1 };
    }
    from = at + 1;
  }
}

const BRACKET = /[{}[\]"]/g;

/** An object or a list of JSON. */
function containerValue(text: string, start: number, name: string): Assigned | null {
  if (text[start] !== '{' && text[start] !== '[') return null;
  const end = closingBracket(text, start);
  // Without its keys: what has no text left is made of numbers at most.
  const values = text.slice(start, end).replaceAll(/"[^"\\]*\\*"\s*:/g, '');
  const isEmpty = !values.includes('"') && !(hidesNumbers(name) && /\d/.test(values));
  return { start, end, quote: '', isEmpty };
}

function closingBracket(text: string, start: number): number {
  const bracket = new RegExp(BRACKET);
  bracket.lastIndex = start;
  let depth = 0;
  for (let hit = bracket.exec(text); hit; hit = bracket.exec(text)) {
    const at = hit.index;
    if (hit[0] === '"') {
      let escape = at;
      while (text[escape - 1] === '\\') escape -= 1;
      bracket.lastIndex = closingQuote(text, at + 1, '"', at - escape).next;
    } else {
      depth += hit[0] === '{' || hit[0] === '[' ? 1 : -1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}

const HEADER_PART = /[^"'`\r\n\\]*/y;
const SCHEME = /(?:basic|bearer|digest|token|negotiate|apikey)[ \t]+(?=[^\s"'`<>({])/iy;

/** The rest of the line, or of the text in quotes that it stands in. */
function headerValue(text: string, at: number): Assigned | null {
  const start = at + (matchAt(SCHEME, text, at)?.[0].length ?? 0);
  let end = start;
  for (;;) {
    end += matchAt(HEADER_PART, text, end)?.[0].length ?? 0;
    // A parameter in quotes belongs to the header: `sid="…"; path="/"`.
    const close = text[end] === '"' && text[end - 1] === '=' ? text.indexOf('"', end + 1) : -1;
    if (close === -1) break;
    end = close + 1;
  }
  return bounded(text, start, end);
}

const BARE = /[^\s"'`\\<>&;([{][^\s"'`\\<>&;]*/y;
/** No value, or the name of a type. */
const WORD = /^(?:true|false|null|none|nil|undefined|string|str|number|int|bool|boolean|any|unknown|object)$/i;
/** A shell's variable, what a template is filled with, or the rest of a URL. */
const REFERENCE = /^(?:\$[A-Z_][A-Z0-9_]*$|\$[({]|\/\/)/;
const NUMBER = /^[+-]?[\d.,_]*\d[km%]?$/i;

function bareValue(text: string, at: number, name: string): Assigned | null {
  const start = at + (matchAt(SCHEME, text, at)?.[0].length ?? 0);
  const bare = matchAt(BARE, text, start);
  const part = bare && bounded(text, start, start + bare[0].length);
  if (!part) return null;
  const value = text.slice(part.start, part.end);
  if (WORD.test(value) || REFERENCE.test(value)) return null;
  return NUMBER.test(value) && !hidesNumbers(name) ? null : part;
}

const OPENERS: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

/** Without the spaces and signs that end it, and the brackets that close what began before it; null where nothing is left. */
function bounded(text: string, start: number, end: number): Assigned | null {
  const value = text.slice(start, end).replaceAll(REDACTED, '');
  const foreign = Object.keys(OPENERS).filter((closer) => !value.includes(OPENERS[closer] ?? ''));
  const isOutside = (at: number) => ' \t,.:'.includes(text[at] ?? '') || foreign.includes(text[at] ?? '');
  let last = end;
  while (last > start && isOutside(last - 1) && !text.endsWith(REDACTED, last)) last -= 1;
  return last > start ? { start, end: last, quote: '' } : null;
}
