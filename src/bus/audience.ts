/** Who listens to which topic in this process. */
export class Audience<Message> {
  readonly #listeners = new Map<string, Set<(message: Message) => void>>();

  /** Adds a listener, the same function as often as it is given; the answer takes it away again, once. */
  add(topic: string, onMessage: (message: Message) => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners);
    // A function of its own for every call: one function may listen twice.
    const listener = (message: Message): void => onMessage(message);
    listeners.add(listener);
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) this.#listeners.delete(topic);
    };
  }

  has(topic: string): boolean {
    return this.#listeners.has(topic);
  }

  topics(): string[] {
    return [...this.#listeners.keys()];
  }

  tell(topic: string, message: Message): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener(message);
  }

  clear(): void {
    for (const listeners of this.#listeners.values()) listeners.clear();
    this.#listeners.clear();
  }
}
