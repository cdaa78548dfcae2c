import { setTimeout as delay } from 'node:timers/promises';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print, type FormattedExecutionResult } from 'graphql';
import { ClientError, ConnectionError, mayPass, pauseAfter } from './error.js';

export interface Endpoint {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface RequestOptions {
  /**
   * How long to repeat a request that gets no answer, or UNAVAILABLE. 0 where absent: only who asks knows whether it may be
   * carried out twice, as a query may, and a mutation with an idempotency key.
   */
  readonly repeatForMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Carries out a query or a mutation over HTTP and answers with its data.
 * @throws ClientError, ConnectionError, or the signal's reason.
 */
export async function request<Result, Variables>(
  endpoint: Endpoint,
  document: TypedDocumentNode<Result, Variables>,
  variables: Variables,
  { repeatForMs = 0, signal }: RequestOptions = {},
): Promise<Result> {
  const body = JSON.stringify({ query: print(document), variables });
  const until = performance.now() + repeatForMs;
  for (let attempt = 0; ; attempt++) {
    try {
      return await post<Result>(endpoint, body, signal);
    } catch (error) {
      const pause = pauseAfter(attempt);
      if (!mayPass(error) || performance.now() + pause > until) throw error;
      await delay(pause, undefined, { signal });
    }
  }
}

async function post<Result>(
  { url, headers }: Endpoint,
  body: string,
  signal: AbortSignal | undefined,
): Promise<Result> {
  const answer = await exchange(url, {
    method: 'POST',
    headers: {
      ...headers,
      accept: 'application/graphql-response+json, application/json',
      'content-type': 'application/json',
    },
    body,
    signal: signal ?? null,
  });
  const { data, errors } = resultOf<Result>(url, answer);
  if (errors?.length) throw new ClientError(errors);
  if (data == null) throw new ConnectionError(url, 'what answers there speaks no GraphQL', false);
  return data;
}

interface Answer {
  status: number;
  text: string;
}

async function exchange(url: string, init: RequestInit): Promise<Answer> {
  try {
    const response = await fetch(url, init);
    return { status: response.status, text: await response.text() };
  } catch (error) {
    init.signal?.throwIfAborted();
    // `fetch` says "fetch failed", and why in the cause; of a name with several addresses only a code is told.
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
    throw new ConnectionError(url, (cause?.message || cause?.code) ?? String(error), true);
  }
}

function resultOf<Result>(url: string, { status, text }: Answer): FormattedExecutionResult<Result> {
  try {
    const result: unknown = JSON.parse(text);
    if (typeof result === 'object' && result !== null) return result;
  } catch {
    // A page: of a proxy whose server is away, say, or of something else altogether.
  }
  throw new ConnectionError(url, `what answers there, with status ${status}, speaks no GraphQL`, status >= 500);
}
