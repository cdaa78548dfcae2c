// What is saved of an agent's work, and what comes of it.
import type { Prisma, SavedState } from '../database/client.js';
import type { Document } from './redacted.js';

export type DocumentField = 'conversationHistory' | 'contextVariables' | 'planData';

/** What a save brings, where it brings it. */
export interface Content {
  facts: Partial<Pick<SavedState, 'mode' | 'currentPhase' | 'currentStep'>>;
  documents: Partial<Record<DocumentField, Document | null>>;
}

/** The save of a state that is there. */
export interface Save {
  readonly sessionId: string;
  /** Of the state that it changes. */
  readonly version: number;
  readonly content: Content;
  /** Null is never, and where it is absent a day from now, or later where that was said before. */
  readonly expiresAt?: Date | null | undefined;
}

export interface Saved {
  savedState: SavedState;
  position: bigint;
}

/** The row with the documents that the save has brought. */
export function withSaid(saved: Partial<SavedState>, { documents }: Content): SavedState {
  const said = Object.entries(documents).map(([field, document]) => [field, document?.value ?? null]);
  return { ...saved, ...Object.fromEntries(said) } as SavedState;
}

/** What the columns of the documents are to hold. */
export function storedOf({ documents }: Content): Partial<Record<DocumentField, Prisma.Sql | null>> {
  return Object.fromEntries(Object.entries(documents).map(([field, document]) => [field, document?.stored ?? null]));
}

/** The length of its documents. */
export const bytesOf = ({ documents }: Content): number =>
  Object.values(documents).reduce((sum, document) => sum + (document?.text.length ?? 0), 0);
