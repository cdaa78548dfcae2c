import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { getOperationAST, GraphQLError, type ExecutionArgs } from 'graphql';
import { CloseCode, handleProtocols, makeServer, type SubscribePayload } from 'graphql-ws';
import type { Logger } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Context } from '../graphql/context.js';
import { disclose, formatError, formatResult } from './failure.js';
import { BODY_MAX_BYTES, DRAIN_MS, INIT_WAIT_MS } from './limits.js';
import { isForeign } from './origin.js';
import { keepAlive, peerOf } from './peer.js';
import { engineOf, type Yoga } from './yoga.js';

const GOING_AWAY = 1001;
const FAREWELL_MS = 500;

export interface WebSockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Lets queries and mutations under way answer, for DRAIN_MS at most, then closes every socket with 1001. */
  close(): Promise<void>;
}

interface Parts {
  readonly yoga: Yoga;
  readonly contextOf: (requestId: string) => Context;
  readonly log: Logger;
}

/** GraphQL over WebSockets, by the protocol graphql-transport-ws. */
export function webSockets({ yoga, contextOf, log }: Parts): WebSockets {
  const { execute, subscribe } = engineOf(yoga);
  const running = new Set<Promise<unknown>>();
  let closing = false;

  const protocol = makeServer({
    connectionInitWaitTimeout: INIT_WAIT_MS,
    onSubscribe: (_socket, _id, payload) => prepare(payload),
    execute(args) {
      const answer = attempt(execute, args);
      running.add(answer);
      return answer.finally(() => running.delete(answer));
    },
    subscribe: (args) => attempt(subscribe, args),
    onNext: (_socket, _id, _payload, _args, result) => formatResult(result),
    onError: (_socket, _id, _payload, errors) => errors.map((error) => formatError(disclose(error, log))),
  });

  // What is thrown in one of these two would close the socket, and end every other operation on it.

  async function prepare(payload: SubscribePayload): Promise<ExecutionArgs | readonly GraphQLError[]> {
    const context = contextOf(randomUUID());
    const { operationName, variables: variableValues } = payload;
    try {
      const { schema, parse, validate, contextFactory } = engineOf(yoga, context);
      const document = parse(payload.query);
      const errors = validate(schema, document);
      if (errors.length > 0) return errors;
      if (!getOperationAST(document, operationName)) return [unresolved()];
      return { schema, document, operationName, variableValues, contextValue: await contextFactory() };
    } catch (error) {
      return [disclose(error, log, context.requestId)];
    }
  }

  async function attempt<Result>(operate: (args: ExecutionArgs) => Promise<Result>, args: ExecutionArgs) {
    try {
      return await operate(args);
    } catch (error) {
      return { errors: [disclose(error, log, (args.contextValue as Context).requestId)] };
    }
  }

  const server = new WebSocketServer({ noServer: true, maxPayload: BODY_MAX_BYTES, handleProtocols });
  server.on('connection', (socket: WebSocket, { headers }: IncomingMessage) => {
    socket.on('error', (error) => log.debug({ reason: error.message }, 'a WebSocket broke its protocol'));
    if (isForeign(headers)) {
      socket.close(CloseCode.Forbidden, 'Forbidden');
      return;
    }
    keepAlive(socket);
    const leave = protocol.opened(peerOf(socket, { isDeaf: () => closing, log }), {});
    socket.once('close', (code, reason) => {
      leave(code, String(reason)).catch((error: unknown) => log.error({ err: error }, 'a subscription did not end'));
    });
  });

  return {
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, (opened) => server.emit('connection', opened, request));
    },
    async close() {
      closing = true;
      await Promise.race([Promise.allSettled(running), delay(DRAIN_MS, null, { ref: false })]);
      // The answers are given, but not yet sent.
      await setImmediate();
      server.close();
      for (const socket of server.clients) socket.close(GOING_AWAY, 'Going away');
      await Promise.race([once(server, 'close'), delay(FAREWELL_MS, null, { ref: false })]);
      for (const socket of server.clients) socket.terminate();
    },
  };
}

const unresolved = (): GraphQLError =>
  new GraphQLError('The document has no operation of that name, or several and none was named.', {
    extensions: { code: 'OPERATION_RESOLUTION_FAILURE', retryable: false },
  });
