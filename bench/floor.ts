// What the fan-out is held against, as a process of its own: bare `ws` that broadcasts a ready string, and graphql-ws whose
// subscriptions never bring anything.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { now } from '../tests/support/commit.js';

/** Starts that process, which is this program with the argument `floor`; `begin` has it broadcast. */
export async function startFloor(args: readonly (string | number)[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [process.argv[1] ?? '', 'floor', ...args.map(String)], {
    env: { ...process.env, ...env },
  });
  const failed = text(child.stderr).then((complaint) => Promise.reject(new Error(complaint)));
  const line = once(createInterface({ input: child.stdout }), 'line');
  const [url] = (await Promise.race([line, failed])) as [string];
  failed.catch(() => undefined);
  return { url, begin: () => void child.stdin.write('go\n'), stop: () => void child.kill() };
}

/** What that process does: `idle`, or `broadcast BYTES PER_SECOND COUNT`, which begins with the first line of stdin; 0 per second is as fast as it can. */
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
