import { setTimeout as delay } from 'node:timers/promises';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { createClient } from '../../src/client/client.js';
import { mayPass } from '../../src/client/error.js';
import type { Relay } from '../support/relay.js';

const RETRY_MS = 100;

export interface FollowerOptions<Data, Variables> {
  readonly way: Relay;
  readonly headers: Record<string, string>;
  readonly document: TypedDocumentNode<Data, Variables>;
  readonly variables: Variables;
  /** Told of each message, and on which connection of this follower it came: they count from 1. */
  readonly see: (data: Data, connection: number) => void;
  /** Whether nothing more is to come. */
  readonly isOver?: () => boolean;
}

/** Subscribes to what has no position to go on from, and again after every loss. */
export class Follower<Data, Variables> {
  /** What it was refused, which nobody should be. */
  readonly refusals: string[] = [];
  readonly #options: FollowerOptions<Data, Variables>;
  readonly #leaving = new AbortController();
  readonly #ended: Promise<void>;

  constructor(options: FollowerOptions<Data, Variables>) {
    this.#options = options;
    this.#ended = this.#run();
  }

  async close(): Promise<void> {
    this.#leaving.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { way, headers, document, variables, see, isOver = () => false } = this.#options;
    const { signal } = this.#leaving;
    for (let connection = 1; !isOver() && !signal.aborted; connection++) {
      try {
        const client = createClient({ url: way.url, headers });
        for await (const data of client.subscribe(document, variables, { signal })) see(data, connection);
      } catch (error) {
        if (!mayPass(error)) this.refusals.push(String(error));
      }
      await delay(RETRY_MS);
    }
  }
}
