// What many followers read at once is read once, and is one object to all of them.

/** Answers equal questions together. No answer is older than its question: who comes too late for one gets the next. */
export class SharedReads {
  readonly #awaited = new Map<string, Promise<unknown>>();
  readonly #running = new Map<string, Promise<unknown>>();

  /** What `read` brings, which is the same for all who name the same key. At most one read of a key runs at a time. */
  read<T>(key: string, read: () => Promise<T>): Promise<T> {
    const awaited = this.#awaited.get(key) as Promise<T> | undefined;
    if (awaited) return awaited;
    const begin = (): Promise<T> => {
      this.#awaited.delete(key);
      this.#running.set(key, answer);
      return read();
    };
    const before = this.#running.get(key) ?? afterMicrotasks();
    const answer = before.then(begin, begin).finally(() => {
      if (this.#running.get(key) === answer) this.#running.delete(key);
    });
    this.#awaited.set(key, answer);
    return answer;
  }
}

/** Followers that are woken together ask in one go of microtasks. */
const afterMicrotasks = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
