/**
 * Holds the newest position of each project until the end of the tick, and while `send` is busy: never more than one entry
 * a project, however long that takes. One `send` at a time.
 */
export class Outbox {
  readonly #send: (hints: ReadonlyMap<string, number>) => Promise<void> | void;
  #hints = new Map<string, number>();
  #scheduled = false;

  /** `send` must neither throw nor reject. */
  constructor(send: (hints: ReadonlyMap<string, number>) => Promise<void> | void) {
    this.#send = send;
  }

  put(projectId: string, position: number): void {
    if (position <= (this.#hints.get(projectId) ?? -1)) return;
    this.#hints.set(projectId, position);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => void this.#flush());
  }

  clear(): void {
    this.#hints.clear();
  }

  async #flush(): Promise<void> {
    while (this.#hints.size > 0) {
      const hints = this.#hints;
      this.#hints = new Map();
      await this.#send(hints);
    }
    this.#scheduled = false;
  }
}
