import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { tailLog, type LogBatch, type LogDocument, type TailOptions } from './log.js';
import { FollowLogDocument } from './operation.js';
import { persistently, type PersistOptions } from './persist.js';
import { request, type RequestOptions } from './request.js';
import { Subscriber, type SubscribeOptions } from './subscription.js';

export interface ClientOptions {
  /** Of the GraphQL endpoint, http: or https:; subscriptions use the same by ws: or wss:. */
  url: string;
  /** Sent with every request; `authorization` and `x-lifeline-project` with every WebSocket too. */
  headers?: Record<string, string>;
}

/** A caller of one server. Nothing of it has to be closed: what is open ends with the last subscription. */
export interface Client {
  /** @throws ClientError where the server refuses, ConnectionError where none answers, or the signal's reason. */
  request<Result, Variables>(
    document: TypedDocumentNode<Result, Variables>,
    variables: Variables,
    options?: RequestOptions,
  ): Promise<Result>;
  /**
   * Begins with the first `next()` and ends with the server, the signal or the loop that reads it.
   * @throws ClientError where the server refuses, ConnectionError where the connection is lost.
   */
  subscribe<Result, Variables>(
    document: TypedDocumentNode<Result, Variables>,
    variables: Variables,
    options?: SubscribeOptions,
  ): AsyncIterable<Result>;
  /**
   * The log after a position, or from now on, in order and each entry once: it goes on by itself after lost connections.
   * @throws ClientError where the server refuses, ConnectionError where it cannot be reached to begin with.
   */
  tailLog(options?: TailOptions): AsyncIterable<LogBatch>;
  /** As `tailLog`, of each entry only what the document selects. */
  followLog<Batch extends { position: number }>(
    document: LogDocument<Batch>,
    options?: TailOptions,
  ): AsyncIterable<Batch>;
  /**
   * As `subscribe`, and again after lost connections: for what is not kept, so that what came meanwhile is missed.
   * @throws ClientError where the server refuses, ConnectionError where it cannot be reached to begin with.
   */
  follow<Result, Variables>(
    document: TypedDocumentNode<Result, Variables>,
    variables: Variables,
    options?: PersistOptions,
  ): AsyncIterable<Result>;
}

/** A client of the server at this URL. It connects to nothing before it is asked something. */
export function createClient({ url, headers = {} }: ClientOptions): Client {
  const endpoint = { url, headers };
  const subscriber = new Subscriber(endpoint);
  return {
    request: (document, variables, options) => request(endpoint, document, variables, options),
    subscribe: (document, variables, options) => subscriber.subscribe(document, variables, options),
    tailLog: (options) => tailLog(subscriber, FollowLogDocument, options),
    followLog: (document, options) => tailLog(subscriber, document, options),
    follow: (document, variables, options) =>
      persistently(() => subscriber.subscribe(document, variables, { signal: options?.signal }), options),
  };
}

export { ClientError, ConnectionError } from './error.js';
export type { LogBatch } from './log.js';
