/** What is done for a consumer before it asks, once it is known what it will ask for. */
export class Ahead<Result> {
  readonly #keptMs: number;
  #begun: Promise<Result> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /** A result that nobody has asked for is kept for so long: then it is let go, and nothing is begun any more. */
  constructor(keptMs: number) {
    this.#keptMs = keptMs;
  }

  /** Begins, unless an earlier result was let go: who is so slow would have everything done twice. */
  begin(work: () => Promise<Result>): void {
    if (this.#isOver) return;
    const begun = work();
    const keep = (): void => {
      if (this.#begun === begun) this.#timer = setTimeout(() => this.end(), this.#keptMs);
    };
    this.#begun = begun;
    // Who asks for it hears of a failure.
    begun.then(keep, keep);
  }

  /** What has been begun, to one who asks; null where nothing is there. */
  take(): Promise<Result> | null {
    const begun = this.#begun;
    clearTimeout(this.#timer);
    this.#begun = null;
    return begun;
  }

  /** Lets go of what has been begun. */
  end(): void {
    clearTimeout(this.#timer);
    this.#isOver = true;
    this.#begun = null;
  }
}
