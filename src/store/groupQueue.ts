// Appends to the log of one project wait for one another in any case: each takes the lock on the project, and has it until it
// is on disk. So what arrives while others are under way goes together in the next statement, with one lock and one commit
// for all; a quiet project's waits for nothing.
import type { PlainAppend } from './append.js';

/** Null stands for an append of which nothing was written. */
type Write = (appends: readonly PlainAppend[]) => Promise<readonly (bigint | null)[]>;

interface Entry {
  readonly append: PlainAppend;
  readonly bytes: number;
  readonly resolve: (position: bigint | null) => void;
  readonly reject: (reason: unknown) => void;
}

// While one has the lock, the next is read and waits for it, and this process makes the one after that.
const STATEMENTS_AT_ONCE = 2;
// As many as one call may have, so that nobody waits for much more than for another's call.
const EVENTS_PER_STATEMENT = 500;
const BYTES_PER_STATEMENT = 1024 * 1024;

export class AppendQueue {
  readonly #write: Write;
  readonly #waiting: Entry[] = [];
  /** The sessions of the appends that are under way. */
  readonly #busy = new Set<string>();
  readonly #closing: (() => void)[] = [];
  #statements = 0;
  #isScheduled = false;

  constructor(write: Write) {
    this.#write = write;
  }

  /** Has it written together with others, and resolves and rejects as `write` does. */
  put(append: PlainAppend, bytes: number): Promise<bigint | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ append, bytes, resolve, reject });
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
    while (this.#waiting.length + this.#statements > 0) {
      await new Promise<void>((resolve) => this.#closing.push(resolve));
    }
  }

  #goOn(): void {
    while (this.#statements < STATEMENTS_AT_ONCE) {
      const batch = this.#take();
      if (batch.length === 0) break;
      void this.#flush(batch);
    }
    if (this.#waiting.length + this.#statements === 0) for (const resolve of this.#closing.splice(0)) resolve();
  }

  /** The next that may go together, one of a session: a second one might repeat a key of the first. */
  #take(): Entry[] {
    const batch: Entry[] = [];
    const left: Entry[] = [];
    let [events, bytes, isFull] = [0, 0, false];
    for (const entry of this.#waiting.splice(0)) {
      const { sessionId, events: drafts } = entry.append;
      isFull ||=
        events > 0 && (events + drafts.length > EVENTS_PER_STATEMENT || bytes + entry.bytes > BYTES_PER_STATEMENT);
      if (isFull || this.#busy.has(sessionId)) {
        left.push(entry);
        continue;
      }
      this.#busy.add(sessionId);
      batch.push(entry);
      events += drafts.length;
      bytes += entry.bytes;
    }
    this.#waiting.push(...left);
    return batch;
  }

  async #flush(batch: readonly Entry[]): Promise<void> {
    this.#statements += 1;
    try {
      const positions = await this.#write(batch.map(({ append }) => append));
      for (const [index, { resolve }] of batch.entries()) resolve(positions[index] ?? null);
    } catch (reason) {
      for (const { reject } of batch) reject(reason);
    }
    for (const { append } of batch) this.#busy.delete(append.sessionId);
    this.#statements -= 1;
    this.#goOn();
  }
}
