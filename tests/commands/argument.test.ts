import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { instant, several, wholeNumber, wordsOf } from '../../src/commands/argument.js';

const colours = wordsOf(['RED', 'GREEN'] as const);

describe('the argument of a flag', () => {
  it('is read as what it is to be', () => {
    expect([wholeNumber('0'), wholeNumber('500')]).toEqual([0, 500]);
    expect([instant('2026-01-31'), instant('2026-01-31T12:00:00+01:00')]).toEqual([
      '2026-01-31T00:00:00.000Z',
      '2026-01-31T11:00:00.000Z',
    ]);
    expect(several('b', several('a'))).toEqual(['a', 'b']);
    expect(colours('green', colours('Red, GREEN'))).toEqual(['RED', 'GREEN', 'GREEN']);
  });

  it.each([
    [wholeNumber, ['', '-1', '1.5', '1e3', '0x10', 'x', '9'.repeat(16)]],
    [instant, ['', 'yesterday', '5', '2026-13-01']],
    [colours, ['', 'blue', 'red,', 'red,blue']],
  ])('is refused where it is something else', (parse, texts) => {
    for (const text of texts) expect(() => parse(text)).toThrow(InvalidArgumentError);
  });
});
