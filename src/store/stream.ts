// An async generator that waits cannot be ended from outside: its `return()` is queued behind the wait. A stream is a
// generator whose waits know a signal, and whose `return()` gives that signal first.

/** Runs the generator with a signal that is given when its consumer leaves, or when `close` is. */
export function stream<T>(
  generate: (signal: AbortSignal) => AsyncGenerator<T, void, void>,
): AsyncGenerator<T, void, void> {
  const leaving = new AbortController();
  const generator = generate(leaving.signal);
  return {
    next: () => generator.next(),
    return() {
      leaving.abort();
      return generator.return();
    },
    throw(error: unknown) {
      leaving.abort();
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
