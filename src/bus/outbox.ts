interface Options<Value, Told> {
  /** Must neither throw nor reject. */
  send: (values: ReadonlyMap<string, Value>) => Promise<void> | void;
  /** What is kept of a topic when it is told something; nothing is kept of it before that. */
  merge: (kept: Value | undefined, told: Told) => Value;
}

/**
 * Holds what is to be told of each topic until the end of the tick, and while `send` is busy: never more than `merge` keeps
 * of a topic, however long that takes. One `send` at a time.
 */
export class Outbox<Value, Told = Value> {
  readonly #options: Options<Value, Told>;
  #values = new Map<string, Value>();
  #scheduled = false;

  constructor(options: Options<Value, Told>) {
    this.#options = options;
  }

  put(topic: string, told: Told): void {
    this.#values.set(topic, this.#options.merge(this.#values.get(topic), told));
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
