// The reader of one project's log in this process, whatever the number of its followers: it listens first, reads each
// stretch of the log once, and keeps the newest stretches at hand. A follower is nothing but a cursor. Where its cursor
// lies in what is at hand it takes the events from there; where it has fallen behind it reads its own way from the
// database. So there is no queue that could overflow, and a slow follower costs nobody anything.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Bus } from '../bus/bus.js';
import type { Database, Event } from '../database/client.js';
import { readLog } from './page.js';

// A lost hint costs at most this; jittered, so that many servers do not ask in step.
const POLL_MS = 1_000;
/** After a failure of the database: soon enough to be unnoticed, seldom enough not to be in its way. */
export const RETRY_MS = 250;
const STRETCH_EVENTS = 500;
// What is kept at hand: some seconds of a busy log, never more than this in memory.
const KEPT_EVENTS = 2_000;
const KEPT_BYTES = 8 * 1024 * 1024;

/** Where the log is, who hints at it, and who is told of trouble. */
export interface LogSource {
  readonly database: Database;
  readonly bus: Bus;
  readonly log: Logger;
}

export class LogTail {
  readonly #source: LogSource;
  readonly #projectId: string;
  #kept: Event[] = [];
  #keptBytes = 0;
  /** The log has been read up to here; what is kept begins after `#from`. */
  #head = 0n;
  #from = 0n;
  #followers = 0;
  #started: Promise<void> | null = null;
  #running: Promise<void> = Promise.resolve();
  #stop = new AbortController();
  #waiting = new Set<() => void>();
  #hint: () => void = () => undefined;

  constructor(source: LogSource, projectId: string) {
    this.#source = source;
    this.#projectId = projectId;
  }

  /** The position up to which this process has read. */
  get head(): bigint {
    return this.#head;
  }

  get followers(): number {
    return this.#followers;
  }

  /**
   * Begins to follow. Resolves once what is committed from now on will be noticed; the function that it resolves to ends
   * it, and the reading with the last follower.
   */
  async follow(): Promise<() => void> {
    this.#followers += 1;
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      this.#followers -= 1;
      if (this.#followers === 0) this.#halt();
    };
    try {
      this.#started ??= this.#start();
      await this.#started;
      return leave;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** The events after the cursor up to the head, or null where they are no longer at hand. */
  since(cursor: bigint): Event[] | null {
    if (cursor < this.#from) return null;
    // From the end, since most cursors are near it; and by search, since a purge may have left gaps.
    return this.#kept.slice(this.#kept.findLastIndex(({ position }) => position <= cursor) + 1);
  }

  /** Resolves once the head is beyond the cursor, the signal is given, or `timeoutMs` have passed. */
  async beyond(cursor: bigint, signal: AbortSignal, timeoutMs?: number): Promise<void> {
    if (this.#head > cursor || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(done, timeoutMs);
      const waiting = this.#waiting;
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        waiting.delete(done);
        resolve();
      }
      waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Ends the reading; followers stay where they are until their streams end. */
  async close(): Promise<void> {
    this.#halt();
    await this.#running;
  }

  async #start(): Promise<void> {
    const stop = (this.#stop = new AbortController());
    const { bus, database } = this.#source;
    const unlisten = await bus.listen(this.#projectId, () => this.#hint());
    try {
      // Listening came first: whatever is committed after this read is hinted at.
      const { logPosition } = await database.prisma.project.findUniqueOrThrow({
        where: { id: this.#projectId },
        select: { logPosition: true },
      });
      // All followers may have left meanwhile, and others begun anew.
      if (!stop.signal.aborted) this.#head = this.#from = logPosition;
    } catch (error) {
      unlisten();
      if (!stop.signal.aborted) this.#started = null;
      throw error;
    }
    const running = this.#run(stop.signal).finally(unlisten);
    if (!stop.signal.aborted) this.#running = running;
    else await running;
  }

  #halt(): void {
    this.#stop.abort();
    this.#hint();
    this.#started = null;
    this.#kept = [];
    this.#keptBytes = 0;
    // Whoever still follows has to read its own way from here.
    this.#from = this.#head;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failing = false;
    while (!signal.aborted) {
      const hinted = this.#nextHint(signal);
      try {
        await this.#catchUp(signal);
        if (failing) this.#source.log.info('the log can be read again: live updates go on');
        failing = false;
      } catch (error) {
        if (!failing) this.#source.log.error({ err: error }, 'the log cannot be read: live updates wait for it');
        failing = true;
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
        continue;
      }
      await hinted;
    }
  }

  /** Armed before the read, so that a hint that arrives while reading is not lost. */
  #nextHint(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, POLL_MS * (0.75 + Math.random() / 2));
      this.#hint = () => {
        clearTimeout(timer);
        resolve();
      };
      if (signal.aborted) this.#hint();
    });
  }

  async #catchUp(signal: AbortSignal): Promise<void> {
    for (;;) {
      const batch = await readLog(this.#source, this.#projectId, { after: this.#head, first: STRETCH_EVENTS });
      if (signal.aborted) return;
      if (batch.position > this.#head) this.#advance(batch.events, batch.position);
      if (batch.caughtUp) return;
    }
  }

  #advance(events: readonly Event[], head: bigint): void {
    for (const event of events) {
      this.#kept.push(event);
      this.#keptBytes += event.sizeBytes;
    }
    let dropped = 0;
    for (const oldest of this.#kept) {
      if (this.#kept.length - dropped <= KEPT_EVENTS && this.#keptBytes <= KEPT_BYTES) break;
      this.#from = oldest.position;
      this.#keptBytes -= oldest.sizeBytes;
      dropped += 1;
    }
    this.#kept.splice(0, dropped);
    this.#head = head;
    for (const wake of [...this.#waiting]) wake();
  }
}
