// The port of a server of several processes. The primary accepts every connection and hands it to the workers in turn. Node's
// own cluster does the same, but a connection that it has handed to a worker which dies at that moment stays open for good, and
// nobody answers it; and it lets go of the port while no worker is left. Here a connection waits for one that takes it.
import { createServer, type Socket } from 'node:net';
import { listen } from './server/listen.js';

/** How many connections wait for a worker at most: about as many as an operating system has wait by itself. */
const WAITING_MAX = 511;

export interface Taker {
  /** Resolves when the connection is another process's; rejects where it never will be. */
  take(socket: Socket): Promise<void>;
}

export class Door {
  readonly #waiting: Socket[] = [];
  /** Those who have nothing in hand, whoever waits longest first: a worker that is busy gets one, and the others all that follow. */
  readonly #free = new Set<Taker>();
  readonly #takers = new Set<Taker>();
  #isClosed = false;
  readonly #server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.#enter(socket));

  /** Hands connections to the taker too, until the function that it answers with is called. */
  add(taker: Taker): () => void {
    this.#takers.add(taker);
    this.#release(taker);
    return () => {
      this.#takers.delete(taker);
      this.#free.delete(taker);
    };
  }

  /** Resolves with where it listens, as `listen` does. */
  open(host: string, port: number): Promise<string> {
    return listen(this.#server, host, port);
  }

  /** Accepts no more, and ends those that nobody has taken. Those that somebody has go on. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    return Promise.resolve();
  }

  #enter(socket: Socket): void {
    // One that breaks off while it waits is told to whoever takes it.
    socket.on('error', () => undefined);
    this.#wait(socket);
  }

  #wait(socket: Socket): void {
    if (this.#isClosed || this.#waiting.length === WAITING_MAX) socket.destroy();
    else this.#waiting.push(socket);
    this.#handOver();
  }

  #release(taker: Taker): void {
    if (this.#takers.has(taker)) this.#free.add(taker);
    this.#handOver();
  }

  #handOver(): void {
    for (const taker of this.#free) {
      const socket = this.#waiting.shift();
      if (!socket) return;
      this.#free.delete(taker);
      taker.take(socket).then(
        () => {
          // This process's share of it alone: the connection goes on.
          socket.destroy();
          this.#release(taker);
        },
        () => this.#wait(socket),
      );
    }
  }
}
