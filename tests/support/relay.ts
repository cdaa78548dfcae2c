import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a server that a test can bar. */
export interface Relay extends AsyncDisposable {
  /** The same address of the server, by this way. */
  url: string;
  /** Breaks all connections off; new ones are let through. */
  cut(): void;
  /** Where new connections lead from now on. */
  lead(url: string): void;
  /** Holds back all that is sent to the server from now on, without a word to anybody. */
  hold(): void;
}

export async function openRelay(url: string): Promise<Relay> {
  let target = new URL(url);
  let held = false;
  const callers = new Set<Socket>();
  const server = createServer((caller) => {
    const callee = connect(Number(target.port), target.hostname);
    callers.add(caller);
    caller.on('data', (bytes) => held || callee.write(bytes));
    callee.pipe(caller);
    for (const [one, other] of [
      [caller, callee],
      [callee, caller],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    caller.on('close', () => callers.delete(caller));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = new URL(url);
  own.port = String((server.address() as AddressInfo).port);

  const cut = (): void => {
    for (const caller of callers) caller.destroy();
  };
  return {
    url: own.href,
    cut,
    lead: (next) => (target = new URL(next)),
    hold: () => (held = true),
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
