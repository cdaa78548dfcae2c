import { readSource } from '../support/source.js';

export interface Line {
  /** What one did there: the first cell. */
  name: string;
  /** What stands in code of what one does here. */
  calls: string[];
}

/** The tables of docs/predecessors.md by the headings above them, each with its lines. */
export function readTables(): Map<string, Line[]> {
  const sections = readSource('docs/predecessors.md').split(/^#+ /m);
  const tables = sections.map((section): [string, Line[]] => [section.split('\n', 1)[0] ?? '', linesOf(section)]);
  return new Map(tables.filter(([, lines]) => lines.length > 0));
}

function linesOf(section: string): Line[] {
  const rows = section.split('\n').filter((row) => row.startsWith('|'));
  // The head of the table, and the rule below it.
  return rows.slice(2).map((row) => {
    const [, there = '', here = ''] = row.split('|');
    return { name: there.trim(), calls: [...here.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code) };
  });
}
