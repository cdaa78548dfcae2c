// The reader of one project's log in this process, whatever the number of its followers: it listens first, reads each
// stretch of the log once, and keeps the newest stretches at hand. A follower is nothing but a cursor. Where its cursor
// lies in what is at hand it takes the events from there; where it has fallen behind it reads its own way from the
// database. So there is no queue that could overflow, and a slow follower costs nobody anything.
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Bus } from '../bus/bus.js';
import { Prisma, type Database, type Event } from '../database/client.js';
import { RETRY_MS } from './insist.js';
import { readLog } from './page.js';
import { SharedReads } from './sharedRead.js';
import type { Leave } from './stream.js';

// A lost hint costs at most this; jittered, so that many servers do not ask in step.
const POLL_MS = 1_000;
const STRETCH_EVENTS = 500;
// How much of the time that followers have taken goes to all others before the next events, and how late an event may be at most
// for their sake.
const GIVE_WAY = 0.5;
const GIVE_WAY_MS = 250;
const ROUSED_AT_ONCE = 100;
// What is kept at hand: some seconds of a busy log, never more than this in memory.
const KEPT_EVENTS = 2_000;
const KEPT_BYTES = 8 * 1024 * 1024;

/** A place in the log that waits for more. */
export interface Place {
  /** What comes after it is wanted; the tail moves it on past events that are no reason to wake. */
  cursor: bigint;
  /** Whether to wake for what the log has newly come to: these events, up to this head. Without events, time has passed. */
  concerns(events: readonly Event[], head: bigint): boolean;
}

/** Where the log is, who hints at it, and who is told of trouble. */
export interface LogSource {
  readonly database: Database;
  readonly bus: Bus;
  readonly log: Logger;
}

export class LogTail {
  /** For what followers read for themselves: the tail itself reads nothing twice. */
  readonly reads = new SharedReads();
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
  /** How to wake each place that waits. */
  #waiting = new Map<Place, () => void>();
  #made = new Map<string, unknown>();
  #wokenAt: number | null = null;
  #rousing: Promise<void> = Promise.resolve();
  /** Who wants to know whether all followers have caught up. */
  #watching: (() => void)[] = [];
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

  /** Up to where the log has been committed. */
  async position(): Promise<bigint> {
    const sql = Prisma.sql`SELECT log_position FROM projects WHERE id = ${this.#projectId}::uuid`;
    const [line] = await this.#source.database.tail(sql);
    if (!line) throw new Error(`there is no project ${this.#projectId}`);
    return line[0] as bigint;
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
      this.#tellWatching();
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

  /** What is made of the events at hand: the same for all who name the same key, until the head moves on. */
  once<Value>(key: string, make: () => Value): Value {
    if (!this.#made.has(key)) this.#made.set(key, make());
    return this.#made.get(key) as Value;
  }

  /** Resolves once the head is beyond the place in a way that concerns it, or its consumer leaves. */
  async beyond(place: Place, leave: Leave): Promise<void> {
    if (this.#head > place.cursor || leave.given) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(place);
        leave.off(wake);
        resolve();
      };
      this.#waiting.set(place, wake);
      leave.on(wake);
      this.#tellWatching();
    });
  }

  /** Resolves once every follower has taken what is committed by now, and waits for more: never where one does not read. */
  async settled(): Promise<void> {
    if (this.#followers === 0) return;
    const target = await this.position();
    this.#hint();
    while (this.#followers > 0 && (this.#head < target || this.#waiting.size < this.#followers)) {
      await new Promise<void>((resolve) => this.#watching.push(resolve));
    }
  }

  /** Ends the reading; followers stay where they are until their streams end. */
  async close(): Promise<void> {
    this.#halt();
    await this.#running;
  }

  async #start(): Promise<void> {
    const stop = (this.#stop = new AbortController());
    const unlisten = await this.#source.bus.listen(this.#projectId, () => this.#hint());
    try {
      // Listening came first: whatever is committed after this read is hinted at.
      const logPosition = await this.position();
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
    this.#made.clear();
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
        await this.#giveWay(signal);
      } catch (error) {
        if (!failing) this.#source.log.error({ err: error }, 'the log cannot be read: live updates wait for it');
        failing = true;
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
        continue;
      }
      if (!(await hinted)) this.#wake([], this.#head);
    }
  }

  /** Armed before the read, so that a hint that arrives while reading is not lost; false where none has come. */
  #nextHint(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, POLL_MS * (0.75 + Math.random() / 2), false);
      this.#hint = () => {
        clearTimeout(timer);
        resolve(true);
      };
      if (signal.aborted) this.#hint();
    });
  }

  async #catchUp(signal: AbortSignal): Promise<void> {
    for (;;) {
      const database = { lines: this.#source.database.tail };
      const batch = await readLog({ database }, this.#projectId, { after: this.#head, first: STRETCH_EVENTS });
      if (signal.aborted) return;
      if (batch.position > this.#head) this.#advance(batch.events, batch.position);
      if (batch.caughtUp) return;
    }
  }

  /**
   * Waits for half as long as those who were woken have kept the process busy: what comes meanwhile goes to them together, and
   * all others have their turn. With few followers that is no time at all.
   */
  async #giveWay(signal: AbortSignal): Promise<void> {
    if (this.#wokenAt === null) return;
    await this.#rousing;
    await setImmediate();
    const busyMs = performance.now() - this.#wokenAt;
    this.#wokenAt = null;
    if (busyMs > 1) await sleep(Math.min(busyMs * GIVE_WAY, GIVE_WAY_MS), undefined, { signal }).catch(() => undefined);
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
    const before = this.#head;
    this.#head = head;
    this.#made.clear();
    this.#wokenAt = performance.now();
    this.#wake(events, before);
    this.#tellWatching();
  }

  /** Nobody is woken for what is not his: each of many followers of other sessions costs a comparison, and no more. */
  #wake(events: readonly Event[], before: bigint): void {
    const wakes: (() => void)[] = [];
    for (const [place, wake] of this.#waiting) {
      if (place.cursor < before || place.concerns(events, this.#head)) {
        this.#waiting.delete(place);
        wakes.push(wake);
      } else if (place.cursor < this.#head) {
        place.cursor = this.#head;
      }
    }
    this.#rousing = rouse(wakes);
  }

  #tellWatching(): void {
    for (const tell of this.#watching.splice(0)) tell();
  }
}

/** So many at a time: in between the process hears of everything else. */
async function rouse(wakes: readonly (() => void)[]): Promise<void> {
  for (const [index, wake] of wakes.entries()) {
    if (index > 0 && index % ROUSED_AT_ONCE === 0) await setImmediate();
    wake();
  }
}
