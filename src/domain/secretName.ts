// A name tells that its value is secret where it speaks of a password, a secret, a token, an API key, an authorization, a
// cookie or a private key, in any case and with any separator. A number under a name that speaks of tokens alone is a
// count of them, and no secret. A path is no name: what it leads to is a file.

const WORDS_BUT_TOKEN = [
  'pass[^a-z0-9]?w(?:or)?d',
  'pass[^a-z0-9]?phrase',
  'secret(?!ar[iy]|ion|ing)',
  'api[^a-z0-9]{0,2}key',
  'authorization',
  'cookie(?!cutter)',
  'private[^a-z0-9]{0,2}key',
].join('|');

/** The words that make a name secret; to be searched for without regard to case. */
export const SECRET_WORD = `${WORDS_BUT_TOKEN}|token(?!i[sz])`;

const SECRET = new RegExp(SECRET_WORD, 'i');
const SECRET_BUT_TOKEN = new RegExp(WORDS_BUT_TOKEN, 'i');
const PATH_SEPARATOR = /[/\\]/;
const NAME_MAX_LENGTH = 128;

/** Whether the value of that name is secret. */
export function isSecretName(name: string): boolean {
  return name.length <= NAME_MAX_LENGTH && SECRET.test(name) && !PATH_SEPARATOR.test(name);
}

/** Whether a number under that secret name is one all the same. */
export function hidesNumbers(name: string): boolean {
  return SECRET_BUT_TOKEN.test(name);
}
