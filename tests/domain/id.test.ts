import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeId, decodeIdOf, encodeId, ID_PREFIXES, newId, uuidRange, type IdType } from '../../src/domain/id.js';

const TYPES = Object.keys(ID_PREFIXES) as IdType[];
const UUID = '01890a5d-ac96-774b-bcce-b302099a8057';

// Examples of the TypeID specification (its valid.json), with our prefixes.
const KNOWN = [
  ['00000000-0000-0000-0000-000000000000', '00000000000000000000000000'],
  ['00000000-0000-0000-0000-000000000001', '00000000000000000000000001'],
  ['00000000-0000-0000-0000-00000000000a', '0000000000000000000000000a'],
  ['00000000-0000-0000-0000-000000000010', '0000000000000000000000000g'],
  ['00000000-0000-0000-0000-000000000020', '00000000000000000000000010'],
  ['ffffffff-ffff-ffff-ffff-ffffffffffff', '7zzzzzzzzzzzzzzzzzzzzzzzzz'],
  ['0110c853-1d09-52d8-d73e-1194e95b5f19', '0123456789abcdefghjkmnpqrs'],
  ['01890a5d-ac96-774b-bcce-b302099a8057', '01h455vb4pex5vsknk084sn02q'],
] as const;

describe('a new id', () => {
  it('is a uuid of version 7', () => {
    expect(newId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('is greater than those before it, in both spellings', () => {
    const ids = Array.from({ length: 10_000 }, newId);
    expect([...ids].sort()).toEqual(ids);
    const texts = ids.map((id) => encodeId('Session', id));
    expect([...texts].sort()).toEqual(texts);
    expect(new Set(texts).size).toBe(ids.length);
  });
});

describe('a TypeID', () => {
  it('has the prefix of its type', () => {
    expect(TYPES.map((type) => encodeId(type, UUID).slice(0, 4)).join(' ')).toBe(
      'prj_ cnv_ run_ ses_ evt_ chk_ cmd_ sav_ hnd_ apr_ sig_ key_',
    );
  });

  it.each(KNOWN)('writes %s as %s', (uuid, digits) => {
    expect(encodeId('Event', uuid)).toBe(`evt_${digits}`);
    expect(decodeId(`evt_${digits}`)).toEqual({ type: 'Event', uuid });
  });

  it('tells type and uuid again, whatever they are', () => {
    fc.assert(
      fc.property(fc.constantFrom(...TYPES), fc.uuid(), (type, uuid) => {
        expect(decodeId(encodeId(type, uuid))).toEqual({ type, uuid });
      }),
    );
  });

  it('has one spelling: what decodes is what encodes', () => {
    const digits = fc.array(fc.constantFrom(...Array.from('0123456789abcdefghijklmnopqrstuvwxyz')), {
      minLength: 26,
      maxLength: 26,
    });
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(ID_PREFIXES)), digits, (prefix, characters) => {
        const text = `${prefix}_${characters.join('')}`;
        const id = decodeId(text);
        if (id) expect(encodeId(id.type, id.uuid)).toBe(text);
        else expect(text).toMatch(/_(?:[^0-7]|.*[ilou])/);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['nothing', ''],
    ['a prefix alone', 'ses_'],
    ['U+0000', 'ses_\u0000'],
    ['U+0000 after the end', 'ses_01h455vb4pex5vsknk084sn02q\u0000'],
    ['a line break after the end', 'ses_01h455vb4pex5vsknk084sn02q\n'],
    ['a space before', ' ses_01h455vb4pex5vsknk084sn02q'],
    ['capital digits', 'ses_01H455VB4PEX5VSKNK084SN02Q'],
    ['a capital prefix', 'SES_01h455vb4pex5vsknk084sn02q'],
    ['an unknown prefix', 'xyz_01h455vb4pex5vsknk084sn02q'],
    ['a name of every object', 'constructor_01h455vb4pex5vsknk084sn02q'],
    ['no prefix', '01h455vb4pex5vsknk084sn02q'],
    ['25 digits', 'ses_01h455vb4pex5vsknk084sn02'],
    ['27 digits', 'ses_01h455vb4pex5vsknk084sn02qq'],
    ['more than 128 bits', 'ses_81h455vb4pex5vsknk084sn02q'],
    ['a letter that base32 leaves out', 'ses_01h455vb4pex5vsknk084sn02u'],
    ['a hyphen for the underscore', 'ses-01h455vb4pex5vsknk084sn02q'],
    ['the uuid itself', UUID],
  ])('is not %s', (_, text) => {
    expect(decodeId(text)).toBeNull();
  });

  it('is unknown where another type is asked for', () => {
    for (const type of TYPES) {
      for (const other of TYPES) {
        expect(decodeIdOf(other, encodeId(type, UUID))).toBe(other === type ? UUID : null);
      }
    }
    expect(decodeIdOf('Session', 'nonsense')).toBeNull();
  });
});

describe('the range of uuids whose ids begin with a text', () => {
  it('holds exactly those', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), fc.integer({ min: 4, max: 30 }), (one, other, length) => {
        const start = encodeId('Session', one).slice(0, length);
        const range = uuidRange('Session', start);
        const isWithin = (uuid: string) => range !== null && range.gte <= uuid && uuid <= range.lte;
        expect(isWithin(one)).toBe(true);
        expect(isWithin(other)).toBe(encodeId('Session', other).startsWith(start));
      }),
    );
  });

  it.each(['', 'ses', 'evt_', 'ses_8', 'ses_01u', 'SES_0', `${encodeId('Session', UUID)}0`])(
    'is none for %j',
    (text) => {
      expect(uuidRange('Session', text)).toBeNull();
    },
  );
});
