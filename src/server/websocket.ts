import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import {
  getOperationAST,
  GraphQLError,
  OperationTypeNode,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql';
import {
  CloseCode,
  handleProtocols,
  makeServer,
  MessageType,
  type SubscribePayload,
  type WebSocket as Peer,
} from 'graphql-ws';
import type { Logger } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';
import { UnauthenticatedError } from '../domain/errors.js';
import type { Store } from '../store/store.js';
import type { Authenticate, Ending, Grant } from './auth.js';
import { disclose, formatError, formatResult } from './failure.js';
import type { Phases } from './layer.js';
import { BODY_MAX_BYTES, INIT_WAIT_MS } from './limits.js';
import { isForeign, type Neighbourhood } from './origin.js';
import { keepAlive, peerOf } from './peer.js';
import type { Pulse } from './pulse.js';
import type { RateLimit, Slots } from './rate.js';
import { Subscription } from './subscription.js';

const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;
const FAREWELL_MS = 500;

export interface WebSockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Sends the answers that are given, and closes every socket with 1001. */
  close(): Promise<void>;
}

interface Parts {
  readonly schema: GraphQLSchema;
  readonly phases: Phases;
  readonly store: Store;
  readonly authenticate: Authenticate;
  /** The address of whoever sent a request. */
  readonly clientOf: (request: IncomingMessage) => string;
  /** How often a caller may begin an operation, and how many sockets each may have. */
  readonly rate: RateLimit;
  readonly slots: Slots;
  /** Hears of what was refused before it came to an operation. */
  readonly refused: (error: GraphQLError) => void;
  readonly neighbourhood: Neighbourhood;
  readonly pulse: Pulse;
  /** Whether the server takes nothing more. */
  readonly isClosing: () => boolean;
  readonly log: Logger;
}

type Send = (text: string) => Promise<void> | void;

/** An operation that has begun: its result, or the messages of its subscription as the library is given them. */
interface Begun extends ExecutionArgs {
  readonly result: ExecutionResult | AsyncGenerator<never, void, void>;
}

/** GraphQL over WebSockets, by the protocol graphql-transport-ws. */
export function webSockets(parts: Parts): WebSockets {
  const { schema, phases, store, authenticate, clientOf, rate, slots, refused, neighbourhood, pulse, isClosing, log } =
    parts;

  const protocol = makeServer<Init, Extra>({
    connectionInitWaitTimeout: INIT_WAIT_MS,
    onConnect: ({ connectionParams, extra }) => admit(connectionParams, extra),
    // The library sends `error` for what is refused here, and `next` with errors for what is refused later: so operations begin
    // here, and are only handed over where it would begin them.
    onSubscribe: ({ extra }, id, payload) => begin(payload, extra, (text) => extra.peer.send(nextMessage(id, text))),
    execute: (args) => (args as Begun).result,
    subscribe: (args) => (args as Begun).result,
    onNext: (_socket, _id, _payload, _args, result) => formatResult(result),
    onError: (_socket, _id, _payload, errors) => errors.map((error) => formatError(disclose(error, log))),
  });

  /** Whether the socket may be used: where it may not, it has been closed with the reason. */
  async function admit(params: Init | undefined, extra: Extra): Promise<boolean> {
    const { socket, address } = extra;
    try {
      const grant = await authenticate({ authorization: params?.authorization, project: params?.project }, address);
      if (socket.readyState !== socket.OPEN) return false;
      socket.once('close', slots.take(grant.holder));
      extra.grant = grant;
      socket.once(
        'close',
        grant.whenOver((why) => socket.close(...OVER[why])),
      );
      return true;
    } catch (error) {
      const told = disclose(error, log);
      const isRevoked = error instanceof UnauthenticatedError && error.revoked;
      refused(told);
      const { code, retryable } = told.extensions;
      if (!retryable) log.info({ address, code }, 'a credential was refused');
      socket.close(...(isRevoked ? OVER.revoked : (REFUSED[String(code)] ?? FAILED)));
      return false;
    }
  }

  /** What is thrown here would close the socket, and end every other operation on it. */
  async function begin(
    payload: SubscribePayload,
    { grant, socket }: Extra,
    send: Send,
  ): Promise<Begun | readonly GraphQLError[]> {
    if (!grant) return [disclose(new UnauthenticatedError(), log)];
    const { caller, holder } = grant;
    try {
      rate.take(holder);
    } catch (error) {
      const told = disclose(error, log);
      refused(told);
      return [told];
    }
    const context = { store, caller, holder, socket, requestId: randomUUID(), params: payload };
    const { operationName, variables: variableValues } = payload;
    try {
      const document = phases.parse(payload.query, context);
      const errors = phases.validate(document, context);
      if (errors.length > 0) return errors;
      const operation = getOperationAST(document, operationName);
      if (!operation) return [unresolved()];
      const args = { schema, document, operationName, variableValues, contextValue: context };
      const operate = operation.operation === OperationTypeNode.SUBSCRIPTION ? phases.subscribe : phases.execute;
      const result = await operate(args);
      if (result instanceof Subscription) return { ...args, result: delivering(result, send) };
      return result.data === undefined && result.errors ? result.errors : { ...args, result };
    } catch (error) {
      return [disclose(error, log, context.requestId)];
    }
  }

  const server = new WebSocketServer({ noServer: true, maxPayload: BODY_MAX_BYTES, handleProtocols });
  server.on('connection', (socket: WebSocket, request: IncomingMessage) => {
    socket.on('error', (error) => log.debug({ reason: error.message }, 'a WebSocket broke its protocol'));
    if (isForeign(request.headers, neighbourhood)) {
      socket.close(CloseCode.Forbidden, 'Forbidden');
      return;
    }
    keepAlive(socket, pulse);
    const peer = peerOf(socket, { isDeaf: isClosing, log });
    const leave = protocol.opened(peer, { peer, socket, address: clientOf(request) });
    socket.once('close', (code, reason) => {
      leave(code, String(reason)).catch((error: unknown) => log.error({ err: error }, 'a subscription did not end'));
    });
  });

  return {
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, (opened) => server.emit('connection', opened, request));
    },
    async close() {
      await setImmediate();
      server.close();
      for (const socket of server.clients) socket.close(GOING_AWAY, 'Going away');
      await Promise.race([once(server, 'close'), delay(FAREWELL_MS, null, { ref: false })]);
      for (const socket of server.clients) socket.terminate();
    },
  };
}

/** What `stringifyMessage` of graphql-ws would make of it, but that the result is written out already. */
const nextMessage = (id: string, result: string): string =>
  `{"id":${JSON.stringify(id)},"type":"${MessageType.Next}","payload":${result}}`;

/**
 * A subscription as graphql-ws wants it. It brings the library nothing but its end: each result is sent as it is, once the one
 * before has left, since the library would write it out anew for every subscriber.
 */
function delivering(subscription: Subscription, send: Send): AsyncGenerator<never, void, void> {
  const done = { done: true, value: undefined } as const;
  return {
    async next() {
      for (;;) {
        const message = await subscription.next();
        if (!message) return done;
        await send(message.text);
      }
    },
    async return() {
      await subscription.close();
      return done;
    },
    async throw(error) {
      await subscription.close();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.asyncDispose]: () => subscription.close(),
  };
}

/** What `connection_init` may bring. */
interface Init extends Record<string, unknown> {
  readonly authorization?: unknown;
  readonly project?: unknown;
}

interface Extra {
  readonly peer: Peer;
  readonly socket: WebSocket;
  readonly address: string;
  /** Whom the socket stands for, once that is known: operations are taken from then on. */
  grant?: Grant;
}

type Closing = readonly [code: number, reason: string];

const OVER: Readonly<Record<Ending, Closing>> = {
  revoked: [CloseCode.Forbidden, 'The key has been revoked'],
  expired: [CloseCode.Unauthorized, 'The token has expired'],
};
const REFUSED: Readonly<Record<string, Closing>> = {
  UNAUTHENTICATED: [CloseCode.Unauthorized, 'Unauthorized'],
  NOT_FOUND: [CloseCode.Forbidden, 'There is no such project'],
  UNAVAILABLE: [TRY_AGAIN_LATER, 'Try again later'],
  RATE_LIMITED: [TRY_AGAIN_LATER, 'Too much at once'],
};
const FAILED: Closing = [CloseCode.InternalServerError, 'Internal server error'];

const unresolved = (): GraphQLError =>
  new GraphQLError('The document has no operation of that name, or several and none was named.', {
    extensions: { code: 'OPERATION_RESOLUTION_FAILURE', retryable: false },
  });
