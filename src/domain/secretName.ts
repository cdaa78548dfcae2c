// A name tells that its value is secret where it speaks of a password, a secret, a token, an API key, an authorization, a
// cookie or a private key, in any case and with any separator. A number under a name that speaks of tokens alone is a
// count of them, and no secret. A path is no name: what it leads to is a file.

/** `upTo` says what may stand between two words that are one name: at most so many signs. */
const words = (upTo: (signs: number) => string): string =>
  [
    `pass${upTo(1)}w(?:or)?d`,
    `pass${upTo(1)}phrase`,
    'secret(?!ar[iy]|ion|ing)',
    `api${upTo(2)}key`,
    'authorization',
    'cookie(?!cutter)',
    `private${upTo(2)}key`,
  ].join('|');

const WORDS_BUT_TOKEN = words((signs) => `[^a-z0-9]{0,${signs}}`);
const TOKEN = 'token(?!i[sz])';

/** The words that make a name secret; to be searched for without regard to case. */
export const SECRET_WORD = `${WORDS_BUT_TOKEN}|${TOKEN}`;

/** How long JSON writes a sign at most, as in `\u000b`. */
const ESCAPE_MAX_LENGTH = 6;

/** Found in a JSON text wherever one of them is in a name or a text that it has been written from, and seldom elsewhere. */
export const WRITTEN_SECRET_WORD = new RegExp(
  `${words((signs) => `[^]{0,${signs * ESCAPE_MAX_LENGTH}}`)}|${TOKEN}`,
  'i',
);

const SECRET = new RegExp(SECRET_WORD, 'i');
const SECRET_BUT_TOKEN = new RegExp(WORDS_BUT_TOKEN, 'i');
const PATH_SEPARATOR = /[/\\]/;
const NAME_MAX_LENGTH = 128;

/** Whether the value of that name is secret. */
export function isSecretName(name: string): boolean {
  return name.length <= NAME_MAX_LENGTH && SECRET.test(name) && !PATH_SEPARATOR.test(name);
}

/** Whether one of the words is anywhere in a text: in most there is none. */
export function hasSecretWord(text: string): boolean {
  return SECRET.test(text);
}

/** Whether a number under that secret name is one all the same. */
export function hidesNumbers(name: string): boolean {
  return SECRET_BUT_TOKEN.test(name);
}
