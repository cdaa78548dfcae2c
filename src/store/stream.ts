// An async generator that waits cannot be ended from outside: its `return()` is queued behind the wait. A stream is a
// generator whose waits know when its consumer leaves.

/** What was read for a consumer is told within this time: one that is slower gets what has become of it since. */
export const FRESH_MS = 250;

/** What a stream knows of its consumer. An AbortSignal says the same, and weighs more than all the rest of a follower. */
export class Leave {
  #given = false;
  // Hardly ever more than two.
  #callbacks: (() => void)[] = [];

  /** Whether the consumer has left. */
  get given(): boolean {
    return this.#given;
  }

  /** Calls back when the consumer leaves. */
  on(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  off(callback: () => void): void {
    const index = this.#callbacks.indexOf(callback);
    if (index >= 0) this.#callbacks.splice(index, 1);
  }

  /** The consumer leaves. */
  give(): void {
    this.#given = true;
    for (const callback of this.#callbacks.splice(0)) callback();
  }

  /** Resolves after so long, or as soon as the consumer leaves. */
  async pause(ms: number): Promise<void> {
    if (this.#given) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.off(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.on(done);
    });
  }
}

/** Runs the generator, and tells it when its consumer leaves. */
export function stream<T>(generate: (leave: Leave) => AsyncGenerator<T, void, void>): AsyncGenerator<T, void, void> {
  const leave = new Leave();
  const generator = generate(leave);
  return {
    next: () => generator.next(),
    return() {
      leave.give();
      return generator.return();
    },
    throw(error: unknown) {
      leave.give();
      return generator.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await this.return();
    },
  };
}
