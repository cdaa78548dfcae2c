// Many small writes as few large ones: what arrives while a batch is under way goes out together in the next one. So a
// quiet server waits for nothing, and a busy one makes its batches as large as the database makes them wait.
import { setImmediate as turn } from 'node:timers/promises';

interface Options<Item, Answer> {
  /** What two items of one key come to, the later one last. */
  fold: (earlier: Item, later: Item) => Item;
  /** Takes a batch; null stands for an item that has to go alone. Where it rejects, that is every item's answer. */
  flush: (items: readonly Item[]) => Promise<readonly (Answer | null)[]>;
  /** Items in one batch at most. */
  batch: number;
  /** How many that have to go alone may be under way at once, of whatever batches. */
  alone: number;
}

type GoAlone<Item, Answer> = (item: Item) => Promise<Answer>;

/** One item, or several of one key that were folded, with all who wait for its answer. */
class Entry<Item, Answer> {
  readonly answer: Promise<Answer>;
  resolve!: (answer: Answer | Promise<Answer>) => void;
  reject!: (error: unknown) => void;

  constructor(
    readonly key: string,
    public item: Item,
    public goAlone: GoAlone<Item, Answer>,
  ) {
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/** Items of one key are taken in the order in which they were put, whatever way they go. */
export class Coalescer<Item, Answer> {
  readonly #options: Options<Item, Answer>;
  readonly #next = new Map<string, Entry<Item, Answer>>();
  #running: Promise<void> | null = null;
  /** Those that have to go alone, and wait for that. */
  readonly #queue: Entry<Item, Answer>[] = [];
  readonly #alone = new Set<Promise<void>>();
  /** The keys of both: what comes of them waits in `#next`. */
  readonly #held = new Set<string>();

  constructor(options: Options<Item, Answer>) {
    this.#options = options;
  }

  /**
   * Has the item taken with the next batch, folded with those of its key that wait for the same one; where it has to go
   * alone, the latest `goAlone` of its key takes what they come to.
   */
  put(key: string, item: Item, goAlone: GoAlone<Item, Answer>): Promise<Answer> {
    let entry = this.#next.get(key);
    if (entry) {
      entry.item = this.#options.fold(entry.item, item);
      entry.goAlone = goAlone;
    } else {
      entry = new Entry(key, item, goAlone);
      this.#next.set(key, entry);
    }
    if (!this.#held.has(key)) this.#running ??= this.#run();
    return entry.answer;
  }

  /** Resolves when all that was put is answered. */
  async close(): Promise<void> {
    while (this.#running || this.#alone.size > 0) await Promise.all([this.#running, ...this.#alone]);
  }

  async #run(): Promise<void> {
    // What arrives in this turn of the event loop goes together.
    await turn();
    for (let entries = this.#take(); entries.length > 0; entries = this.#take()) await this.#flush(entries);
    this.#running = null;
  }

  #take(): Entry<Item, Answer>[] {
    const entries: Entry<Item, Answer>[] = [];
    for (const [key, entry] of this.#next) {
      if (this.#held.has(key)) continue;
      this.#next.delete(key);
      if (entries.push(entry) === this.#options.batch) break;
    }
    return entries;
  }

  async #flush(entries: readonly Entry<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#options.flush(entries.map(({ item }) => item));
      for (const [index, entry] of entries.entries()) {
        const answer = answers[index];
        if (answer != null) entry.resolve(answer);
        else {
          this.#held.add(entry.key);
          this.#queue.push(entry);
        }
      }
      this.#goAlone();
    } catch (error) {
      for (const { reject } of entries) reject(error);
    }
  }

  /** Beside the next batch, which need not wait for them. */
  #goAlone(): void {
    for (const entry of this.#queue.splice(0, this.#options.alone - this.#alone.size)) {
      entry.resolve(entry.goAlone(entry.item));
      const work = entry.answer.then(
        () => undefined,
        () => undefined,
      );
      this.#alone.add(work);
      void work.then(() => {
        this.#alone.delete(work);
        this.#held.delete(entry.key);
        if (this.#next.has(entry.key)) this.#running ??= this.#run();
        this.#goAlone();
      });
    }
  }
}
