import { styleText } from 'node:util';
import { clipped } from '../import/storable.js';

/** How a text looks where there are colours: on a terminal, unless NO_COLOR forbids it. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'cyan';

export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

type Output = NodeJS.WriteStream;

/** A text that nobody can steer a terminal or break a line with: most of what is shown was written by others. */
export function cell(text: string | null | undefined, style?: Style): Cell {
  return { text: (text ?? '').replace(/[\p{Control}\s]+/gu, ' ').trim(), ...(style && { style }) };
}

export function painted(text: string, style: Style, output: Output = process.stdout): string {
  return styleText(style, text, { stream: output });
}

/** Resolves when the reader has taken it, so that a slow one does not fill the memory. */
export function say(text: string, output: Output = process.stdout): Promise<void> {
  return new Promise((resolve) => output.write(`${text}\n`, () => resolve()));
}

/** One JSON document, for programs. */
export function sayJson(value: unknown): Promise<void> {
  return say(JSON.stringify(value, null, 2));
}

/** How wide a line may be. */
export function widthOf(output: Output = process.stdout): number {
  return (output.isTTY && output.columns) || Infinity;
}

/** Rows for whoever reads: aligned under a heading on a terminal, elsewhere cells apart by tabs and nothing else. */
export function sayRows(
  heading: readonly string[],
  rows: readonly (readonly Cell[])[],
  output: Output = process.stdout,
) {
  const lines = output.isTTY ? table(heading, rows, output) : rows.map(plain);
  return lines.length === 0 ? Promise.resolve() : say(lines.join('\n'), output);
}

/** A line of cells as a program reads it. */
export function plain(row: readonly Cell[]): string {
  return row.map(({ text }) => text).join('\t');
}

/** Rows aligned under a heading; an empty one has no line. */
export function table(
  heading: readonly string[],
  rows: readonly (readonly Cell[])[],
  output: Output = process.stdout,
): string[] {
  const widths = heading.map((name, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.text.length ?? 0), name.length),
  );
  const head = heading.map((name) => cell(name, 'dim'));
  const hasHead = heading.some((name) => name !== '');
  return [...(hasHead ? [head] : []), ...rows].map((row) => aligned(row, widths, output));
}

/** A line of cells, each as wide as its column, and the last as wide as there is room. */
export function aligned(row: readonly Cell[], widths: readonly number[], output: Output = process.stdout): string {
  let room = widthOf(output);
  return row
    .map(({ text, style }, column) => {
      const shown = fitted(column === row.length - 1 ? text : text.padEnd(widths[column] ?? 0), room);
      room = Math.max(0, room - shown.length - GAP.length);
      return style ? painted(shown, style, output) : shown;
    })
    .join(GAP)
    .trimEnd();
}

const GAP = '  ';

/** A text of at most this width, which shows where it was cut. */
export function fitted(text: string, width: number): string {
  if (text.length <= width) return text;
  return width < 2 ? '' : `${clipped(text, width - 1)}…`;
}
