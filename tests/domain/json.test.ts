import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PayloadTooLargeError } from '../../src/domain/errors.js';
import { asRead, checkDocument, checkJson, type JsonShape } from '../../src/domain/json.js';
import { Issues } from '../../src/domain/limits.js';
import { issuesOf } from '../support/complaint.js';

function complaintOf(value: unknown, shape: JsonShape = 'any', limitBytes = 1024): string | undefined {
  const [issue, ...more] = issuesOf((issues) => checkJson(issues, 'data', value, { limitBytes, shape }));
  expect(more).toEqual([]);
  return issue && `${issue.path} ${issue.message}`;
}

describe('the shape of JSON', () => {
  const values = { object: { a: 1 }, list: [1], text: 'a', number: 1, boolean: false };

  it.each([
    ['object', ['object']],
    ['list', ['list']],
    ['any', ['object', 'list', 'text', 'number', 'boolean']],
  ] as const)('%s takes %j alone', (shape, taken) => {
    const kinds = Object.entries(values).filter(([, value]) => complaintOf(value, shape) === undefined);
    expect(kinds.map(([kind]) => kind)).toEqual(taken);
  });

  it('is said where it is wrong', () => {
    expect(complaintOf([], 'object')).toBe('data must be a JSON object');
    expect(complaintOf({}, 'list')).toBe('data must be a list');
  });

  it.each(['object', 'list', 'any'] as const)('%s takes absence for right', (shape) => {
    expect(complaintOf(undefined, shape)).toBeUndefined();
    expect(complaintOf(null, shape)).toBeUndefined();
  });
});

describe('the size of JSON', () => {
  const size = (value: unknown, limitBytes: number, shape: JsonShape = 'any') =>
    checkJson(new Issues(), 'data', value, { limitBytes, shape });

  it('is that of its UTF-8 text', () => {
    expect(size({ a: 'é😀' }, 1024)).toBe('{"a":""}'.length + 2 + 4);
    expect(size(null, 1024)).toBe(4);
    expect(size(null, 1024, 'object')).toBe(0);
    expect(size(undefined, 1024)).toBe(0);
  });

  it('may be the limit and not a byte more', () => {
    expect(size({ a: 'xx' }, 10)).toBe(10);
    const error = (() => {
      try {
        size({ a: 'xxx' }, 10);
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error).toMatchObject({ extensions: { path: 'data', limitBytes: 10, actualBytes: 11 } });
  });

  it('is found with the text, which is null where there is no value or a fault', () => {
    const text = (value: unknown, shape: JsonShape = 'any') =>
      checkDocument(new Issues(), 'data', value, { limitBytes: 1024, shape });
    expect(text({ b: ['é'], a: -0 })).toBe('{"b":["é"],"a":0}');
    expect(text('\n\u001b')).toBe(String.raw`"\n\u001b"`);
    expect([text(null), text(null, 'object'), text(undefined), text([], 'object'), text({ a: '\0' })]).toEqual([
      'null',
      null,
      null,
      null,
      null,
    ]);
  });

  it('agrees with the serialised text for any value that can be kept', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme', maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('\\u0000'));
        expect(size(value, 1e9)).toBe(Buffer.from(text, 'utf8').length);
      }),
    );
  });
});

describe('the content of JSON', () => {
  it.each([
    ['a text', 'x\0y'],
    ['a value', { a: 'x\0y' }],
    ['a key', { 'x\0y': 1 }],
    ['the depth', { a: [{ b: ['\0'] }] }],
  ])('holds no U+0000 in %s', (_, value) => {
    expect(complaintOf(value)).toBe('data must not hold U+0000 in any text or key');
  });

  it.each([
    ['a high half', { a: '\ud800' }],
    ['a low half', ['\udc00x']],
    ['halves in the wrong order', { a: '\udc00\ud800' }],
    ['a key', { 'a\ud83d': 1 }],
  ])('holds no half of a surrogate pair: %s', (_, value) => {
    expect(complaintOf(value)).toBe('data must not hold half a surrogate pair in any text or key');
  });

  it('holds whole pairs, escapes that are mere text, and keys of every object', () => {
    const value: unknown = JSON.parse(
      '{"__proto__":{"polluted":"😀"},"constructor":{"prototype":1},"toString":"x","a":"\\\\u0000","":null}',
    );
    expect(complaintOf(value)).toBeUndefined();
  });

  it('looks into __proto__ where it is a key', () => {
    expect(complaintOf(JSON.parse('{"__proto__":{"a":"\\u0000"}}'))).toContain('U+0000');
  });

  it('holds no number that JSON cannot write', () => {
    expect(complaintOf(JSON.parse('{"a":[1e999]}'))).toBe('data must hold finite numbers only');
    expect(complaintOf(JSON.parse('[-1e308, 0, -0, 5e-324]'))).toBeUndefined();
  });

  it.each([
    ['objects', '{"a":', '}'],
    ['lists', '[', ']'],
  ])('nests %s at most 100 levels deep', (_, open, close) => {
    const nested = (levels: number): unknown => JSON.parse(`${open.repeat(levels)}1${close.repeat(levels)}`);
    expect(complaintOf(nested(100))).toBeUndefined();
    expect(complaintOf(nested(101))).toBe('data must not be nested deeper than 100 levels');
    expect(complaintOf(nested(10_000))).toBe('data must not be nested deeper than 100 levels');
  });
});

describe('JSON as it is read', () => {
  it('has one zero, and its members as they came', () => {
    const text = '{"b":[0,{"__proto__":0}],"a":1}';
    const read = asRead(JSON.parse('{"b":[0,{"__proto__":-0}],"a":1}'), text);
    expect(JSON.stringify(read)).toBe(text);
    expect(read).toEqual(JSON.parse(text));
  });

  it('is the very same where it is so already', () => {
    const value = { b: [1, { c: null }], a: 'x' };
    expect(asRead(value, JSON.stringify(value))).toBe(value);
    expect([asRead(-0, '0'), asRead(null, 'null'), asRead('a', '"a"')]).toEqual([0, null, 'a']);
  });

  it('is what is parsed from its text', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(asRead(value, text)).toEqual(JSON.parse(text));
      }),
    );
  });
});
