// What may weigh as much as a thousand other columns is read where a document asks for it, and no more of it than an answer
// can carry: a page that would weigh more is shorter than it was asked to be, and goes on where it ends.
import { columnsOfModel } from './builder.js';

/** By type, the columns that are documents. */
export const HEAVY: Readonly<Record<string, readonly string[]>> = {
  Session: ['metadata'],
  Run: ['metadata'],
  Event: ['data', 'metadata'],
  Checkpoint: ['workState', 'metadata'],
  Command: ['parameters', 'result', 'contextData'],
  SavedState: ['conversationHistory', 'contextVariables', 'planData'],
  Approval: ['context', 'result'],
  Signal: ['payload'],
};

/** The types whose rows tell their own size. */
export const SIZED: ReadonlySet<string> = new Set(['Event', 'Checkpoint', 'Command']);

/** What all lists of one field may weigh together. */
export const LIST_BYTES = 8 * 1024 * 1024;
/** Columns of a row besides those of its order, by which it is found again and weighed. */
export const WEIGHED = { id: true, sizeBytes: true } as const;

export interface Weighed {
  readonly id: string;
  readonly sizeBytes: number;
}

/** To select the columns of a type: all but the ones that are left out. */
export function columnsOf(name: string, without: readonly string[] = []): Record<string, true> {
  const columns = columnsOfModel(name).filter((column) => !without.includes(column));
  return Object.fromEntries(columns.map((column) => [column, true]));
}

/** To select what is no document. */
export const lightColumnsOf = (name: string): Record<string, true> => columnsOf(name, HEAVY[name]);

/** Whether the rows that a query reads have to be weighed first. */
export function isHeavy(typeName: string, { select }: { select?: object | undefined }): boolean {
  return SIZED.has(typeName) && (HEAVY[typeName] ?? []).some((column) => select !== undefined && column in select);
}

/** How many rows of each list can be told: all where they fit, else of each list as many as fit into its share, one at least. */
export function fitting(lists: readonly (readonly Weighed[])[]): number[] {
  const sizes = lists.map((list) => list.map(({ sizeBytes }) => sizeBytes));
  if (total(sizes.flat()) <= LIST_BYTES) return sizes.map(({ length }) => length);
  const share = LIST_BYTES / lists.length;
  return sizes.map((list) => {
    let bytes = 0;
    const over = list.findIndex((size, index) => (bytes += size) > share && index > 0);
    return over < 0 ? list.length : over;
  });
}

/** Whether a field is a document, or is none. */
export const isDocument = (typeName: string, field: string): boolean => HEAVY[typeName]?.includes(field) ?? false;

export const total = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0);
