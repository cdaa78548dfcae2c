// Inside, an id is a uuid of version 7, so that rows lie in the order of their making. Outside it is a TypeID: the
// three letters of its type, an underscore, and the 128 bits as 26 characters of Crockford's base32, lower case. One id
// has exactly one spelling: whatever else arrives is no id, and says nothing about why.
import { v7 } from 'uuid';

export const ID_PREFIXES = {
  Project: 'prj',
  Conversation: 'cnv',
  Run: 'run',
  Session: 'ses',
  Event: 'evt',
  Checkpoint: 'chk',
  Command: 'cmd',
  SavedState: 'sav',
  Handoff: 'hnd',
  Approval: 'apr',
  Signal: 'sig',
  ApiKey: 'key',
} as const;

export type IdType = keyof typeof ID_PREFIXES;

const TYPES = new Map(Object.entries(ID_PREFIXES).map(([type, prefix]) => [prefix as string, type as IdType]));
const TYPE_ID_LENGTH = 30;

const ALPHABET = Array.from('0123456789abcdefghjkmnpqrstvwxyz');
// Ten bits at a time: a uuid is 8 bits and six times 20, which are five hex digits and four characters alike.
const PAIRS = ALPHABET.flatMap((high) => ALPHABET.map((low) => high + low));
/** Of what is none of the alphabet: a sixth bit. */
const FOREIGN = 32;
/** By the codes of the characters. */
const VALUES = new Uint8Array(128).fill(FOREIGN);
for (const [value, character] of ALPHABET.entries()) VALUES[character.charCodeAt(0)] = value;

const HEX = Uint8Array.from({ length: 128 }, (_, code) => parseInt(String.fromCharCode(code), 16) || 0);
const HEX_DIGITS = Buffer.from('0123456789abcdef');
// Where the digits of a uuid stand among its hyphens.
const uuidDigits = Buffer.from('xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx');
const DIGITS_AT = Array.from(uuidDigits.toString(), (mark, at) => (mark === 'x' ? at : [])).flat();

const RANDOM_BYTES = 16;
// The system is asked for the bytes of many ids at once: asking costs more than to make an id.
const pool = new Uint8Array(256 * RANDOM_BYTES);
let used = pool.length;
/** Of the newest id: its milliseconds, and its place among those of one millisecond, which begins anywhere. */
let msecs = -Infinity;
let seq = 0;

/** A new uuid, greater than every one that this process made before. */
export function newId(): string {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  const random = pool.subarray(used, (used += RANDOM_BYTES));
  const now = Date.now();
  if (now > msecs) {
    msecs = now;
    // In its lower half, so that there is room above it.
    seq = new DataView(random.buffer, random.byteOffset).getUint32(6) & 0x7fffffff;
  } else {
    seq = (seq + 1) | 0;
    if (seq === 0) msecs += 1;
  }
  return v7({ random, msecs, seq });
}

/** The TypeID of a uuid as PostgreSQL writes it (hyphens, hex digits). */
export function encodeId(type: IdType, uuid: string): string {
  // Digit by digit, since every row that is told has ids: cutting texts out and parsing them takes four times as long.
  const bitsOf = (from: number, to: number): number => {
    let bits = 0;
    for (let index = from; index < to; index++) bits = (bits << 4) | (HEX[uuid.charCodeAt(DIGITS_AT[index] ?? 0)] ?? 0);
    return bits;
  };
  let text = `${ID_PREFIXES[type]}_${PAIRS[bitsOf(0, 2)]}`;
  for (let from = 2; from < 32; from += 5) {
    const bits = bitsOf(from, from + 5);
    text += `${PAIRS[bits >> 10]}${PAIRS[bits & 1023]}`;
  }
  return text;
}

/** Type and uuid of a TypeID, or null for any text that `encodeId` does not write. */
export function decodeId(text: string): { type: IdType; uuid: string } | null {
  const type = text.length === TYPE_ID_LENGTH && text[3] === '_' ? TYPES.get(text.slice(0, 3)) : undefined;
  if (!type) return null;
  // The first character carries the top three bits only: 26 × 5 = 130.
  let value = VALUES[text.charCodeAt(4)] ?? FOREIGN;
  if (value > 7) return null;
  let [count, digit, all] = [3, 0, 0];
  for (let at = 5; at < TYPE_ID_LENGTH; at++) {
    const five = VALUES[text.charCodeAt(at)] ?? FOREIGN;
    all |= five;
    value = (value << 5) | five;
    for (count += 5; count >= 4; count -= 4) {
      uuidDigits[DIGITS_AT[digit++] ?? 0] = HEX_DIGITS[(value >> (count - 4)) & 15] ?? 0;
    }
  }
  return all < FOREIGN ? { type, uuid: uuidDigits.toString('latin1') } : null;
}

/** The uuid of a TypeID of this very type, or null: malformed and of another type are the same to a caller. */
export function decodeIdOf(type: IdType, text: string): string | null {
  const id = decodeId(text);
  return id?.type === type ? id.uuid : null;
}

/** The first and the last uuid whose TypeIDs of this type begin with a text; null where none can. */
export function uuidRange(type: IdType, text: string): { gte: string; lte: string } | null {
  const start = `${ID_PREFIXES[type]}_`;
  const length = start.length + 26;
  const gte = decodeIdOf(type, text.padEnd(length, '0'));
  const lte = decodeIdOf(type, (text === start ? `${text}7` : text).padEnd(length, 'z'));
  return gte === null || lte === null ? null : { gte, lte };
}
