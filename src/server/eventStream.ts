// GraphQL over server-sent events, distinct connections: one operation, one stream. Yoga's own processor cannot say where
// to go on after a loss, and tells everybody `complete`, after which no client comes back, when the server closes.
import type { ExecutionResult, FormattedExecutionResult } from 'graphql';
import { isAsyncIterable, type FetchAPI, type Plugin } from 'graphql-yoga';
import type { Context, Delivery } from '../graphql/context.js';
import { formatResult } from './failure.js';
import { KEEP_ALIVE_MS } from './limits.js';

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // `no-transform`, and the header for nginx: what lies between must neither compress nor collect.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};
const ACCEPTED = /^\s*text\/event-stream\s*(;[^,]*)?$/i;
const COMMENT = ':\n\n';
const COMPLETE = 'event: complete\ndata:\n\n';

// Lists of operations are refused, so there is never a list of results.
type Results = ExecutionResult | AsyncIterable<ExecutionResult>;

export interface EventStreams {
  readonly plugin: Plugin;
  /** Ends every stream without `complete`, so that clients come back and go on from where they were. */
  end(): void;
}

/** Answers as an event stream where the client accepts nothing else, and for subscriptions where it accepts one at all. */
export function eventStreams(): EventStreams {
  const open = new Set<() => void>();
  return {
    plugin: {
      onResultProcess(payload) {
        const isAsked = ACCEPTED.test(payload.request.headers.get('accept') ?? '');
        // Where Yoga has found no processor, the client accepts no stream of any kind.
        if (!isAsked && !(isAsyncIterable(payload.result) && payload.resultProcessor)) return;
        payload.setResultProcessor((given, fetchAPI) => {
          const results = given as Results;
          const { delivery } = payload.serverContext as unknown as Context;
          const body = streamOf(iteratorOf(results), { fetchAPI, open, delivery });
          return new fetchAPI.Response(body, { status: statusOf(results), headers: HEADERS });
        }, 'text/event-stream');
      },
    },
    end() {
      for (const end of open) end();
    },
  };
}

interface Surroundings {
  fetchAPI: FetchAPI;
  /** How to end each stream that is open. */
  open: Set<() => void>;
  delivery: Delivery | undefined;
}

function streamOf(
  results: AsyncIterator<ExecutionResult>,
  { fetchAPI: { ReadableStream, TextEncoder }, open, delivery }: Surroundings,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const send = (text: string): void => controller.enqueue(encoder.encode(text));
  const beat = setInterval(() => send(COMMENT), KEEP_ALIVE_MS);
  const end = (): void => {
    controller.close();
    void leave();
  };
  const leave = async (): Promise<void> => {
    if (!open.delete(end)) return;
    clearInterval(beat);
    // Nobody is left to hear of what goes wrong here.
    await results.return?.().catch(() => undefined);
  };
  open.add(end);

  return new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
      // A browser takes the stream for open at its first byte.
      send(COMMENT);
    },
    // Called when what was sent has been taken: nothing piles up for a client that does not read.
    async pull() {
      const turn = await results.next().catch(() => null);
      if (!open.has(end)) return;
      if (turn && !turn.done) {
        send(message(formatResult(turn.value), delivery?.position ?? null));
        return;
      }
      if (turn) send(COMPLETE);
      end();
    },
    cancel: leave,
  });
}

/** What is durable carries its position in the log as `id`, which a client that comes back sends as Last-Event-ID. */
function message(result: FormattedExecutionResult, position: bigint | null): string {
  const id = position === null ? '' : `id: ${position}\n`;
  return `event: next\n${id}data: ${JSON.stringify(result)}\n\n`;
}

function iteratorOf(results: Results): AsyncIterator<ExecutionResult> {
  if (isAsyncIterable(results)) return results[Symbol.asyncIterator]();
  return (async function* () {
    yield results;
  })();
}

/** What is no valid GraphQL is told in the stream; what is no valid request (a mutation by GET, say) by the status too. */
function statusOf(results: Results): number {
  const errors = isAsyncIterable(results) ? [] : (results.errors ?? []);
  const refused = errors.find(({ extensions: { http } }) => http?.status !== undefined && !http.spec);
  return refused?.extensions.http?.status ?? 200;
}
