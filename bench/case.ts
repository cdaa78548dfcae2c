import type { Place } from './place.js';

/** One round: its figure, in the unit of its case. */
export type Side = () => Promise<number>;

/** What is compared with what: one row of the table. */
export interface Case {
  readonly name: string;
  /** What it is held against. */
  readonly against: string;
  readonly unit: string;
  /** Which of two figures is the better one. */
  readonly better: 'higher' | 'lower';
  /** What ours ÷ theirs must reach (`higher`), or may at most be (`lower`). */
  readonly mark: number;
  /** Makes all ready; `close` undoes it. */
  sides(place: Place): Promise<{ ours: Side; theirs: Side; close?: () => Promise<unknown> }>;
}
