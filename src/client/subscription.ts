import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print, type GraphQLFormattedError } from 'graphql';
import { createClient, type Client as Socket } from 'graphql-ws';
import { WebSocket } from 'ws';
import { ClientError, ConnectionError } from './error.js';
import type { Endpoint } from './request.js';

/** A connection that nobody ends may still be dead: how long it may be silent, and how long an answer may take then. */
const SILENCE_MS = 10_000;
const PONG_MS = 5_000;

// What will not be otherwise the next time: a bad request, no or a wrong credential, a revoked one, another protocol.
const LASTING_CLOSES = [4400, 4401, 4403, 4406];

export interface SubscribeOptions {
  /** Ends the subscription, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** Subscribes over one WebSocket, which is open as long as there is a subscription. */
export class Subscriber {
  readonly #endpoint: Endpoint;
  #socket: Socket | null = null;

  constructor(endpoint: Endpoint) {
    this.#endpoint = { ...endpoint, url: endpoint.url.replace(/^http/, 'ws') };
  }

  /**
   * What the subscription brings from the first `next()` on, until the server completes it, the signal aborts or the loop is left.
   * @throws ClientError where the server refuses, ConnectionError where the connection is lost.
   */
  async *subscribe<Result, Variables>(
    document: TypedDocumentNode<Result, Variables>,
    variables: Variables,
    { signal }: SubscribeOptions = {},
  ): AsyncGenerator<Result, void> {
    if (signal?.aborted) return;
    const socket = (this.#socket ??= openSocket(this.#endpoint));
    const results = socket.iterate<Result>({ query: print(document), variables: variables as Fields });
    const end = (): void => void results.return?.();
    signal?.addEventListener('abort', end);
    try {
      for await (const { data, errors } of results) {
        if (errors) throw new ClientError(errors);
        if (data) yield data;
      }
    } catch (error) {
      const explained = this.#explained(error);
      // The library counts those whose connection was lost among its subscriptions for ever, and so would never close the next.
      if (explained instanceof ConnectionError && this.#socket === socket) this.#socket = null;
      throw explained;
    } finally {
      signal?.removeEventListener('abort', end);
    }
  }

  /** The library throws what it got: a list of GraphQL errors, the event of a close or of a failure. */
  #explained(thrown: unknown): Error {
    if (thrown instanceof ClientError) return thrown;
    if (Array.isArray(thrown)) return new ClientError(thrown as GraphQLFormattedError[]);
    const { code, reason, message } = Object(thrown) as { code?: number; reason?: string; message?: string };
    const why = reason || message || `the connection was closed${code ? ` with ${code}` : ''}`;
    return new ConnectionError(this.#endpoint.url, why, !LASTING_CLOSES.includes(code ?? 0));
  }
}

function openSocket({ url, headers }: Endpoint): Socket {
  const told = new Headers(headers);
  let dead: NodeJS.Timeout | undefined;
  const socket = createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: {
      authorization: told.get('authorization') ?? undefined,
      project: told.get('x-lifeline-project') ?? undefined,
    },
    // Repeating the first payload would repeat what it brought: who subscribes knows where to go on.
    retryAttempts: 0,
    keepAlive: SILENCE_MS,
    on: {
      ping: (received) => {
        if (!received) dead = setTimeout(() => socket.terminate(), PONG_MS);
      },
      pong: () => clearTimeout(dead),
      closed: () => clearTimeout(dead),
    },
  });
  return socket;
}

type Fields = Record<string, unknown>;
