// What the fan-out is held against, as a process of its own: bare `ws` that broadcasts a ready string, and graphql-ws whose
// subscriptions never bring anything.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

const now = (): number => performance.timeOrigin + performance.now();

/** `idle`, or `broadcast BYTES PER_SECOND COUNT`, which begins with the first line of stdin; 0 per second is as fast as it can. */
export async function runFloor([kind, bytes, perSecond, count]: readonly string[]): Promise<void> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: ([first]) => first ?? false });
  if (kind === 'idle') {
    const schema = buildSchema('type Query { nothing: Int } type Subscription { nothing: Int }');
    useServer({ schema, roots: { subscription: { nothing } } }, server);
  } else {
    process.stdin.once('data', () => void broadcast(server, [bytes, perSecond, count].map(Number)));
  }
  await once(server, 'listening');
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
}

async function broadcast({ clients }: WebSocketServer, [bytes = 0, perSecond = 0, count = 0]: number[]): Promise<void> {
  const text = 'x'.repeat(bytes);
  const started = performance.now();
  for (let index = 0; index < count; index++) {
    const due = perSecond && started + (index * 1000) / perSecond - performance.now();
    if (due > 0) await delay(due);
    // When it was sent, and then the ready string; every socket takes it before the next is sent.
    const message = `${now().toFixed(3)} ${text}`;
    await Promise.all(Array.from(clients, (socket) => new Promise((taken) => socket.send(message, taken))));
  }
}

async function* nothing(): AsyncGenerator<{ nothing: number }> {
  yield { nothing: 0 };
  await new Promise(() => undefined);
}
