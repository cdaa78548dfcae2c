// Sockets of those who watch, as bare as they can be: what is measured is what is sent to them.
import { once } from 'node:events';
import { WebSocket } from 'ws';

export async function connect(url: string, count: number): Promise<WebSocket[]> {
  const sockets: WebSocket[] = [];
  for (let index = 0; index < count; index++) {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), 'graphql-transport-ws');
    await once(socket, 'open');
    sockets.push(socket);
  }
  return sockets;
}

/** Sockets of GraphQL that have been acknowledged. */
export async function open(url: string, count: number): Promise<WebSocket[]> {
  const sockets = await connect(url, count);
  await Promise.all(
    sockets.map(async (socket) => {
      socket.send('{"type":"connection_init"}');
      await once(socket, 'message');
    }),
  );
  return sockets;
}

export const subscribe = (socket: WebSocket, id: string, operation: object): void =>
  socket.send(JSON.stringify({ id, type: 'subscribe', payload: operation }));

/** Resolves when all sockets together have had so many messages; `take` sees each, and says for how many it counts. */
export function received(
  sockets: readonly WebSocket[],
  count: number,
  take: (data: Buffer, index: number) => number,
): Promise<void> {
  let left = count;
  return new Promise((resolve, reject) => {
    sockets.forEach((socket, index) =>
      socket.on('message', (data: Buffer) => {
        if (data.includes('"type":"error"')) reject(new Error(`a subscription was refused: ${data.toString()}`));
        left -= take(data, index);
        if (left <= 0) resolve();
      }),
    );
  });
}

export const leave = (sockets: readonly WebSocket[]): void => sockets.forEach((socket) => socket.terminate());
