// What is sent to one subscriber.

/** A result, written out. */
export interface Message {
  readonly text: string;
  /** Its position in the log, where it is durable. */
  readonly position: bigint | null;
}

/** One subscriber's way through the messages of an operation. */
export interface Feed {
  /** The next message; null once there is none. One at a time. Rejects with what the caller may hear of a failure. */
  next(): Promise<Message | null>;
  /** Ends it, also while `next` waits, which then gets null. Never rejects. */
  close(): Promise<void>;
}

/**
 * The result of a subscription, instead of an iterable of results: Envelop and Yoga would wrap that several times over, and
 * look at every value for every subscriber.
 */
export class Subscription implements Feed {
  readonly #source: AsyncIterator<unknown, unknown>;
  readonly #compose: (value: unknown) => Promise<Message>;
  readonly #failure: (error: unknown) => Error;
  readonly #callbacks: (() => void)[] = [];
  #isClosed = false;

  constructor(
    source: AsyncIterator<unknown, unknown>,
    compose: (value: unknown) => Promise<Message>,
    failure: (error: unknown) => Error,
  ) {
    this.#source = source;
    this.#compose = compose;
    this.#failure = failure;
  }

  async next(): Promise<Message | null> {
    try {
      const turn = await this.#source.next();
      if (!turn.done) {
        const message = await this.#compose(turn.value);
        return this.#isClosed ? null : message;
      }
    } catch (error) {
      if (this.#isClosed) return null;
      await this.close();
      throw this.#failure(error);
    }
    await this.close();
    return null;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const callback of this.#callbacks) callback();
    // Nobody is left to hear of what goes wrong here.
    await this.#source.return?.().catch(() => undefined);
  }

  /** Calls back once it is over, however it came to its end. */
  onClose(callback: () => void): void {
    this.#callbacks.push(callback);
  }
}
