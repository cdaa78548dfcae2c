// What writes to the log of one project waits for one another in any case: each takes the lock on the project, and has it until
// it is on disk. So what arrives while others are under way goes together in the next transaction, with one lock and one commit
// for all; a quiet project's waits for nothing.

/** What is written of one session. */
interface Item {
  readonly sessionId: string;
}

/** Answers for each item; null stands for one of which nothing was written. */
type Write<I extends Item, Written> = (items: readonly I[]) => Promise<readonly (Written | null)[]>;

/** What an item comes to: entries of the log, and bytes. */
interface Weight {
  readonly events: number;
  readonly bytes: number;
}

interface Entry<I extends Item, Written> {
  readonly item: I;
  readonly weight: Weight;
  readonly resolve: (written: Written | null) => void;
  readonly reject: (reason: unknown) => void;
}

// While one has the lock, the next is read and waits for it, and this process makes the one after that.
const GROUPS_AT_ONCE = 2;
// As many as one call may have, so that nobody waits for much more than for another's call.
const EVENTS_PER_GROUP = 500;
// Where all that waits went at once, this process and the database would do nothing but wait for one another.
const BYTES_PER_GROUP = 512 * 1024;

export class GroupQueue<I extends Item, Written> {
  readonly #write: Write<I, Written>;
  readonly #waiting: Entry<I, Written>[] = [];
  /** The sessions of what is under way. */
  readonly #busy = new Set<string>();
  readonly #closing: (() => void)[] = [];
  #groups = 0;
  #isScheduled = false;

  constructor(write: Write<I, Written>) {
    this.#write = write;
  }

  /** Has it written together with others, and resolves and rejects as `write` does. */
  put(item: I, weight: Weight): Promise<Written | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, weight, resolve, reject });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      // What arrives in this turn of the event loop goes together.
      setImmediate(() => {
        this.#isScheduled = false;
        this.#goOn();
      });
    });
  }

  /** Resolves when all that was put is answered. */
  async close(): Promise<void> {
    while (this.#waiting.length + this.#groups > 0) {
      await new Promise<void>((resolve) => this.#closing.push(resolve));
    }
  }

  #goOn(): void {
    while (this.#groups < GROUPS_AT_ONCE) {
      const group = this.#take();
      if (group.length === 0) break;
      void this.#flush(group);
    }
    if (this.#waiting.length + this.#groups === 0) for (const resolve of this.#closing.splice(0)) resolve();
  }

  /** The next that may go together, one of a session: a second one might rest on what the first does. */
  #take(): Entry<I, Written>[] {
    const group: Entry<I, Written>[] = [];
    const left: Entry<I, Written>[] = [];
    let [events, bytes, isFull] = [0, 0, false];
    for (const entry of this.#waiting.splice(0)) {
      const { item, weight } = entry;
      isFull ||= events > 0 && (events + weight.events > EVENTS_PER_GROUP || bytes + weight.bytes > BYTES_PER_GROUP);
      if (isFull || this.#busy.has(item.sessionId)) {
        left.push(entry);
        continue;
      }
      this.#busy.add(item.sessionId);
      group.push(entry);
      events += weight.events;
      bytes += weight.bytes;
    }
    this.#waiting.push(...left);
    return group;
  }

  async #flush(group: readonly Entry<I, Written>[]): Promise<void> {
    this.#groups += 1;
    try {
      const written = await this.#write(group.map(({ item }) => item));
      for (const [index, { resolve }] of group.entries()) resolve(written[index] ?? null);
    } catch (reason) {
      for (const { reject } of group) reject(reason);
    }
    for (const { item } of group) this.#busy.delete(item.sessionId);
    this.#groups -= 1;
    this.#goOn();
  }
}
