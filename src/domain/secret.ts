// What is secret shows by its shape, wherever in a text it stands: the block of a private key, even one that is cut off; the
// password in a URL; a bearer token; a JSON web token; a key with its maker's prefix, from the length that real ones have,
// so that words which merely begin alike stay. Every search takes time in proportion to the text, whatever the text: what
// was looked at in vain is not looked at again, but for a bounded part.

/** What stands in the place of a secret. */
export const REDACTED = '[REDACTED]';

/** A part of a text: from `start`, without `end`. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/** The parts of a text that are secret by their shape; they may overlap. */
export function secretShapes(text: string): Part[] {
  return [...tokens(text), ...urlPasswords(text), ...privateKeys(text)];
}

// Where a word begins, after an escaped character too.
const WORD_START = String.raw`(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt]|\\u[\dA-Fa-f]{4}|%[\dA-Fa-f]{2}))`;

interface Shape {
  /** What could be one: the last group, at the end of the match, else the match. */
  readonly pattern: RegExp;
  readonly isSecret?: (candidate: string) => boolean;
}

const SHAPES: readonly Shape[] = [
  {
    pattern:
      /(?:gh[oprsu]_[A-Za-z0-9]{36}|github_pat_\w{36}|glpat-[\w-]{20}|A[KS]IA[A-Z0-9]{16}|llk_[0-9a-z]{26}_[\w-]{43})[\w-]*/g,
  },
  { pattern: new RegExp(String.raw`${WORD_START}AIza[\w-]{35,}`, 'g') },
  { pattern: new RegExp(String.raw`${WORD_START}sk-[\w-]{20,}`, 'g'), isSecret: isMixed },
  { pattern: /xox[a-z]-[\w-]{10,}(?:%(?:2[BF]|3D)[\w-]*){0,64}/g, isSecret: (candidate) => /\d/.test(candidate) },
  // Whatever could belong to one, so that no failure at its end makes the search begin anew within it.
  { pattern: /eyJ[\w.-]*[\w-]/g, isSecret: isWebToken },
  {
    pattern: /bearer(?:[ \t]+|%20|\+)([\w.~+/=-]+)/gi,
    isSecret: (candidate) => /^(?=.*\d).{8}|[A-Za-z0-9]{20}/.test(candidate),
  },
];

/** Whether it is more than words with hyphens between them. */
function isMixed(candidate: string): boolean {
  return /[A-Za-z0-9]{16}/.test(candidate) || (/\d/.test(candidate) && /[A-Z]/.test(candidate));
}

/** Header and payload at least; a base64 text of JSON alone is none. */
function isWebToken(candidate: string): boolean {
  const parts = candidate.split('.');
  return parts.some((part, index) => part.length > 10 && part.includes('eyJ') && (parts[index + 1]?.length ?? 0) >= 8);
}

/** What each of the shapes of tokens has in it: most texts have nothing of it, and are looked through once. */
export const SHAPE_MARK = /gh[oprsu]_|github_pat_|glpat-|a[ks]ia|llk_|aiza|sk-|xox|eyj|bearer/i;
/** No shape is shorter. */
const SHAPE_MIN_LENGTH = 15;

function tokens(text: string): Part[] {
  if (text.length < SHAPE_MIN_LENGTH || !SHAPE_MARK.test(text)) return [];
  return SHAPES.flatMap(({ pattern, isSecret = () => true }) => {
    const found: Part[] = [];
    const search = new RegExp(pattern);
    for (let hit = search.exec(text); hit; hit = search.exec(text)) {
      const [match, candidate = match] = hit;
      const end = search.lastIndex;
      if (isSecret(candidate)) found.push({ start: end - candidate.length, end });
      // What follows a word may be that word again: `bearer bearer …`.
      else if (candidate !== match) search.lastIndex = end - candidate.length;
    }
    return found;
  });
}

// Slashes may be escaped, as some writers of JSON do.
const AUTHORITY = /:\\*\/\\*\/([^\s/?#"'`<>\\]*)/g;
/** How far beyond its authority a URL is looked through for the end of a password that should have been encoded. */
const RAW_PASSWORD = /[/?#][^\s"'`<>\\@]{0,256}(?=@)/y;

/** `scheme://user:password@host`: the password. */
function urlPasswords(text: string): Part[] {
  if (!text.includes('@')) return [];
  return Array.from(text.matchAll(AUTHORITY)).flatMap(({ 0: match, 1: authority = '', index }) => {
    const end = index + match.length;
    const begin = end - authority.length;
    const colon = authority.indexOf(':');
    const at = authority.lastIndexOf('@');
    if (colon === -1 || authority.startsWith('[')) return [];
    const start = begin + colon + 1;
    if (at > colon) return [{ start, end: begin + at }];
    if (at !== -1 || /^\d*$/.test(authority.slice(colon + 1))) return [];
    const rest = matchAt(RAW_PASSWORD, text, end);
    return rest ? [{ start, end: end + rest[0].length }] : [];
  });
}

// What was taken out is a border too: none reaches across it to another.
const KEY_BORDER = /-{4,5} ?(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}|\[REDACTED\]/g;
/** The largest keys in use have an eighth of it. */
const KEY_MAX_LENGTH = 64 * 1024;
/** What surrounds a key in a text but is in none. */
const NO_KEY = /["'`<>{}[\]()]/;
const KEY_MATERIAL = /[A-Za-z0-9+/]{24}/;

/** From border to border; where one of the two is missing, as far as it may reach. */
function privateKeys(text: string): Part[] {
  if (!text.includes('PRIVATE KEY')) return [];
  const borders: Border[] = Array.from(text.matchAll(KEY_BORDER), ({ 0: match, 1: kind, index }) => ({
    kind,
    start: index,
    end: index + match.length,
  }));
  const isWhole = (from?: Border, to?: Border) =>
    from?.kind === 'BEGIN' && to?.kind === 'END' && to.start - from.end <= KEY_MAX_LENGTH;
  return borders.flatMap((border, index) => {
    const { kind, start, end } = border;
    const [before, after] = [borders[index - 1], borders[index + 1]];
    if (isWhole(border, after)) return [{ start, end: after?.end ?? end }];
    if (kind === 'BEGIN') {
      const [body = ''] = text.slice(end, Math.min(after?.start ?? text.length, end + KEY_MAX_LENGTH)).split(NO_KEY, 1);
      return KEY_MATERIAL.test(body) ? [{ start, end: end + body.length }] : [];
    }
    if (kind !== 'END' || isWhole(before, border)) return [];
    const body =
      text
        .slice(Math.max(before?.end ?? 0, start - KEY_MAX_LENGTH), start)
        .split(NO_KEY)
        .at(-1) ?? '';
    return KEY_MATERIAL.test(body) ? [{ start: start - body.length, end }] : [];
  });
}

interface Border extends Part {
  /** Undefined where something was taken out. */
  readonly kind: string | undefined;
}

/** What a sticky pattern finds at this very place. */
export function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
