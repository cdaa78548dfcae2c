import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Credential } from './credential.js';
import type { Operation } from './wire.js';

/** One subscription on a WebSocket of its own, and what came to it, as it was sent. */
export interface Subscriber {
  readonly socket: WebSocket;
  readonly messages: string[];
  /** The results among the messages. */
  readonly payloads: string[];
}

/** Resolves with the first message of the subscription. */
export async function subscribe(
  url: string,
  operation: Operation & { operationName?: string },
  credential: Credential = {},
): Promise<Subscriber> {
  const socket = await acknowledged(url, credential);
  const messages: string[] = [];
  const payloads: string[] = [];
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    const [, payload] = /"type":"next","payload":(.*)\}$/s.exec(text) ?? [];
    messages.push(text);
    if (payload !== undefined) payloads.push(payload);
  });
  socket.send(JSON.stringify({ id: 'a "quoted" id', type: 'subscribe', payload: operation }));
  await once(socket, 'message');
  return { socket, messages, payloads };
}

/** A socket on which operations can be begun. */
export async function acknowledged(url: string, credential: Credential = {}): Promise<WebSocket> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), 'graphql-transport-ws');
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: credential }));
  await once(socket, 'message');
  return socket;
}

export const close = (subscribers: readonly Subscriber[]): void =>
  subscribers.forEach(({ socket }) => socket.terminate());
