import { InvalidArgumentError } from 'commander';

/** A whole number from 0, as commander wants a parser to be. */
export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number.');
}

/** A time, as RFC 3339 in UTC: of a date alone, its beginning. */
export function instant(text: string): string {
  const at = new Date(text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(at.getTime())) return at.toISOString();
  throw new InvalidArgumentError('It is a time such as 2026-01-31 or 2026-01-31T12:00:00Z.');
}

/** A flag that may be given several times: all that was given. */
export function several(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** As `several`, of these words, in upper or lower case; one flag may give several, apart by commas. */
export function wordsOf<Word extends string>(words: readonly Word[]) {
  return (text: string, before: readonly Word[] = []): Word[] => {
    const given = text.split(',').map((part) => words.find((word) => word === part.trim().toUpperCase()));
    const known = given.filter((word) => word !== undefined);
    if (known.length < given.length) throw new InvalidArgumentError(`It is one of ${words.join(', ')}.`);
    return [...before, ...known];
  };
}
