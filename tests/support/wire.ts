import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import type { FormattedExecutionResult, GraphQLFormattedError } from 'graphql';
import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';

export interface Operation {
  query: string;
  variables?: Record<string, unknown>;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

interface Sending {
  method?: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
  /** Ends the response too. */
  signal?: AbortSignal;
}

/** One HTTP request with these headers, whatever they are: `fetch` would keep some of them to itself. */
export async function send(url: string, sending: Sending = {}): Promise<Answer> {
  const response = await open(url, sending);
  return { status: response.statusCode ?? 0, headers: response.headers, text: await text(response) };
}

/** As `send`, resolved as soon as the response begins. */
export async function open(url: string, sending: Sending): Promise<IncomingMessage> {
  const { method = 'GET', headers = {}, body, signal } = sending;
  const outgoing = request(url, { method, headers, signal });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

/** An operation in JSON, with further headers. */
export const posted = (operation: Operation, headers: OutgoingHttpHeaders = {}): Sending => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(operation),
});

export function webSocketClient(url: string): Client {
  return createClient({ url: url.replace(/^http/, 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
}

export type Transport = (url: string, operation: Operation) => Promise<FormattedExecutionResult[]>;

/** The three ways to have an operation carried out; each answers with all of its results. */
export const transports: Readonly<Record<'HTTP' | 'an event stream' | 'a WebSocket', Transport>> = {
  async HTTP(url, operation) {
    const answer = await send(url, posted(operation));
    return [JSON.parse(answer.text) as FormattedExecutionResult];
  },
  async 'an event stream'(url, operation) {
    const answer = await send(url, posted(operation, { accept: 'text/event-stream' }));
    return Array.from(answer.text.matchAll(/^event: next\n(?:id: .*\n)?data: (.*)$/gm), ([, data = '']) => {
      return JSON.parse(data) as FormattedExecutionResult;
    });
  },
  async 'a WebSocket'(url, operation) {
    const client = webSocketClient(url);
    const results: FormattedExecutionResult[] = [];
    await new Promise<void>((resolve) => {
      client.subscribe(
        { ...operation },
        {
          next: (result) => results.push(result as FormattedExecutionResult),
          complete: resolve,
          error(errors) {
            results.push({ errors: errors as GraphQLFormattedError[] });
            resolve();
          },
        },
      );
    });
    await client.dispose();
    return results;
  },
};
