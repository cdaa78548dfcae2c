import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bearerToken, idOfKey, keyOf } from '../../src/domain/apiKey.js';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const RANDOM = 'A-Za_z09'.repeat(6).slice(0, 43);
const KEY = `llk_01h455vb4pex5vsknk084sn02q_${RANDOM}`;

describe('a key', () => {
  it('has its prefix, the id of its row and its secret', () => {
    expect(keyOf(ID, RANDOM)).toBe(KEY);
    expect(idOfKey(KEY)).toBe(ID);
  });

  it('tells the id of every row', () => {
    fc.assert(fc.property(fc.uuid(), (id) => idOfKey(keyOf(id, RANDOM)) === id));
  });

  it.each([
    ['', 'nothing'],
    ['llk_', 'a prefix'],
    [KEY.slice(0, -1), 'a key without its last character'],
    [`${KEY}A`, 'one with a character too many'],
    [KEY.replace('llk', 'key'), 'another prefix'],
    [KEY.toUpperCase(), 'capitals'],
    [KEY.replace('01h4', '91h4'), 'an id of more than 128 bits'],
    [KEY.replace('01h4', '01l4'), 'an id with a letter that is none'],
    [` ${KEY}`, 'a space'],
    [`${KEY}\n`, 'a line'],
  ])('is not %j: %s', (text) => expect(idOfKey(text)).toBeNull());
});

describe('a bearer token', () => {
  it.each([`Bearer ${KEY}`, `bearer ${KEY}`, `BEARER   ${KEY} `])('stands in %j', (text) => {
    expect(bearerToken(text)).toBe(KEY);
  });

  it.each([undefined, null, 1, [`Bearer ${KEY}`], '', KEY, 'Bearer', 'Bearer ', `Basic ${KEY}`, `Bearer ${KEY} more`])(
    'does not stand in %j',
    (text) => expect(bearerToken(text)).toBeNull(),
  );
});
