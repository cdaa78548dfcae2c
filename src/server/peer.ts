import { CloseCode, MessageType, parseMessage, type WebSocket as Peer } from 'graphql-ws';
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import type { Pulse } from './pulse.js';

// Two pings may wait behind a batch of the log that a slow line takes its time for.
const PINGS_MAX_UNANSWERED = 2;

// graphql-ws takes the others, which are a server's, for a fault of its own.
const CLIENT_MESSAGES = new Set<string>([
  MessageType.ConnectionInit,
  MessageType.Ping,
  MessageType.Pong,
  MessageType.Subscribe,
  MessageType.Complete,
]);

interface PeerOptions {
  /** Whether messages are no longer taken. */
  readonly isDeaf: () => boolean;
  readonly log: Logger;
}

/**
 * A socket as graphql-ws wants it. The adapter that comes with the library prints a stack trace for every breach of the
 * protocol, which lets anybody fill the log.
 */
export function peerOf(socket: WebSocket, { isDeaf, log }: PeerOptions): Peer {
  return {
    protocol: socket.protocol,
    // Resolves when the message has left, or can no longer: a subscription is asked for more no faster than its client reads.
    send: (text) => new Promise((resolve) => socket.send(text, () => resolve())),
    close: (code, reason) => socket.close(code, reason),
    onMessage(take) {
      socket.on('message', (data: RawData) => {
        if (isDeaf()) return;
        const text = (data as Buffer).toString();
        take(text).catch((error: unknown) => dismiss(text, error));
      });
    },
  };

  function dismiss(text: string, error: unknown): void {
    // Whatever was under way when a client left fails, and concerns nobody.
    if (socket.readyState !== socket.OPEN) return;
    if (CLIENT_MESSAGES.has(parseMessage(text).type)) {
      log.error({ err: error }, 'a message could not be handled');
      socket.close(CloseCode.InternalServerError, 'Internal server error');
    } else {
      socket.close(CloseCode.BadRequest, 'Invalid message received');
    }
  }
}

/** Pings until the socket is closed, and cuts it off where nothing comes back: a client that vanished says no goodbye. */
export function keepAlive(socket: WebSocket, pulse: Pulse): void {
  let unanswered = 0;
  socket.on('pong', () => (unanswered = 0));
  const end = pulse.add(() => {
    if (unanswered === PINGS_MAX_UNANSWERED) return socket.terminate();
    unanswered += 1;
    socket.ping();
  });
  socket.once('close', end);
}
