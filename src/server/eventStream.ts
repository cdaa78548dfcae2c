// GraphQL over server-sent events, distinct connections: one operation, one stream. Yoga's own processor cannot say where
// to go on after a loss, and tells everybody `complete`, after which no client comes back, when the server closes. Nor does a
// browser come back after any status but 200: a subscription that the database keeps from beginning is a stream that ends.
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { ExecutionResult, GraphQLError } from 'graphql';
import type { FetchAPI, Plugin, YogaInitialContext } from 'graphql-yoga';
import { formatResult } from './failure.js';
import type { Layer } from './layer.js';
import { COME_BACK_MS } from './limits.js';
import type { Pulse } from './pulse.js';
import { Subscription, type Feed, type Message } from './subscription.js';

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // `no-transform`, and the header for nginx: what lies between must neither compress nor collect.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};
const ASKED = /^\s*text\/event-stream\s*(;[^,]*)?$/i;
const ACCEPTED = /(^|,)\s*(text\/(event-stream|\*)|\*\/\*)\s*(;|,|$)/i;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const COMMENT = encode(':\n\n');
const COMPLETE = encode('event: complete\ndata:\n\n');
const AWAY = encode(': unavailable for the moment\n\n');
/**
 * A browser takes the stream for open at its first byte, and would wait for seconds after a loss: jittered, so that not all
 * come back at once. The field belongs to the first message, since some clients take one that stands alone for a message.
 */
const opening = (): Uint8Array => encode(`:\n\nretry: ${Math.round(COME_BACK_MS * (0.5 + Math.random()))}\n`);

// Like two pings on a WebSocket, so many signs of life may wait behind a batch of the log that a slow line takes its time for.
const PULSES_MAX_UNREAD = 2;

// Lists of operations are refused, so there is never a list of results.
type Result = ExecutionResult | Subscription;

export interface EventStreams {
  readonly layer: Layer;
  /** For Yoga, which serves event streams. */
  readonly plugin: Plugin;
  /** Ends every stream without `complete`, so that clients come back and go on from where they were. */
  end(): void;
}

/** Answers as an event stream where the client accepts nothing else, and for subscriptions where it accepts one at all. */
export function eventStreams(pulse: Pulse): EventStreams {
  const open = new Set<() => void>();
  /** The requests that ask for a subscription: its result says so only where it has begun. */
  const subscribing = new WeakSet<Request>();
  return {
    layer: {
      subscribe: (subscribe) => (args) => {
        // Those that come over WebSockets have none.
        const { request } = args.contextValue as Partial<YogaInitialContext>;
        if (request) subscribing.add(request);
        return subscribe(args);
      },
    },
    plugin: {
      onResultProcess(payload) {
        const { request } = payload;
        const result = payload.result as unknown as Result;
        const accept = request.headers.get('accept') ?? '*/*';
        if (!(result instanceof Subscription) && !ASKED.test(accept)) return;
        payload.setResultProcessor((_result, fetchAPI) => {
          if (!ACCEPTED.test(accept)) return refuse(result, fetchAPI);
          const outage = subscribing.has(request) ? outageOf(result) : undefined;
          const { res: response } = payload.serverContext as unknown as { res: ServerResponse };
          const body = streamOf(feedOf(result, outage), { fetchAPI, response, open, pulse });
          return new fetchAPI.Response(body, { status: outage ? 200 : statusOf(result), headers: HEADERS });
        }, 'text/event-stream');
      },
    },
    end() {
      for (const end of open) end();
    },
  };
}

/** Whether a client accepts nothing but an event stream. */
export const asksForStream = ({ accept = '' }: IncomingHttpHeaders): boolean => ASKED.test(accept);

/** Answers with a stream that ends: nothing can be begun for the moment, and the client is to return. */
export function putOff(response: ServerResponse): void {
  response.writeHead(200, HEADERS).end(Buffer.concat([opening(), AWAY]));
}

/** For a client that accepts no stream of any kind. */
function refuse(result: Result, { Response }: FetchAPI): Response {
  if (result instanceof Subscription) void result.close();
  return new Response(null, { status: 406, headers: { accept: 'text/event-stream; charset=utf-8' } });
}

interface Surroundings {
  fetchAPI: FetchAPI;
  /** Where the stream is sent. */
  response: ServerResponse;
  /** How to end each stream that is open. */
  open: Set<() => void>;
  pulse: Pulse;
}

function streamOf(feed: Feed, { fetchAPI, response, open, pulse }: Surroundings): ReadableStream<Uint8Array> {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let unread = 0;
  const quieten = pulse.add(() => {
    if (response.writableNeedDrain) {
      // To end it would take a client that reads.
      if (unread === PULSES_MAX_UNREAD) response.destroy();
      unread += 1;
    } else {
      unread = 0;
      controller.enqueue(COMMENT);
    }
  });
  const end = (): void => {
    controller.close();
    void leave();
  };
  const leave = async (): Promise<void> => {
    if (!open.delete(end)) return;
    quieten();
    await feed.close();
  };
  open.add(end);

  return new fetchAPI.ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
      controller.enqueue(opening());
    },
    // Called when what was sent has been taken: nothing piles up for a client that does not read.
    async pull() {
      const { bytes, isLast } = await nextOf(feed);
      if (!open.has(end)) return;
      controller.enqueue(bytes);
      if (isLast) end();
    },
    cancel: leave,
  });
}

/** Whether it will pass. */
export const isOutage = ({ extensions }: GraphQLError): boolean => extensions.code === 'UNAVAILABLE';

/** What keeps a subscription from beginning, for the moment. */
function outageOf(result: Result): GraphQLError | undefined {
  return result instanceof Subscription ? undefined : result.errors?.find(isOutage);
}

/** What a feed has to send next. Its failure is the last; where that will pass, without `complete`: the client is to return. */
async function nextOf(feed: Feed): Promise<{ bytes: Uint8Array; isLast: boolean }> {
  try {
    const message = await feed.next();
    return message ? { bytes: bytesOf(message), isLast: false } : { bytes: COMPLETE, isLast: true };
  } catch (error) {
    const failure = error as GraphQLError;
    if (isOutage(failure)) return { bytes: AWAY, isLast: true };
    const text = JSON.stringify(formatResult({ errors: [failure] }));
    return { bytes: encode(`event: next\ndata: ${text}\n\nevent: complete\ndata:\n\n`), isLast: true };
  }
}

const written = new WeakMap<Message, Uint8Array>();

/**
 * A message as it is sent, written out once for all streams. What is durable carries its position in the log as `id`, which a
 * client that comes back sends as Last-Event-ID.
 */
function bytesOf(message: Message): Uint8Array {
  let bytes = written.get(message);
  if (!bytes) {
    const id = message.position === null ? '' : `id: ${message.position}\n`;
    bytes = encode(`event: next\n${id}data: ${message.text}\n\n`);
    written.set(message, bytes);
  }
  return bytes;
}

/** What a subscription sends, or the one result of anything else. */
function feedOf(result: Result, outage: GraphQLError | undefined): Feed {
  if (result instanceof Subscription) return result;
  if (outage) return { next: () => Promise.reject(outage), close: () => Promise.resolve() };
  let message: Message | null = { text: JSON.stringify(formatResult(result)), position: null };
  return {
    next() {
      const next = message;
      message = null;
      return Promise.resolve(next);
    },
    close: () => Promise.resolve(),
  };
}

/**
 * What is no valid GraphQL, variables of a wrong kind included, is told in the stream, since clients read no other; what is no
 * valid request (a mutation by GET, say) by the status too.
 */
function statusOf(result: Result): number {
  if (result instanceof Subscription) return 200;
  const refused = result.errors?.find(
    ({ extensions: { code, http } }) => http?.status !== undefined && !http.spec && code !== 'BAD_USER_INPUT',
  );
  return refused?.extensions.http?.status ?? 200;
}
