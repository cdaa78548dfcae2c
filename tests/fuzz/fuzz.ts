// Sends random operations, valid and broken, over HTTP and over WebSockets, begins and ends subscriptions meanwhile, and says
// what no server may answer.
import type { FormattedExecutionResult, GraphQLSchema } from 'graphql';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { posted, send, type Operation } from '../support/wire.js';
import { broken } from './broken.js';
import { Chance } from './chance.js';
import { listenByEventStream, listenByWebSocket, type Listening } from './listener.js';
import { Operations } from './operation.js';

interface Options {
  readonly url: string;
  readonly schema: GraphQLSchema;
  /** How many of each, valid and broken. */
  readonly runs: number;
  readonly seed: number;
  readonly onProgress?: (done: number) => void;
}

export interface Fuzzed {
  /** How often each code was answered; `ok` for answers without errors. */
  readonly codes: Record<string, number>;
  /** How many values subscriptions were sent. */
  readonly delivered: number;
  /** What no server may answer, with the operation. */
  readonly faults: string[];
}

// What only the inside of a server knows.
const INSIDE = /\n\s+at \S+ \(|node_modules|[Pp]risma|\bSELECT |\bINSERT |\bUPDATE |postgres(ql)?:|\bECONN|hunter2/;
const AT_ONCE = 8;
const SUBSCRIBED_OFTEN = 0.6;
const SUBSCRIBED_MAX = 16;
const FAULTS_MAX = 20;

export async function fuzz({ url, schema, runs, seed, onProgress }: Options): Promise<Fuzzed> {
  const chance = new Chance(seed);
  const operations = new Operations(schema, chance);
  const codes: Record<string, number> = {};
  const faults: string[] = [];
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazy: false,
    onNonLazyError: (error) => faults.push(`the socket was lost: ${String(error)}`),
  });

  const blame = (what: string, { query, variables }: Operation): void => {
    if (faults.length < FAULTS_MAX)
      faults.push(`${what}\n${query.slice(0, 1_000)}\n${JSON.stringify(variables).slice(0, 1_000)}`);
  };

  function judge(results: readonly FormattedExecutionResult[], operation: Operation): void {
    if (results.length === 0) blame('no answer', operation);
    for (const { errors, data } of results) {
      operations.learn(JSON.stringify(data ?? null));
      if (!errors) codes.ok = (codes.ok ?? 0) + 1;
      for (const { message, extensions } of errors ?? []) {
        const code = String(extensions?.code);
        codes[code] = (codes[code] ?? 0) + 1;
        if (['undefined', 'INTERNAL_SERVER_ERROR'].includes(code)) blame(`${code}: ${message}`, operation);
        if (typeof extensions?.retryable !== 'boolean') blame(`${code} does not say whether to repeat`, operation);
        // What a caller wrote may be repeated to it.
        if (INSIDE.test(message) && !INSIDE.test(JSON.stringify(operation))) blame(`inside: ${message}`, operation);
      }
    }
  }

  async function overHttp(operation: Operation): Promise<void> {
    const answer = await send(url, posted(operation)).catch((error: unknown) =>
      blame(`no answer: ${String(error)}`, operation),
    );
    if (!answer) return;
    const { status, text } = answer;
    if (status >= 500) {
      blame(`status ${status}: ${text.slice(0, 300)}`, operation);
      return;
    }
    judge([JSON.parse(text) as FormattedExecutionResult], operation);
  }

  async function overWebSocket(operation: Operation): Promise<void> {
    const results: FormattedExecutionResult[] = [];
    await listenByWebSocket(client, operation, {
      heard: (result) => results.push(result),
      failed: (what) => blame(what, operation),
    }).ended;
    judge(results, operation);
  }

  /** Subscriptions that are open, the oldest first. */
  const open: Listening[] = [];
  let delivered = 0;

  function subscribe(): void {
    const valid = operations.nextSubscription();
    const operation = chance.is(0.8) ? valid : broken(valid, chance);
    const listener = {
      heard(result: FormattedExecutionResult): void {
        if (!result.errors) delivered += 1;
        judge([result], operation);
      },
      failed: (what: string) => blame(what, operation),
    };
    open.push(
      chance.is(0.5) ? listenByWebSocket(client, operation, listener) : listenByEventStream(url, operation, listener),
    );
  }

  async function unsubscribe(left: number): Promise<void> {
    const ending = open.splice(0, Math.max(open.length - left, 0));
    for (const { end } of ending) end();
    await Promise.all(ending.map(({ ended }) => ended));
  }

  try {
    for (let done = 0; done < 2 * runs && faults.length < FAULTS_MAX; done += AT_ONCE) {
      const batch = Array.from({ length: Math.min(AT_ONCE, 2 * runs - done) }, (_, index) => {
        const valid = operations.next();
        const operation = (done + index) % 2 === 0 ? valid : broken(valid, chance);
        return chance.is(0.5) ? overHttp(operation) : overWebSocket(operation);
      });
      if (chance.is(SUBSCRIBED_OFTEN)) subscribe();
      await Promise.all(batch);
      await unsubscribe(SUBSCRIBED_MAX);
      onProgress?.(done);
    }
  } finally {
    await unsubscribe(0);
    await client.dispose();
  }
  return { codes, delivered, faults };
}
