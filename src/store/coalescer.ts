// Many small writes as few large ones: what arrives while a batch is under way goes out together in the next one. So a
// quiet server waits for nothing, and a busy one makes its batches as large as the database makes them wait. Only what
// fills a batch by itself goes beside another one.

interface Options<Item, Answer> {
  /** What has to be taken in the order in which it is put: a key among those of one realm. */
  realmOf: (item: Item) => string;
  keyOf: (item: Item) => string;
  /** What two items of one key come to, the later one last. */
  fold: (earlier: Item, later: Item) => Item;
  /** Takes a batch; null stands for an item that has to go alone. Where it rejects, that is every item's answer. */
  flush: (items: readonly Item[]) => Promise<readonly (Answer | null)[]>;
  /** Items in one batch at most. */
  batch: number;
  /** How many batches may be under way at once; all but one of them are full. */
  batches: number;
  /** How many that have to go alone may be under way at once, of whatever batches. */
  alone: number;
}

type GoAlone<Item, Answer> = (item: Item) => Promise<Answer>;

/** What was put together and is answered together. */
class Call<Answer> {
  readonly settled: Promise<PromiseSettledResult<Answer>[]>;
  readonly #outcomes: PromiseSettledResult<Answer>[];
  #open: number;
  #resolve!: (outcomes: PromiseSettledResult<Answer>[]) => void;

  constructor(size: number) {
    this.#open = size;
    this.#outcomes = new Array<PromiseSettledResult<Answer>>(size);
    this.settled = new Promise((resolve) => (this.#resolve = resolve));
    if (size === 0) this.#resolve([]);
  }

  settle(index: number, outcome: PromiseSettledResult<Answer>): void {
    this.#outcomes[index] = outcome;
    this.#open -= 1;
    if (this.#open === 0) this.#resolve(this.#outcomes);
  }
}

/** One item, or several of one key that were folded, with all who wait for its answer. */
interface Entry<Item, Answer> {
  readonly key: string;
  readonly realm: Realm<Item, Answer>;
  item: Item;
  goAlone: GoAlone<Item, Answer>;
  /** Whoever came last. */
  waiter: Waiter<Answer>;
  isUnderWay: boolean;
  /** What has come of its key since it is under way, and waits for that. */
  successor: Entry<Item, Answer> | null;
}

/** Of each key the one that comes first. Apart from others, so that no text has to be made of a realm and a key. */
type Realm<Item, Answer> = Map<string, Entry<Item, Answer>>;

interface Waiter<Answer> {
  readonly call: Call<Answer>;
  readonly index: number;
  readonly before: Waiter<Answer> | null;
}

/** Items of one key are taken in the order in which they were put, whatever way they go. */
export class Coalescer<Item, Answer> {
  readonly #options: Options<Item, Answer>;
  readonly #realms = new Map<string, Realm<Item, Answer>>();
  /** How many keys are known, in all realms. */
  #keys = 0;
  /** Of those that come first, the ones that are for the next batch. */
  readonly #next: Entry<Item, Answer>[] = [];
  /** Those that have to go alone, and wait for that. */
  readonly #queue: Entry<Item, Answer>[] = [];
  #batches = 0;
  #alone = 0;
  #isScheduled = false;
  readonly #closing: (() => void)[] = [];

  constructor(options: Options<Item, Answer>) {
    this.#options = options;
  }

  /**
   * Has the items taken with the next batch, each folded with those of its key that wait for the same one; where it has to
   * go alone, the latest `goAlone` of its key takes what they come to. Resolves, with the outcomes in the order of the
   * items, when all are taken or refused; never rejects.
   */
  put(items: readonly Item[], goAlone: GoAlone<Item, Answer>): Promise<PromiseSettledResult<Answer>[]> {
    const call = new Call<Answer>(items.length);
    for (const [index, item] of items.entries()) this.#add(item, goAlone, call, index);
    if (this.#next.length > 0 && !this.#isScheduled) {
      this.#isScheduled = true;
      // What arrives in this turn of the event loop goes together.
      setImmediate(() => {
        this.#isScheduled = false;
        this.#goOn();
      });
    }
    return call.settled;
  }

  /** Resolves when all that was put is answered. */
  async close(): Promise<void> {
    while (this.#keys > 0) await new Promise<void>((resolve) => this.#closing.push(resolve));
  }

  #add(item: Item, goAlone: GoAlone<Item, Answer>, call: Call<Answer>, index: number): void {
    const key = this.#options.keyOf(item);
    const realm = this.#realmOf(item);
    const first = realm.get(key);
    const waiting = first?.isUnderWay ? first.successor : first;
    if (waiting) {
      waiting.item = this.#options.fold(waiting.item, item);
      waiting.goAlone = goAlone;
      waiting.waiter = { call, index, before: waiting.waiter };
      return;
    }
    const waiter = { call, index, before: null };
    const entry = { key, realm, item, goAlone, waiter, isUnderWay: false, successor: null };
    if (first) {
      first.successor = entry;
      return;
    }
    this.#keys += 1;
    this.#advance(entry);
  }

  #realmOf(item: Item): Realm<Item, Answer> {
    const name = this.#options.realmOf(item);
    let realm = this.#realms.get(name);
    if (!realm) this.#realms.set(name, (realm = new Map<string, Entry<Item, Answer>>()));
    return realm;
  }

  #advance(entry: Entry<Item, Answer>): void {
    entry.realm.set(entry.key, entry);
    this.#next.push(entry);
  }

  #goOn(): void {
    const { batch, batches, alone } = this.#options;
    while (this.#batches < batches && this.#next.length >= (this.#batches === 0 ? 1 : batch)) {
      void this.#flush(this.#next.splice(0, batch));
    }
    for (const entry of this.#queue.splice(0, alone - this.#alone)) void this.#takeAlone(entry);
    if (this.#keys === 0) for (const resolve of this.#closing.splice(0)) resolve();
  }

  async #flush(entries: readonly Entry<Item, Answer>[]): Promise<void> {
    this.#batches += 1;
    for (const entry of entries) entry.isUnderWay = true;
    try {
      const answers = await this.#options.flush(entries.map(({ item }) => item));
      for (const [index, entry] of entries.entries()) {
        const value = answers[index];
        if (value != null) this.#settle(entry, { status: 'fulfilled', value });
        // Beside the next batch, which need not wait for it.
        else this.#queue.push(entry);
      }
    } catch (reason) {
      for (const entry of entries) this.#settle(entry, { status: 'rejected', reason });
    }
    this.#batches -= 1;
    this.#goOn();
  }

  async #takeAlone(entry: Entry<Item, Answer>): Promise<void> {
    this.#alone += 1;
    const [outcome] = await Promise.allSettled([entry.goAlone(entry.item)]);
    this.#alone -= 1;
    this.#settle(entry, outcome);
    this.#goOn();
  }

  #settle({ key, realm, waiter, successor }: Entry<Item, Answer>, outcome: PromiseSettledResult<Answer>): void {
    for (let each: Waiter<Answer> | null = waiter; each; each = each.before) each.call.settle(each.index, outcome);
    if (successor) {
      this.#advance(successor);
      return;
    }
    realm.delete(key);
    this.#keys -= 1;
  }
}
