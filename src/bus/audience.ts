import type { Hint } from './bus.js';

/** Who listens to which project in this process. */
export class Audience {
  readonly #listeners = new Map<string, Set<(hint: Hint) => void>>();

  /** Adds a listener, the same function as often as it is given; the answer takes it away again, once. */
  add(projectId: string, onHint: (hint: Hint) => void): () => void {
    const listeners = this.#listeners.get(projectId) ?? new Set();
    this.#listeners.set(projectId, listeners);
    // A function of its own for every call: one function may listen twice.
    const listener = (hint: Hint): void => onHint(hint);
    listeners.add(listener);
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) this.#listeners.delete(projectId);
    };
  }

  has(projectId: string): boolean {
    return this.#listeners.has(projectId);
  }

  projects(): string[] {
    return [...this.#listeners.keys()];
  }

  tell(projectId: string, hint: Hint): void {
    for (const listener of this.#listeners.get(projectId) ?? []) listener(hint);
  }

  clear(): void {
    for (const listeners of this.#listeners.values()) listeners.clear();
    this.#listeners.clear();
  }
}
