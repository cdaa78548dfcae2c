// The newest beat of each session of a project, as this process hears of them from the bus. A follower is nothing but a
// place on the board: it takes what is newer when it looks, and of what it has missed the newest of each session. So nothing
// queues up, whatever the number of followers and however slow they are.
import type { Beat, Bus } from '../bus/bus.js';
import { FRESH_MS, type Leave } from './stream.js';

// Beyond this, and after it, a beat is forgotten: whoever follows has looked long before.
const KEPT_BEATS = 10_000;
const KEPT_MS = 60_000;
// Beats come all the time, and followers look at them with a query: not for each beat, but once in a step.
const STEP_MS = 50;
const PAGE_BEATS = 500;

/** A stretch of the board, one and the same for all who look from one place. */
export class Page {
  readonly #shared = new Map<string, Promise<unknown>>();

  constructor(
    /** Oldest first, each with its own place. */
    readonly posts: readonly Post[],
    /** Where to look from when all of it is done with. */
    readonly end: number,
    readonly readAt: number,
  ) {}

  /** What is made of this page under a name: made once, but for a failure. */
  share<Value>(name: string, make: () => Promise<Value>): Promise<Value> {
    let shared = this.#shared.get(name) as Promise<Value> | undefined;
    if (!shared) {
      shared = make();
      this.#shared.set(name, shared);
      shared.catch(() => this.#shared.delete(name));
    }
    return shared;
  }
}

export interface Post {
  readonly place: number;
  readonly beat: Beat;
  readonly heardAt: number;
}

export class BeatBoard {
  readonly #bus: Bus;
  readonly #projectId: string;
  /** By session, in the order of their places. */
  readonly #posts = new Map<string, Post>();
  #last = 0;
  /** Up to here the board can be seen. */
  #head = 0;
  /** By the places that they begin after, in the order in which they were read. */
  readonly #pages = new Map<number, Page>();
  #step: NodeJS.Timeout | null = null;
  #followers = 0;
  #listening: Promise<() => void> | null = null;
  readonly #waiting = new Set<() => void>();

  constructor(bus: Bus, projectId: string) {
    this.#bus = bus;
    this.#projectId = projectId;
  }

  /** Where to look from, to see what is posted from now on. */
  get head(): number {
    return this.#head;
  }

  get followers(): number {
    return this.#followers;
  }

  /** Begins to follow. Resolves once beats from now on will be heard; the function that it resolves to ends it. */
  async follow(): Promise<() => void> {
    this.#followers += 1;
    this.#listening ??= this.#bus.listenBeats(this.#projectId, (beats) => this.#post(beats));
    await this.#listening;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#followers -= 1;
      if (this.#followers === 0) this.close();
    };
  }

  /** What can be seen after a place, or the oldest 500 of that. */
  page(place: number): Page {
    const now = performance.now();
    this.#forget(now);
    let page = this.#pages.get(place);
    if (!page) {
      page = this.#read(place, now);
      this.#pages.set(place, page);
    }
    return page;
  }

  /** Resolves once there is something to be seen after a place, or the consumer leaves. */
  async beyond(place: number, leave: Leave): Promise<void> {
    if (this.#head > place || leave.given) return;
    await new Promise<void>((resolve) => {
      const waiting = this.#waiting;
      function done(): void {
        leave.off(done);
        waiting.delete(done);
        resolve();
      }
      waiting.add(done);
      leave.on(done);
    });
  }

  /** Ends the listening; followers stay where they are until their streams end. */
  close(): void {
    void this.#listening?.then((leave) => leave());
    this.#listening = null;
    clearTimeout(this.#step ?? undefined);
    this.#step = null;
    this.#posts.clear();
    this.#pages.clear();
  }

  #read(place: number, now: number): Page {
    const posts: Post[] = [];
    for (const post of this.#posts.values()) {
      if (post.place > this.#head) break;
      if (post.place > place && posts.push(post) === PAGE_BEATS) return new Page(posts, post.place, now);
    }
    return new Page(posts, this.#head, now);
  }

  #post(beats: readonly Beat[]): void {
    const heardAt = performance.now();
    for (const beat of beats) {
      const kept = this.#posts.get(beat.sessionId);
      // Of two servers the slower one may be heard last.
      if (kept && kept.beat.at > beat.at) continue;
      this.#posts.delete(beat.sessionId);
      this.#posts.set(beat.sessionId, { place: ++this.#last, beat, heardAt });
    }
    this.#forget(heardAt);
    this.#show();
  }

  /** Drops the beats and the pages that have had their time. */
  #forget(now: number): void {
    for (const [sessionId, oldest] of this.#posts) {
      if (this.#posts.size <= KEPT_BEATS && now - oldest.heardAt < KEPT_MS) break;
      this.#posts.delete(sessionId);
    }
    for (const [place, oldest] of this.#pages) {
      if (now - oldest.readAt < FRESH_MS) break;
      this.#pages.delete(place);
    }
  }

  /** Lets everybody see what was posted: at once, and then no more than once in a step. */
  #show(): void {
    if (this.#step || this.#last === this.#head) return;
    this.#head = this.#last;
    this.#pages.clear();
    for (const wake of [...this.#waiting]) wake();
    this.#step = setTimeout(() => {
      this.#step = null;
      this.#show();
    }, STEP_MS);
  }
}
