import { describe, expect, it } from 'vitest';
import { aligned, cell, plain, sayRows, table, widthOf } from '../../src/commands/print.js';

/** A terminal of this many columns, without colours, which remembers what was written to it. */
function terminal(columns: number | undefined) {
  let written = '';
  const write = (text: string, done: () => void) => {
    written += text;
    done();
  };
  const output = {
    isTTY: columns !== undefined,
    columns,
    write,
    getColorDepth: () => 1,
    writable: true,
    on: () => output,
  };
  return { output: output as unknown as NodeJS.WriteStream, written: () => written };
}

const rows = [
  [cell('one'), cell('a')],
  [cell('eleven'), cell('a long title that does not fit')],
];

describe('rows', () => {
  it('stand aligned under a heading on a terminal, no line longer than it is wide', async () => {
    const { output, written } = terminal(20);
    await sayRows(['N', 'TITLE'], rows, output);
    expect(written()).toBe(['N       TITLE', 'one     a', 'eleven  a long titl…', ''].join('\n'));
  });

  it('are whole elsewhere, without a heading, their cells apart by tabs', async () => {
    const { output, written } = terminal(undefined);
    await sayRows(['N', 'TITLE'], rows, output);
    expect(written()).toBe('one\ta\neleven\ta long title that does not fit\n');
  });

  it('are no line at all where there is none', async () => {
    const { output, written } = terminal(undefined);
    await sayRows(['N', 'TITLE'], [], output);
    expect(written()).toBe('');
  });

  it('need no heading', () => {
    expect(table(['', ''], rows, terminal(80).output)).toEqual(['one     a', 'eleven  a long title that does not fit']);
  });

  it('end where the terminal does, also in the middle of a row', () => {
    const { output } = terminal(8);
    expect(aligned([cell('abcdef'), cell('xyz'), cell('u')], [6, 3, 1], output)).toBe('abcdef');
    expect(aligned([cell('ab😀cdefgh')], [], output)).toBe('ab😀cdef…');
  });
});

describe('a cell', () => {
  it('can neither break a line nor steer a terminal', () => {
    expect(plain([cell(' a\nb\tc\u001b[31m'), cell(null), cell(undefined)])).toBe('a b c [31m\t\t');
  });
});

it('is as wide as whoever has no terminal likes', () => {
  expect(widthOf(terminal(undefined).output)).toBe(Infinity);
  expect(widthOf(terminal(132).output)).toBe(132);
});
