import { parseValue } from 'graphql';
import { describe, expect, it } from 'vitest';
import {
  parseDateTime,
  parseJsonLiteral,
  parseSafeInt,
  serializeDateTime,
  serializeSafeInt,
} from '../../src/graphql/scalar.js';

describe('a DateTime', () => {
  it.each([
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00.5Z', '2026-01-31T12:00:00.500Z'],
    ['2026-01-31T12:00:00.123456789Z', '2026-01-31T12:00:00.123Z'],
    ['2026-01-31T12:00:00.000+02:00', '2026-01-31T10:00:00.000Z'],
    ['2026-01-31t12:00:00z', '2026-01-31T12:00:00.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('%s is %s', (text, instant) => {
    expect(serializeDateTime(parseDateTime(text))).toBe(instant);
  });

  it.each([
    '2026-01-31',
    '2026-01-31T12:00Z',
    '2026-01-31T12:00:00',
    '2026-01-31 12:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T12:60:00Z',
    '2026-01-31T12:00:60Z',
    '2026-01-31T12:00:00+24:00',
    '2026-01-31T12:00:00+0200',
    '0000-12-31T00:00:00Z',
    '0001-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-01:00',
    '+012026-01-31T12:00:00Z',
    ' 2026-01-31T12:00:00Z',
    '',
    'now',
    1769860800000,
    null,
    {},
    ['2026-01-31T12:00:00Z'],
  ])('%j is none', (value) => {
    expect(() => parseDateTime(value)).toThrow('A DateTime is written like');
  });
});

describe('a SafeInt', () => {
  it.each([0, 1, -1, 2 ** 53 - 1, -(2 ** 53 - 1)])('%d goes in and comes out', (number) => {
    expect(parseSafeInt(number)).toBe(BigInt(number));
    expect(serializeSafeInt(BigInt(number))).toBe(number);
  });

  it.each([2 ** 53, -(2 ** 53), 1.5, NaN, Infinity, '1', null, true, 1n])('%s is none', (value) => {
    expect(() => parseSafeInt(value)).toThrow('A SafeInt is an integer');
  });

  it('beyond 53 bits is not told wrongly', () => {
    expect(() => serializeSafeInt(2n ** 53n)).toThrow('beyond 53 bits');
  });
});

describe('a JSON literal', () => {
  const json = (literal: string, variables?: Record<string, unknown>) =>
    parseJsonLiteral(parseValue(literal), variables);

  it.each([
    ['null', null],
    ['true', true],
    ['-1', -1],
    ['1.5e3', 1500],
    ['"a\\u0041"', 'aA'],
    ['"""block"""', 'block'],
    ['WORD', 'WORD'],
    ['[]', []],
    ['{}', {}],
    ['{ b: [1, { a: null }], a: [[2]] }', { b: [1, { a: null }], a: [[2]] }],
  ])('%s is what it says', (literal, value) => {
    expect(json(literal)).toEqual(value);
  });

  it('keeps its keys in their order', () => {
    expect(JSON.stringify(json('{ b: { d: 1, c: 2 }, a: [3, 4] }'))).toBe('{"b":{"d":1,"c":2},"a":[3,4]}');
  });

  it('takes variables where they stand, and null for one that is absent', () => {
    expect(json('{ a: $a, b: [$b] }', { a: { x: 1 } })).toEqual({ a: { x: 1 }, b: [null] });
    expect(json('$a', { a: 2 })).toBe(2);
  });

  it('reaches no prototype', () => {
    const value = json('{ __proto__: { polluted: true }, constructor: { prototype: { polluted: true } } }');
    expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(JSON.stringify(value)).toBe('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}');
  });

  it('may nest deeper than the stack', () => {
    const root = parseValue('[]');
    let node = root;
    for (let depth = 0; depth < 200_000; depth++) {
      const inner = parseValue('[]');
      Object.assign(node, { values: [inner] });
      node = inner;
    }
    let value = parseJsonLiteral(root);
    let depth = 0;
    for (; Array.isArray(value); value = value[0] as unknown) depth += 1;
    expect(depth).toBe(200_001);
  });
});
