// How a subscription sees the log: what is already there first, then what comes, each event once and in order. There is no
// seam between the two, since both are nothing but reads from a cursor.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '../database/client.js';
import { DomainError } from '../domain/errors.js';
import { BATCH_BYTES, matches, readLog, type LogBatch, type LogFilter } from './page.js';
import type { Store } from './store.js';
import { stream } from './stream.js';
import { RETRY_MS } from './tail.js';

const BATCH_EVENTS = 500;
// With a filter that seldom matches, the position still moves on in steps of so many entries, or after so long.
const QUIET_ENTRIES = 1_000n;
const QUIET_MS = 10_000;

/**
 * The log after a position, or from now on where `after` is null. The first batch comes at once, empty where there is
 * nothing to replay; every batch has at most 500 events and about 4 MiB. Once it has begun it waits out a database that
 * fails.
 * @throws ValidationError where `after` lies beyond the log's head.
 */
export function followLog(
  store: Store,
  projectId: string,
  { after, filter }: { after: bigint | null; filter?: LogFilter | null | undefined },
): AsyncGenerator<LogBatch, void, void> {
  return stream(async function* (signal) {
    const tail = store.tail(projectId);
    const leave = await tail.follow();
    try {
      let batch = after === null ? await emptyBatch(store, projectId) : await read(after);
      yield batch;
      let cursor = batch.position;
      let toldAt = Date.now();
      let told = cursor;
      for (;;) {
        if (batch.caughtUp) {
          const patience = cursor > told ? Math.max(0, toldAt + QUIET_MS - Date.now()) : undefined;
          await tail.beyond(cursor, signal, patience);
          if (signal.aborted) return;
        }
        const next = fromTail(cursor) ?? (await readOn(cursor));
        if (!next) return;
        batch = next;
        cursor = batch.position;
        const isQuiet = batch.events.length === 0;
        if (isQuiet && cursor - told < QUIET_ENTRIES && (cursor === told || Date.now() - toldAt < QUIET_MS)) continue;
        toldAt = Date.now();
        told = cursor;
        yield batch;
      }
    } finally {
      leave();
    }

    function read(from: bigint): Promise<LogBatch> {
      return readLog(store, projectId, { after: from, first: BATCH_EVENTS, filter });
    }

    /** Waits for the database where that fails; null where the follower leaves meanwhile. */
    async function readOn(from: bigint): Promise<LogBatch | null> {
      for (let failing = false; !signal.aborted; failing = true) {
        try {
          return await read(from);
        } catch (error) {
          if (error instanceof DomainError) throw error;
          if (!failing) store.log.warn({ err: error }, 'a follower cannot read the log: it waits for it');
          await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
        }
      }
      return null;
    }

    /** What the process has at hand after the cursor; null where that is not all of it. */
    function fromTail(from: bigint): LogBatch | null {
      const position = tail.head;
      const stretch = tail.since(from);
      if (!stretch) return null;
      const events = stretch.filter((event) => matches(event, filter));
      if (events.length > BATCH_EVENTS || sizeOf(events) > BATCH_BYTES) return null;
      return { events, position: position > from ? position : from, caughtUp: true, trimmedBefore: null };
    }
  });
}

/** Yields at once, and again after every stretch of the log in which an event concerns it; many at once count as one. */
export function followChanges(
  store: Store,
  projectId: string,
  concerns: (event: Event) => boolean,
): AsyncGenerator<void, void, void> {
  return stream(async function* (signal) {
    const tail = store.tail(projectId);
    const leave = await tail.follow();
    try {
      let cursor = tail.head;
      yield;
      for (;;) {
        await tail.beyond(cursor, signal);
        if (signal.aborted) return;
        const stretch = tail.since(cursor);
        cursor = tail.head;
        // Whoever was too slow to see every event assumes that one of them was his.
        if (!stretch || stretch.some(concerns)) yield;
      }
    } finally {
      leave();
    }
  });
}

function sizeOf(events: readonly Event[]): number {
  return events.reduce((sum, event) => sum + event.sizeBytes, 0);
}

async function emptyBatch({ database }: Store, projectId: string): Promise<LogBatch> {
  const { logPosition } = await database.prisma.project.findUniqueOrThrow({
    where: { id: projectId },
    select: { logPosition: true },
  });
  return { events: [], position: logPosition, caughtUp: true, trimmedBefore: null };
}
