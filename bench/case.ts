import type { Place } from './place.js';

/** One round: its figure, in the unit of its case. */
export type Side = () => Promise<number>;

/** Told by a case that cannot be taken here, in words for the table. */
export class NotMeasured extends Error {
  override readonly name = 'NotMeasured';
}

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
  /** What ours must not be beyond where the machine is idle: another row of the table, of the same rounds. */
  readonly limit?: number;
  /** Whether every round begins with something new: then none has to come before those that count. */
  readonly isAnew?: boolean;
  /** Makes all ready; `close` undoes it. @throws NotMeasured where that is not possible here. */
  sides(place: Place): Promise<{ ours: Side; theirs: Side; close?: () => Promise<unknown> }>;
}
