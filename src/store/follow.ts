// How a subscription sees the log: what is already there first, then what comes, each event once and in order. There is no
// seam between the two, since both are nothing but reads from a cursor. Followers that want the same and have come equally
// far are given one and the same batch, so that what is made of it has to be made once.
import type { Event } from '../database/client.js';
import { canonical } from '../domain/canonical.js';
import { Ahead } from './ahead.js';
import { insist } from './insist.js';
import { BATCH_BYTES, matches, readLog, sizeOf, type EventField, type LogBatch, type LogFilter } from './page.js';
import type { Store } from './store.js';
import { FRESH_MS, stream } from './stream.js';
import type { Place } from './tail.js';

const BATCH_EVENTS = 500;
// Whoever has missed much is told several batches of one read, until it is too slow for that once.
const BATCHES_PER_READ = 4;
// With a filter that seldom matches, the position still moves on in steps of so many entries, or after so long.
const QUIET_ENTRIES = 1_000n;
const QUIET_MS = 10_000;

/** What was read at once, as it is told. */
interface Reading extends Pick<LogBatch, 'position' | 'caughtUp'> {
  /** When, in ms. */
  readonly at: number;
  readonly batches: readonly LogBatch[];
}

interface Following {
  readonly after: bigint | null;
  readonly filter?: LogFilter | null | undefined;
  readonly fields?: readonly EventField[] | null;
}

/**
 * The log after a position, or from now on where `after` is null. The first batch comes at once, empty where there is
 * nothing to replay; every batch has at most 500 events and about 4 MiB. Where `fields` are given, nobody looks at others.
 * Once it has begun it waits out a database that fails.
 * @throws ValidationError where `after` lies beyond the log's head.
 */
export function followLog(
  store: Store,
  projectId: string,
  { after, filter, fields = null }: Following,
): AsyncGenerator<LogBatch, void, void> {
  const wanted = canonical(filter);
  const reads = (from: bigint) => `log ${from} ${wanted}`;
  return stream(async function* (leave) {
    const tail = store.tail(projectId);
    const stop = await tail.follow();
    // The database reads the next page while this process sends the one before.
    const ahead = new Ahead<Reading | null>(FRESH_MS);
    let size = BATCHES_PER_READ * BATCH_EVENTS;
    let told: { position: bigint; at: number } | null = null;
    const place: Place = {
      cursor: 0n,
      concerns: (events, head) => isDue(head) || events.some((event) => matches(event, filter)),
    };
    try {
      let reading: Reading | null = await (after === null ? tail.reads.read('now', now) : read(after));
      while (reading) {
        const { position: end, caughtUp, at }: Reading = reading;
        if (!caughtUp && !fromTail(end)) ahead.begin(() => readOn(end));
        for (let index = 0, batch: LogBatch | undefined; (batch = reading.batches[index]); index++) {
          if (index > 0 && Date.now() - at > FRESH_MS) {
            ahead.end();
            size = BATCH_EVENTS;
            break;
          }
          place.cursor = batch.position;
          if (batch.events.length > 0 || isDue(batch.position)) {
            told = { position: batch.position, at: Date.now() };
            yield batch;
          }
        }
        // Whoever waits keeps nothing of what it was given.
        reading = null;
        if (caughtUp && place.cursor === end) await tail.beyond(place, leave);
        if (!leave.given) reading = fromTail(place.cursor) ?? (await (ahead.take() ?? readOn(place.cursor)));
      }
    } finally {
      ahead.end();
      stop();
    }

    /** Whether the position has to be told also where nothing matches: to begin with, and every so often. */
    function isDue(position: bigint): boolean {
      if (told === null) return true;
      const passed = position - told.position;
      return passed >= QUIET_ENTRIES || (passed > 0n && Date.now() - told.at >= QUIET_MS);
    }

    function read(from: bigint): Promise<Reading> {
      return tail.reads.read(`${reads(from)} ${size} ${fields?.join() ?? ''}`, async () =>
        inBatches(await readLog(store, projectId, { after: from, first: size, filter, fields })),
      );
    }

    function readOn(from: bigint): Promise<Reading | null> {
      return insist(store, leave, () => read(from));
    }

    /** What the process has at hand after the cursor; null where that is not all of it. */
    function fromTail(from: bigint): Reading | null {
      return tail.once(reads(from), () => {
        const events = tail.since(from)?.filter((event) => matches(event, filter));
        if (!events || events.length > BATCH_EVENTS || sizeOf(events) > BATCH_BYTES) return null;
        const position = tail.head > from ? tail.head : from;
        return inBatches({ events, position, caughtUp: true, trimmedBefore: null });
      });
    }

    async function now(): Promise<Reading> {
      return inBatches({ events: [], position: await tail.position(), caughtUp: true, trimmedBefore: null });
    }
  });
}

function inBatches(whole: LogBatch): Reading {
  const { events, position, caughtUp } = whole;
  if (events.length <= BATCH_EVENTS) return { batches: [whole], position, caughtUp, at: Date.now() };
  const batches: LogBatch[] = [];
  for (let from = 0; from < events.length; from += BATCH_EVENTS) {
    const part = events.slice(from, from + BATCH_EVENTS);
    const isLast = from + BATCH_EVENTS >= events.length;
    batches.push({
      events: part,
      position: isLast ? position : (part.at(-1)?.position ?? position),
      caughtUp: isLast && caughtUp,
      trimmedBefore: from === 0 ? whole.trimmedBefore : null,
    });
  }
  return { batches, position, caughtUp, at: Date.now() };
}

/** Yields at once, and again after every stretch of the log in which an event concerns it; many at once count as one. */
export function followChanges(
  store: Store,
  projectId: string,
  concerns: (event: Event) => boolean,
): AsyncGenerator<void, void, void> {
  return stream(async function* (leave) {
    const tail = store.tail(projectId);
    const stop = await tail.follow();
    const place: Place = { cursor: tail.head, concerns: (events) => events.some(concerns) };
    try {
      yield;
      for (;;) {
        await tail.beyond(place, leave);
        if (leave.given) return;
        const stretch = tail.since(place.cursor);
        place.cursor = tail.head;
        // Whoever was too slow to see every event assumes that one of them was his.
        if (!stretch || stretch.some(concerns)) yield;
      }
    } finally {
      stop();
    }
  });
}
