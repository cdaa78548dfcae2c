import type { Logger } from 'pino';

/** What was opened so far, to be closed together. */
export class Opened {
  readonly #closings: (() => Promise<void>)[] = [];
  #closing: Promise<void> | null = null;

  constructor(private readonly log: Logger) {}

  /** Answers with the part. */
  keep<Part>(part: Part, close: (part: Part) => Promise<void>): Part {
    this.#closings.push(() => close(part));
    return part;
  }

  /** In the reverse order of opening: what is closed last is what the others still need. Never rejects; further calls wait too. */
  close(): Promise<void> {
    return (this.#closing ??= this.#closeAll());
  }

  async #closeAll(): Promise<void> {
    for (const close of this.#closings.toReversed()) {
      await close().catch((error: unknown) => this.log.error({ err: error }, 'a part of the server did not close'));
    }
  }
}
