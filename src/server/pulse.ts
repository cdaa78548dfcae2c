// Signs of life for idle connections. One timer serves all of them, and a part of them at each of its ticks, so that ten
// thousand do not have their turn at once.

const PARTS = 12;

export class Pulse {
  readonly #tickMs: number;
  readonly #parts = new Map<number, Set<() => void>>();
  #tick = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(everyMs: number) {
    this.#tickMs = everyMs / PARTS;
  }

  /** Calls back about every so often, for the first time after about as long; the function that it answers with ends it. */
  add(beat: () => void): () => void {
    const key = this.#tick;
    const part = this.#parts.get(key) ?? new Set();
    this.#parts.set(key, part.add(beat));
    this.#timer ??= setInterval(() => this.#next(), this.#tickMs);
    return () => {
      part.delete(beat);
      if (part.size === 0 && this.#parts.get(key) === part) this.#parts.delete(key);
      if (this.#parts.size === 0) this.#stop();
    };
  }

  #next(): void {
    this.#tick = (this.#tick + 1) % PARTS;
    for (const beat of this.#parts.get(this.#tick) ?? []) beat();
  }

  #stop(): void {
    clearInterval(this.#timer ?? undefined);
    this.#timer = null;
  }
}
