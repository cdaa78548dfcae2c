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
// With a filter that seldom matches, the position still moves on in steps of so many entries, or after so long.
const QUIET_ENTRIES = 1_000n;
const QUIET_MS = 10_000;

interface Following {
  readonly after: bigint | null;
  readonly filter?: LogFilter | null | undefined;
  readonly fields?: readonly EventField[] | null;
}

/**
 * The log after a position, or from now on where `after` is null. The first batch comes at once, empty where there is
 * nothing to replay; every batch has at most 500 events and about 4 MiB. Where `fields` are given, nobody looks at others. Once it has begun it waits out a database that
 * fails.
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
    const ahead = new Ahead<LogBatch | null>(FRESH_MS);
    let told: { position: bigint; at: number } | null = null;
    const place: Place = {
      cursor: 0n,
      concerns: (events, head) => isDue(head) || events.some((event) => matches(event, filter)),
    };
    try {
      let batch: LogBatch | null = await (after === null ? tail.reads.read('now', now) : read(after));
      while (batch) {
        const { position, caughtUp }: LogBatch = batch;
        place.cursor = position;
        if (!caughtUp && !fromTail(position)) ahead.begin(() => readOn(position));
        if (batch.events.length > 0 || isDue(position)) {
          told = { position, at: Date.now() };
          yield batch;
        }
        // Whoever waits keeps nothing of what it was given.
        batch = null;
        if (caughtUp) await tail.beyond(place, leave);
        if (!leave.given) batch = fromTail(place.cursor) ?? (await (ahead.take() ?? readOn(place.cursor)));
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

    function read(from: bigint): Promise<LogBatch> {
      return tail.reads.read(`${reads(from)} ${fields?.join() ?? ''}`, () =>
        readLog(store, projectId, { after: from, first: BATCH_EVENTS, filter, fields }),
      );
    }

    function readOn(from: bigint): Promise<LogBatch | null> {
      return insist(store, leave, () => read(from));
    }

    /** What the process has at hand after the cursor; null where that is not all of it. */
    function fromTail(from: bigint): LogBatch | null {
      return tail.once(reads(from), () => {
        const events = tail.since(from)?.filter((event) => matches(event, filter));
        if (!events || events.length > BATCH_EVENTS || sizeOf(events) > BATCH_BYTES) return null;
        const position = tail.head > from ? tail.head : from;
        return { events, position, caughtUp: true, trimmedBefore: null };
      });
    }

    async function now(): Promise<LogBatch> {
      return { events: [], position: await tail.position(), caughtUp: true, trimmedBefore: null };
    }
  });
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
