import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { connect as connectSecurely } from 'node:tls';

/** A way to a server that a test can bar. */
export interface Relay extends AsyncDisposable {
  /** The same address of the server, by this way. */
  url: string;
  /** How many connections there have been. */
  opened(): number;
  /** Breaks all connections off; new ones are let through. */
  cut(): void;
  /** Where new connections lead from now on. */
  lead(url: string): void;
  /** Holds back all that is sent to the server until `flow`, without a word to anybody. */
  hold(): void;
  /** Takes nothing more from the server until `flow`, as if its clients did not read. */
  stall(): void;
  flow(): void;
}

export interface RelayOptions {
  /** Of the first connections: how many bytes each brings to its client before it ends, in the middle of whatever that is. */
  cutAfterBytes?: readonly number[];
  /** Asked at each new connection where it leads, instead of `url`. */
  route?: () => string;
}

/** To a server that is reached by TLS (`https:`) it speaks that itself: its own address is without. */
export async function openRelay(url: string, { cutAfterBytes = [], route }: RelayOptions = {}): Promise<Relay> {
  let target = new URL(url);
  let held = false;
  let stalled = false;
  let opened = 0;
  /** Each client with what comes to it. */
  const lines = new Map<Socket, Transform>();
  const server = createServer((caller) => {
    if (route) target = new URL(route());
    const callee = connectTo(target);
    const line = callee.pipe(passing(cutAfterBytes[opened] ?? Infinity));
    opened += 1;
    lines.set(caller, line);
    if (!stalled) line.pipe(caller);
    caller.on('data', (bytes) => callee.write(bytes));
    if (held) caller.pause();
    for (const [one, other] of [
      [caller, callee],
      [callee, caller],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    caller.on('close', () => lines.delete(caller));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = new URL(url);
  own.hostname = '127.0.0.1';
  own.port = String((server.address() as AddressInfo).port);

  const cut = (): void => {
    for (const caller of lines.keys()) caller.destroy();
  };
  return {
    url: own.href.replace(/^https:/, 'http:'),
    opened: () => opened,
    cut,
    lead: (next) => (target = new URL(next)),
    hold() {
      held = true;
      for (const caller of lines.keys()) caller.pause();
    },
    stall() {
      stalled = true;
      for (const line of lines.values()) line.unpipe();
    },
    flow() {
      if (stalled) for (const [caller, line] of lines) line.pipe(caller);
      if (held) for (const caller of lines.keys()) caller.resume();
      stalled = held = false;
    },
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}

function connectTo({ protocol, hostname: host, port }: URL): Socket {
  if (protocol === 'https:') return connectSecurely({ host, port: Number(port || 443), servername: host });
  return connect(Number(port || 80), host);
}

/** Lets so many bytes through, and then it ends. */
function passing(bytes: number): Transform {
  let left = bytes;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (left === 0) {
        done();
        return;
      }
      const part = chunk.subarray(0, left);
      left -= part.length;
      this.push(part);
      if (left === 0) this.push(null);
      done();
    },
  });
}
