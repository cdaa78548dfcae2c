interface Options<Value> {
  /** Must neither throw nor reject. */
  send: (values: ReadonlyMap<string, Value>) => Promise<void> | void;
  /** What is kept of a topic's value when another one comes. */
  merge: (kept: Value, next: Value) => Value;
}

/**
 * Holds what is to be told of each topic until the end of the tick, and while `send` is busy: never more than `merge` keeps
 * of a topic, however long that takes. One `send` at a time.
 */
export class Outbox<Value> {
  readonly #options: Options<Value>;
  #values = new Map<string, Value>();
  #scheduled = false;

  constructor(options: Options<Value>) {
    this.#options = options;
  }

  put(topic: string, value: Value): void {
    const kept = this.#values.get(topic);
    this.#values.set(topic, kept === undefined ? value : this.#options.merge(kept, value));
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => void this.#flush());
  }

  clear(): void {
    this.#values.clear();
  }

  async #flush(): Promise<void> {
    while (this.#values.size > 0) {
      const values = this.#values;
      this.#values = new Map();
      await this.#options.send(values);
    }
    this.#scheduled = false;
  }
}
