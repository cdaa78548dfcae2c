/** What the bus needs of whatever carries its messages from process to process. */
export interface Wire {
  /** Every connection is usable. */
  isUp(): boolean;
  /** Resolves to how many have heard it, where that is known. Rejects at once while it is down: nothing is queued. */
  publish(topic: string, text: string): Promise<number | null>;
  /** Resolves once what is published from now on will be heard. Lost with the connection: to be repeated after each `onUp`. */
  subscribe(topic: string): Promise<unknown>;
  unsubscribe(topic: string): Promise<unknown>;
  /** Asks each connection for a sign of life; one that stays silent is given up, which `onDown` reports. */
  probe(): void;
  /** Gives every connection back, for good. */
  close(): void;
}

export interface WireEvents {
  onMessage(topic: string, text: string): void;
  /** The connections have come up, again or for the first time, and bear no subscription that can be relied on. */
  onUp(): void;
  /** A connection is lost, or could not be made. Called for every attempt that fails. */
  onDown(reason: string): void;
}

/** What the log may be told: not the whole error, which carries the password where a login was refused. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A name with several addresses fails with an error for each and no message of its own, only a code.
  return error.message || ('code' in error ? String(error.code) : error.name);
}
