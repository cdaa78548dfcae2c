import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** The connections of a server that listens nowhere by itself: another process accepts them. */
export interface Handed {
  /** Serves one. */
  take(socket: Socket): void;
  /** Takes no more from now on; resolves once the last one is closed, which is for others to do. */
  empty(): Promise<void>;
}

export function handedTo(server: Server): Handed {
  const open = new Set<Socket>();
  let onEmpty: (() => void) | null = null;
  let isKnown = false;
  return {
    take(socket) {
      if (onEmpty) {
        socket.destroy();
        return;
      }
      // By this event Node begins to look after connections: the idle ones, and those whose requests take too long to come.
      if (!isKnown) server.emit('listening');
      isKnown = true;
      open.add(socket);
      socket.once('close', () => {
        open.delete(socket);
        if (open.size === 0) onEmpty?.();
      });
      // As a server that listens has it: it answers a client that has nothing more to send.
      socket.allowHalfOpen = true;
      server.emit('connection', socket);
    },
    empty: () =>
      new Promise((resolve) => {
        onEmpty = resolve;
        if (open.size === 0) resolve();
      }),
  };
}
