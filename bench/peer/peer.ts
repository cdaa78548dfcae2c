// What the server is held against: each a process of its own that prints its URL when it answers.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { createInterface } from 'node:readline';

export interface Peer {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** As many as the server has for reads. */
export const POOL_SIZE = 10;

const programs = {
  floor: () => import('./floor.js'),
  mercurius: () => import('./mercurius.js'),
  yoga: () => import('./yoga.js'),
};

/** Starts one of them, which is this program with the arguments `peer`, its name and what it is given: the database first. */
export const startPeer = (name: keyof typeof programs, ...given: string[]): Promise<Peer> =>
  start(process.execPath, [process.argv[1] ?? '', 'peer', name, ...given]);

/** What that process does. */
export async function runPeer(name: string | undefined): Promise<void> {
  await programs[name as keyof typeof programs]();
}

/** What it is given. */
export const given = (): string[] => process.argv.slice(4);

/** Resolves with the first line that the program prints. */
export async function start(program: string, args: readonly string[]): Promise<Peer> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const closed = once(child, 'close');
  const failed = closed.then(() => Promise.reject(new Error(`${args.join(' ')} has ended`)));
  const [url] = (await Promise.race([once(createInterface({ input: child.stdout }), 'line'), failed])) as [string];
  failed.catch(() => undefined);
  return {
    url,
    async stop() {
      child.kill();
      await closed;
    },
  };
}

/** What a peer does when all is ready. */
export async function announce(server: Server, path = '/'): Promise<void> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}\n`);
}
