// How much a caller may have at once and how often, counted in this process. Both forget who has nothing and wants nothing.
import { RateLimitedError } from '../domain/errors.js';

/** Where something has to end first, nobody knows when: a second is soon enough to ask again. */
const ASK_AGAIN_MS = 1_000;
/** By less than this, fractions of a token that make up a whole one fall short of it. */
const ROUNDING = 1e-9;

/** So many things at once for each caller, or whatever else can have many. */
export class Slots<Caller = string> {
  readonly #taken = new Map<Caller, number>();

  constructor(private readonly limit: number) {}

  /** Takes one, and answers with how to give it back: once, however often that is called. Throws RateLimitedError. */
  take(caller: Caller): () => void {
    const taken = this.#taken.get(caller) ?? 0;
    if (taken >= this.limit) throw new RateLimitedError({ retryAfterMs: ASK_AGAIN_MS });
    this.#taken.set(caller, taken + 1);
    let isMine = true;
    return () => {
      if (!isMine) return;
      isMine = false;
      const left = (this.#taken.get(caller) ?? 1) - 1;
      if (left > 0) this.#taken.set(caller, left);
      else this.#taken.delete(caller);
    };
  }

  /** How many are taken, of all callers. */
  get size(): number {
    return Array.from(this.#taken.values()).reduce((sum, taken) => sum + taken, 0);
  }
}

interface Bucket {
  tokens: number;
  /** When it held so many. */
  atMs: number;
}

interface Rate {
  readonly perSecond: number;
  /** How many may come at once after a pause. */
  readonly burst: number;
  /** A clock that never goes back, in milliseconds. */
  readonly now?: () => number;
}

/** A token bucket for each caller: it fills by `perSecond` up to `burst`, and each call takes one. */
export class RateLimit {
  readonly #buckets = new Map<string, Bucket>();
  readonly #perMs: number;
  readonly #burst: number;
  readonly #now: () => number;

  constructor({ perSecond, burst, now = () => performance.now() }: Rate) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#now = now;
  }

  /** Throws RateLimitedError with the time until there is a token again; a refused call takes none. */
  take(caller: string): void {
    const atMs = this.#now();
    const tokens = this.#tokens(this.#buckets.get(caller), atMs);
    if (tokens < 1 - ROUNDING) throw new RateLimitedError({ retryAfterMs: Math.ceil((1 - tokens) / this.#perMs) });
    // Whoever came last stands last, so that those at the front are the ones who may be full again.
    this.#buckets.delete(caller);
    this.#forgetFull(atMs);
    this.#buckets.set(caller, { tokens: tokens - 1, atMs });
  }

  /** Gives one back that was taken. */
  giveBack(caller: string): void {
    const bucket = this.#buckets.get(caller);
    if (bucket) bucket.tokens += 1;
  }

  /** How many callers are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  #tokens(bucket: Bucket | undefined, atMs: number): number {
    return bucket ? Math.min(bucket.tokens + (atMs - bucket.atMs) * this.#perMs, this.#burst) : this.#burst;
  }

  #forgetFull(atMs: number): void {
    for (const [caller, bucket] of this.#buckets) {
      if (this.#tokens(bucket, atMs) < this.#burst) return;
      this.#buckets.delete(caller);
    }
  }
}
