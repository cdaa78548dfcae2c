// What is too much, too long or cannot be kept is refused before any transaction begins, and all that is wrong with a call
// is said at once. Text is counted in code points. PostgreSQL holds neither U+0000 nor half a surrogate pair, so no text
// may; names, handles and keys besides are not empty and hold no control characters, since they are typed and printed.
// Every check takes an absent value for right: what must be there is the schema's to say.
import { ValidationError, type Issue } from './errors.js';
import { instanceTypeOf } from './session.js';

export const NAME_MAX_CHARACTERS = 128;
export const KEY_MAX_CHARACTERS = 200;
export const TITLE_MAX_CHARACTERS = 512;
export const NOTE_MAX_CHARACTERS = 4096;
/** For the summaries that models write of a whole context. */
export const SUMMARY_MAX_CHARACTERS = 65_536;
export const TEXTS_MAX_PER_LIST = 1000;

export const JSON_MAX_BYTES = 256 * 1024;
/** For `workState` and the saved state's documents. */
export const DOCUMENT_MAX_BYTES = 4 * 1024 * 1024;
export const REQUEST_MAX_BYTES = 8 * 1024 * 1024;
/** PostgreSQL's parser and ours descend once per level; no honest document comes near. */
export const JSON_MAX_DEPTH = 100;

export const EVENTS_MAX_PER_CALL = 500;
export const COMMANDS_MAX_PER_CALL = 500;
export const HEARTBEATS_MAX_PER_CALL = 1000;
export const NODES_MAX_PER_CALL = 500;

/** As many sessions of a chain are counted before anything is read. */
export const CHAIN_COUNTED = 50;

export const PAGE_DEFAULT_SIZE = 50;
export const PAGE_MAX_SIZE = 500;

/** How far a caller's clock may run ahead of ours before its "now" is taken for a time to come. */
export const CLOCK_SKEW_MAX_MS = 5000;
/** The years that RFC 3339, JavaScript and PostgreSQL all write alike. */
export const EARLIEST_INSTANT = new Date('0001-01-01T00:00:00.000Z');
export const LATEST_INSTANT = new Date('9999-12-31T23:59:59.999Z');

// A call of 500 events could have thousands of faults; an answer that somebody reads has a few.
const ISSUES_MAX = 20;

// U+0000 has a message of its own.
const CONTROL_CHARACTER = /(?!\0)\p{Cc}/u;

type Absent = null | undefined;

/** Collects what is wrong with a call; a `path` leads from the input to the fault: `events.3.name`. */
export class Issues {
  readonly #found: Issue[] = [];

  /** `message` goes on from the path: "must not be empty". Of very many issues the first are kept. */
  add(path: string, message: string): void {
    if (this.#found.length < ISSUES_MAX) this.#found.push({ path, message });
  }

  get isEmpty(): boolean {
    return this.#found.length === 0;
  }

  /** With all that was added; null where nothing was. */
  get error(): ValidationError | null {
    return this.isEmpty ? null : new ValidationError({ issues: this.#found });
  }

  /** @throws ValidationError with all that was added, where anything was. */
  throwIfAny(): void {
    const { error } = this;
    if (error) throw error;
  }
}

/** What PostgreSQL could not keep of a text, as the part of a sentence that follows "must not hold "; null where all is well. */
export function unstorable(text: string): string | null {
  if (text.includes('\0')) return 'U+0000';
  return text.isWellFormed() ? null : 'half a surrogate pair';
}

function checkText(issues: Issues, path: string, text: string | Absent, maxCharacters: number): void {
  if (typeof text !== 'string') return;
  const foreign = unstorable(text);
  if (foreign) issues.add(path, `must not hold ${foreign}`);
  // A code point has one or two units: only between the bounds is it worth counting.
  const { length } = text;
  if (length > maxCharacters && (length > 2 * maxCharacters || Array.from(text).length > maxCharacters)) {
    issues.add(path, `must have at most ${maxCharacters} characters`);
  }
}

function checkWord(issues: Issues, path: string, text: string | Absent, maxCharacters: number): void {
  checkText(issues, path, text, maxCharacters);
  if (text === '') issues.add(path, 'must not be empty');
  else if (text && CONTROL_CHARACTER.test(text)) issues.add(path, 'must not hold control characters');
}

/** A name or a handle: 1 to 128 characters, no control characters. */
export function checkName(issues: Issues, path: string, text: string | Absent): void {
  checkWord(issues, path, text, NAME_MAX_CHARACTERS);
}

/** A key that makes a call repeatable: 1 to 200 characters, no control characters. */
export function checkKey(issues: Issues, path: string, text: string | Absent): void {
  checkWord(issues, path, text, KEY_MAX_CHARACTERS);
}

/** A title, or a word of like length: up to 512 characters of any kind. */
export function checkTitle(issues: Issues, path: string, text: string | Absent): void {
  checkText(issues, path, text, TITLE_MAX_CHARACTERS);
}

/** A note, a description or a path of the file system: up to 4,096 characters of any kind. */
export function checkNote(issues: Issues, path: string, text: string | Absent): void {
  checkText(issues, path, text, NOTE_MAX_CHARACTERS);
}

/** A summary: up to 65,536 characters of any kind. */
export function checkSummary(issues: Issues, path: string, text: string | Absent): void {
  checkText(issues, path, text, SUMMARY_MAX_CHARACTERS);
}

/** A list of notes: up to 1,000 of them. */
export function checkTexts(issues: Issues, path: string, texts: readonly string[] | Absent): void {
  if (!texts) return;
  if (texts.length > TEXTS_MAX_PER_LIST) issues.add(path, `must have at most ${TEXTS_MAX_PER_LIST} entries`);
  else for (const [index, text] of texts.entries()) checkNote(issues, `${path}.${index}`, text);
}

/** An instance id: `<name>-(PS|MS)-<6 of a-z0-9>`, up to 128 characters. */
export function checkInstanceId(issues: Issues, path: string, text: string | Absent): void {
  if (typeof text !== 'string') return;
  if (text.length > NAME_MAX_CHARACTERS) issues.add(path, `must have at most ${NAME_MAX_CHARACTERS} characters`);
  else if (!instanceTypeOf(text)) issues.add(path, 'must be <name>-PS-<6 of a-z0-9> or <name>-MS-<6 of a-z0-9>');
}

/** A number from `min` to `max`, both of them included; NaN is none. */
export function checkRange(issues: Issues, path: string, value: number | Absent, min: number, max: number): void {
  if (typeof value === 'number' && !(value >= min && value <= max)) issues.add(path, `must be from ${min} to ${max}`);
}

/** The length of a list: 1 to `max`. */
export function checkCount(issues: Issues, path: string, list: readonly unknown[] | Absent, max: number): void {
  if (list && (list.length < 1 || list.length > max)) {
    issues.add(path, `must have from 1 to ${max} entries, not ${list.length}`);
  }
}

/** A time that can be kept. */
export function checkInstant(issues: Issues, path: string, instant: Date | Absent): void {
  if (instant && !(instant >= EARLIEST_INSTANT && instant <= LATEST_INSTANT)) {
    issues.add(path, 'must be a time of the years 0001 to 9999');
  }
}

/**
 * A time that can be kept and is not to come. What lies ahead by no more than CLOCK_SKEW_MAX_MS is let through: whoever
 * stores it takes the earlier of it and the database's own now.
 */
export function checkPast(issues: Issues, path: string, instant: Date | Absent, now: Date): void {
  checkInstant(issues, path, instant);
  if (instant && instant.getTime() > now.getTime() + CLOCK_SKEW_MAX_MS) issues.add(path, 'must not be later than now');
}
