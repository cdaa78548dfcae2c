import type { OutgoingHttpHeaders } from 'node:http';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { FormattedExecutionResult } from 'graphql';
import { open, posted, send, type Operation } from './wire.js';

/** What a request brings; of a WebSocket, its `connection_init`. */
export interface Credential {
  authorization?: string;
  project?: string;
}

export const bearer = (key: string, project?: string): Credential => ({
  authorization: `Bearer ${key}`,
  ...(project !== undefined && { project }),
});

export const headersOf = ({ authorization, project }: Credential): OutgoingHttpHeaders => ({
  ...(authorization !== undefined && { authorization }),
  ...(project !== undefined && { 'x-lifeline-project': project }),
});

/** The first result, or how the server refused: a status, or the code of a close. */
export type Reply = { result: FormattedExecutionResult } | { refused: number };

export type Ask = (url: string, operation: Operation, credential: Credential) => Promise<Reply>;

/** The three ways to have an operation carried out in somebody's name. */
export const asks: Readonly<Record<'HTTP' | 'an event stream' | 'a WebSocket', Ask>> = {
  async HTTP(url, operation, credential) {
    const { status, text } = await send(url, posted(operation, headersOf(credential)));
    return status === 401 || status === 404 ? { refused: status } : { result: parsed(text) };
  },
  async 'an event stream'(url, operation, credential) {
    const headers = { ...headersOf(credential), accept: 'text/event-stream' };
    const { status, text } = await send(url, posted(operation, headers));
    const [, data] = /^data: (.+)$/m.exec(text) ?? [];
    return data === undefined ? { refused: status } : { result: parsed(data) };
  },
  async 'a WebSocket'(url, operation, credential) {
    const client = socketClient(url, credential);
    try {
      for await (const result of client.iterate(operation)) return { result: result as FormattedExecutionResult };
      throw new Error('there was no result');
    } catch (thrown) {
      const { code } = thrown as { code?: number };
      if (Array.isArray(thrown)) return { result: { errors: thrown as [] } };
      if (code === undefined) throw thrown;
      return { refused: code };
    } finally {
      await client.dispose();
    }
  },
};

const parsed = (text: string) => JSON.parse(text) as FormattedExecutionResult;

export function socketClient(url: string, credential: Credential) {
  return createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazyCloseTimeout: 0,
    connectionParams: { ...credential },
  });
}

/** A subscription that is open: how many messages it has brought, and what ended it. */
export interface Open {
  readonly received: () => number;
  /** The code of the close, or `ended` for an event stream. */
  readonly over: Promise<number | 'ended'>;
}

export function openSocket(url: string, operation: Operation, credential: Credential): Open {
  let received = 0;
  const client = socketClient(url, credential);
  const over = new Promise<number>((resolve) => {
    client.on('closed', (event) => resolve((event as { code: number }).code));
  });
  client.subscribe(operation, { next: () => (received += 1), error: () => undefined, complete: () => undefined });
  return { received: () => received, over };
}

export async function openStream(url: string, operation: Operation, credential: Credential): Promise<Open> {
  let text = '';
  const headers = { ...headersOf(credential), accept: 'text/event-stream' };
  const response = await open(url, posted(operation, headers));
  const over = new Promise<'ended'>((resolve) => response.on('close', () => resolve('ended')));
  response.on('error', () => undefined);
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return { received: () => text.split('event: next').length - 1, over };
}
