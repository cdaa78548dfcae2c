import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Line, LineSplitter, MAX_LINE_BYTES } from '../../src/import/line.js';

const bytes = (text: string) => Buffer.from(text);

function split(chunks: Uint8Array[]): Line[] {
  const splitter = new LineSplitter();
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
}

describe('LineSplitter', () => {
  it('numbers the lines and keeps blank ones', () => {
    expect(split([bytes('a\n\nb\n')])).toEqual([
      { number: 1, text: 'a', complete: true },
      { number: 2, text: '', complete: true },
      { number: 3, text: 'b', complete: true },
    ]);
  });

  it('hands over half a line only at the end', () => {
    const splitter = new LineSplitter();
    expect(splitter.push(bytes('a\nha'))).toHaveLength(1);
    expect(splitter.push(bytes('lf'))).toEqual([]);
    expect(splitter.end()).toEqual([{ number: 2, text: 'half', complete: false }]);
  });

  it('gives the same lines wherever the bytes are cut', () => {
    const text = fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 8 }).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, fc.array(fc.nat(200), { maxLength: 8 }), (whole, cuts) => {
        const buffer = bytes(whole);
        const ends = [...cuts.filter((cut) => cut < buffer.length).sort((a, b) => a - b), buffer.length];
        const chunks = ends.map((end, index) => buffer.subarray(ends[index - 1] ?? 0, end));
        expect(split(chunks)).toEqual(split([buffer]));
      }),
    );
  });

  it('does not depend on the memory of a chunk after its push', () => {
    const splitter = new LineSplitter();
    const chunk = bytes('abc');
    splitter.push(chunk);
    chunk.fill(0x78);
    expect(splitter.push(bytes('\n'))[0]?.text).toBe('abc');
  });

  it('drops a line that is longer than it may hold, and goes on with the next', () => {
    const chunk = Buffer.alloc(MAX_LINE_BYTES / 4, 0x78);
    const lines = split([chunk, chunk, chunk, chunk, chunk, bytes('\nnext\n')]);
    expect(lines).toEqual([
      { number: 1, text: null, complete: true },
      { number: 2, text: 'next', complete: true },
    ]);
  });
});
