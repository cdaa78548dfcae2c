import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clipped, fitted, fittedValue, oneLine, parseStorable, storableName } from '../../src/import/storable.js';

const LIMIT = 256 * 1024;
const jsonBytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

describe('parseStorable', () => {
  it('puts U+FFFD in place of U+0000 and of half a surrogate pair, in values and keys', () => {
    expect(parseStorable('{"a\\u0000":["\\ud83d","x\\uDE00"],"b":"\\ud83d\\ude00"}')).toEqual({
      'a\uFFFD': ['\uFFFD', 'x\uFFFD'],
      b: '😀',
    });
  });

  it('leaves every other JSON as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'grapheme' }), (json) => {
        const value = parseStorable(json);
        if (!json.includes('\\u0000')) expect(value).toEqual(JSON.parse(json));
      }),
    );
  });

  it('keeps __proto__ as a key like any other', () => {
    const value = parseStorable('{"__proto__":{"polluted":"\\u0000"}}') as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect('polluted' in value).toBe(false);
  });
});

describe('fitted', () => {
  it('leaves data alone that the service takes', () => {
    const data = { text: 'x'.repeat(LIMIT - 2048) };
    expect(fitted(data, 'text')).toBe(data);
  });

  it.each([
    ['a text', 'é'.repeat(LIMIT)],
    ['a text of escapes', '\u0001'.repeat(LIMIT)],
    ['a text of surrogate pairs, cut in one', `x${'😀'.repeat(LIMIT)}`],
    ['a list', Array.from({ length: 100_000 }, (_, index) => ({ index }))],
  ])('tells an excerpt of %s that is too large, and how large it was', (_, heavy) => {
    const data = fitted({ id: 'kept', heavy }, 'heavy');
    expect(data).toMatchObject({ id: 'kept', truncated: true, originalBytes: jsonBytes(heavy) });
    expect(jsonBytes(data)).toBeLessThan(LIMIT);
    expect(data.heavy).not.toMatch(/\p{Surrogate}/u);
    const told = String(data.heavy).replace(/\uFFFD$/, '');
    expect(told.length).toBeGreaterThan(1000);
    expect(typeof heavy === 'string' ? heavy : JSON.stringify(heavy)).toContain(told);
  });

  it('leaves out what lies too deep to be stored', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`);
    expect(fitted({ id: 'kept', deep }, 'deep')).toEqual({
      id: 'kept',
      deep: null,
      truncated: true,
      originalBytes: null,
    });
  });
});

describe('fittedValue', () => {
  it.each([null, 'x'.repeat(LIMIT - 2048), { list: [1, 2] }])(
    'leaves a value alone that the service takes',
    (value) => {
      expect(fittedValue(value)).toBe(value);
    },
  );

  it('tells an excerpt of one that is too large, and nothing of one that lies too deep', () => {
    const large = 'x'.repeat(LIMIT);
    const told = fittedValue(large) as { excerpt: string };
    expect(told).toMatchObject({ truncated: true, originalBytes: jsonBytes(large) });
    expect(large.startsWith(told.excerpt)).toBe(true);
    const deep: unknown = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`);
    expect(fittedValue(deep)).toEqual({ excerpt: null, truncated: true, originalBytes: null });
  });
});

describe('names and titles', () => {
  it('makes one line of a name, of at most 128 code points', () => {
    expect(storableName(' a\nb ')).toBe('a b');
    expect(storableName('😀'.repeat(200))).toBe('😀'.repeat(128));
    expect(storableName('\t')).toBeNull();
  });

  it('makes one line of a text, whatever it is broken by', () => {
    expect(oneLine(' a\r\n\tb\u2028c\0 ', 5)).toBe('a b c');
  });

  it('clips between code points', () => {
    expect(clipped('a😀b', 2)).toBe('a😀');
    expect(clipped('abc', 3)).toBe('abc');
  });
});
