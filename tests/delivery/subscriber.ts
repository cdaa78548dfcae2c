import { setTimeout as delay } from 'node:timers/promises';
import { mayPass } from '../../src/client/error.js';
import { now } from '../support/commit.js';
import type { Relay } from '../support/relay.js';
import type { Item } from './checker.js';
import type { Feed } from './feed.js';

const RETRY_MS = 100;

export interface Received extends Item {
  /** In ms, as `now` counts them. */
  readonly at: number;
}

export interface SubscriberOptions {
  readonly name: string;
  readonly feed: Feed;
  /** Everything committed after it is due. */
  readonly from: number;
  /** Its only way; each new connection of it may lead to another server. */
  readonly way: Relay;
  readonly headers: Record<string, string>;
  /** Gives back the one that is there already of equal texts, so that memory holds each once. */
  readonly intern: (text: string) => string;
}

/** Keeps all that it receives, and its own cursor, with which it comes back after every loss. */
export class Subscriber {
  readonly name: string;
  readonly feed: Feed;
  readonly from: number;
  readonly way: Relay;
  readonly startedAt = now();
  readonly received: Received[] = [];
  /** What it was refused, which nobody should be. */
  readonly refusals: string[] = [];
  readonly #options: SubscriberOptions;
  readonly #leaving = new AbortController();
  readonly #ended: Promise<void>;
  #connection = new AbortController();
  #cursor: number;

  constructor(options: SubscriberOptions) {
    ({ name: this.name, feed: this.feed, from: this.from, way: this.way } = options);
    this.#options = options;
    this.#cursor = options.from;
    this.#ended = this.#run();
  }

  /** Up to where it has been told of the log. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Closes what it has open, and comes back with its cursor. */
  reconnect(): void {
    this.#connection.abort();
  }

  async close(): Promise<void> {
    this.#leaving.abort();
    this.#connection.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { way, headers, intern } = this.#options;
    while (!this.#leaving.signal.aborted) {
      this.#connection = new AbortController();
      try {
        const { signal } = this.#connection;
        for await (const { items, cursor } of this.feed.follow({ url: way.url, headers }, this.#cursor, signal)) {
          // What arrives on a connection that has been left belongs to nobody: the next one brings it again.
          if (signal.aborted) break;
          const at = now();
          for (const { position, content } of items) this.received.push({ position, content: intern(content), at });
          this.#cursor = cursor;
        }
      } catch (error) {
        if (!mayPass(error)) this.refusals.push(`after ${this.#cursor}: ${String(error)}`);
      }
      await delay(RETRY_MS);
    }
  }
}
