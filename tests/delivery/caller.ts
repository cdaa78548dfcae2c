import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type Client } from '../../src/client/client.js';
import { ClientError, ConnectionError, mayPass } from '../../src/client/error.js';
import { RETRYABLE } from '../../src/domain/errors.js';
import type { Relay } from '../support/relay.js';
import type { Mutation } from './document.js';
import type { Kind, Ledger, Outcome } from './ledger.js';
import type { Random } from './random.js';

/** How long an answer may take before nobody waits for it: a line may be silent for ever. */
const PATIENCE_MS = 8_000;
const PAUSE_MS = 150;
/** How often a writer gives up instead of repeating: its write may have been done or not. */
const GIVE_UP = 0.04;

export interface Answer<Payload> {
  readonly outcome: Outcome;
  /** Where it was acknowledged. */
  readonly payload?: Payload;
  readonly retried: boolean;
  readonly sentAt: number;
}

export interface CallerOptions {
  /** Begins the marks of all that it writes: no other's, ever, begins so. */
  readonly name: string;
  /** The only way that this caller goes; each new connection of it may lead to another server. */
  readonly way: Relay;
  readonly headers: Record<string, string>;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly clock: () => number;
  /** Given when there is no use in repeating any more. */
  readonly lastCall: AbortSignal;
}

/** Sends a write again, with the same keys and by other servers, until there is an answer; and keeps what that was. */
export class Caller {
  readonly #options: CallerOptions;
  readonly #client: Client;
  #count = 0;

  constructor(options: CallerOptions) {
    this.#options = options;
    this.#client = createClient({ url: options.way.url, headers: options.headers });
  }

  /** Something that is in nothing else that is written. */
  mark(): string {
    this.#count += 1;
    return `${this.#options.name}-${this.#count}`;
  }

  /** Notes what was answered to a write. */
  claim<Payload>(
    kind: Kind,
    mark: string,
    { outcome, retried, sentAt }: Answer<Payload>,
    told: { id?: string | undefined; position?: number | undefined } = {},
  ): void {
    this.#options.ledger.claims.push({ kind, mark, outcome, retried, sentAt, ...told });
  }

  /** `insist`: whether it never gives up by choice. */
  async call<Input, Payload>(
    { field, document }: Mutation<Input, Payload>,
    input: Input,
    { insist = false } = {},
  ): Promise<Answer<Payload>> {
    const { way, ledger, random, clock, lastCall } = this.#options;
    const sentAt = clock();
    const answer = (outcome: Outcome, retried: boolean, payload?: Payload): Answer<Payload> => {
      ledger.calls[outcome] += 1;
      if (retried) ledger.calls.retried += 1;
      return { outcome, retried, sentAt, payload };
    };
    for (let attempt = 0; ; attempt++) {
      try {
        const signal = AbortSignal.timeout(PATIENCE_MS);
        const { [field]: payload } = await this.#client.request(document, { input }, { signal });
        return answer('acknowledged', attempt > 0, payload);
      } catch (error) {
        if (isRefusal(error)) return answer('refused', attempt > 0);
        if (!isLoss(error)) ledger.faults.push(`${field} at ${sentAt.toFixed(0)} ms: ${String(error)}`);
        if (lastCall.aborted || (!insist && random.chance(GIVE_UP))) return answer('unknown', attempt > 0);
        // The next connection leads to another server.
        way.cut();
        await delay(PAUSE_MS * (0.5 + random.fraction()));
      }
    }
  }
}

/** An answer by which nothing was done. */
const isRefusal = (error: unknown): boolean =>
  error instanceof ClientError && error.code in RETRYABLE && !mayPass(error);

const isLoss = (error: unknown): boolean =>
  mayPass(error) || error instanceof ConnectionError || (error as Error).name === 'TimeoutError';
