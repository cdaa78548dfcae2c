// Beats on their way: of each session the newest, and as text in messages of a bounded size.
import type { Beat } from './bus.js';
import { Outbox } from './outbox.js';

/** The newest beat of each session, by its id. */
export type Newest = Map<string, Beat>;

/** What is kept, with what is newer. */
function newestOf(kept: Newest = new Map(), beats: readonly Beat[]): Newest {
  for (const beat of beats) {
    const other = kept.get(beat.sessionId);
    // ISO 8601 in UTC sorts as the instants do.
    if (!other || other.at <= beat.at) kept.set(beat.sessionId, beat);
  }
  return kept;
}

/** Holds the beats of each topic, the newest of each session, until they can be sent. */
export const beatOutbox = (
  send: (told: ReadonlyMap<string, Newest>) => Promise<void> | void,
): Outbox<Newest, readonly Beat[]> => new Outbox({ send, merge: newestOf });

// A message of the longest beats is about half a megabyte, one of ordinary ones a tenth of that.
const BEATS_PER_MESSAGE = 100;

/** Messages that name their sender, who hears them as well. */
export function* encodeBeats(sender: string, newest: Newest): Generator<string> {
  const beats = [...newest.values()];
  for (let from = 0; from < beats.length; from += BEATS_PER_MESSAGE) {
    yield JSON.stringify({ sender, beats: beats.slice(from, from + BEATS_PER_MESSAGE) });
  }
}

/** The beats of a message by somebody else than `self`, without whatever in it is none. */
export function decodeBeats(self: string, text: string): Beat[] {
  try {
    const message = JSON.parse(text) as { sender?: unknown; beats?: unknown } | null;
    return Array.isArray(message?.beats) && message.sender !== self ? message.beats.filter(isBeat) : [];
  } catch {
    return [];
  }
}

function isBeat(value: unknown): value is Beat {
  if (typeof value !== 'object' || value === null) return false;
  const { sessionId, at, contextPercent, currentEpic, activity } = value as Record<keyof Beat, unknown>;
  return (
    typeof sessionId === 'string' &&
    typeof at === 'string' &&
    !Number.isNaN(Date.parse(at)) &&
    (contextPercent === null || typeof contextPercent === 'number') &&
    [currentEpic, activity].every((text) => text === null || typeof text === 'string')
  );
}
