import type { OutgoingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { print, type FormattedExecutionResult } from 'graphql';
import { ClientError, createClient, type LogBatch } from '../../src/client/client.js';
import { FollowLogDocument } from '../../src/client/operation.js';
import { encodeId, type IdType } from '../../src/domain/id.js';
import { query } from './sql.js';
import { open, posted, type Operation } from './wire.js';

/** An entry of the log, as a client asks for it. */
export type Entry = LogBatch['events'][number];

/** The end of a session, as a client asks for it. */
export interface End {
  position: number;
  event: { id: string };
  session: { id: string };
  reason: string;
  outcome: string;
}

/** A subscriber that keeps all that it receives, and goes on by itself after a loss. */
export interface Monitor<Item> extends AsyncDisposable {
  received: Item[];
}

/** Follows the log from its beginning over a WebSocket. */
export const logBySocket = (url: string): Monitor<Entry> =>
  monitor(async function* (signal) {
    for await (const { events } of createClient({ url }).tailLog({ after: 0, signal })) yield events;
  });

/** Follows the log from its beginning over an event stream. */
export const logByStream = (url: string): Monitor<Entry> =>
  monitor(async function* (signal) {
    const operation = { query: print(FollowLogDocument), variables: { after: 0 } };
    for await (const { data } of eventSource<{ log: LogBatch }>(url, operation, signal)) yield data.log.events;
  });

const ENDS = 'subscription { sessionEnded(after: 0) { position event { id } session { id } reason outcome } }';

/** Follows the ends of sessions from the beginning of the log over an event stream. */
export const endsByStream = (url: string): Monitor<End> =>
  monitor(async function* (signal) {
    for await (const { data } of eventSource<{ sessionEnded: End }>(url, { query: ENDS }, signal)) {
      yield [data.sessionEnded];
    }
  });

function monitor<Item>(follow: (signal: AbortSignal) => AsyncIterable<Item[]>): Monitor<Item> {
  const received: Item[] = [];
  const leaving = new AbortController();
  const ended = (async () => {
    for await (const items of follow(leaving.signal)) received.push(...items);
  })();
  // Whoever ends it is told.
  ended.catch(() => undefined);
  return {
    received,
    async [Symbol.asyncDispose]() {
      leaving.abort();
      await ended;
    },
  };
}

const RETRY_MS = 50;

/** A result of a subscription, with the newest id: its own, where it is durable. */
interface Told<Data> {
  data: Data;
  id: string | undefined;
}

/**
 * As a browser does it: after a loss it comes back, and names the last message that it had whole.
 * @throws ClientError where the server refuses.
 */
export async function* eventSource<Data>(
  url: string,
  operation: Operation,
  signal: AbortSignal,
  sent: OutgoingHttpHeaders = {},
): AsyncGenerator<Told<Data>> {
  let lastId: string | undefined;
  while (!signal.aborted) {
    try {
      const headers = { ...sent, accept: 'text/event-stream', ...(lastId && { 'last-event-id': lastId }) };
      const response = await open(url, { ...posted(operation, headers), signal });
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) {
        const messages = (text + String(chunk)).split('\n\n');
        text = messages.pop() ?? '';
        for (const message of messages) {
          const [, id, result = ''] = /^(?:id: (.*)\n)?data: (.+)$/m.exec(message) ?? [];
          if (!result) continue;
          lastId = id ?? lastId;
          const { data, errors } = JSON.parse(result) as FormattedExecutionResult<Data>;
          // What has an id counts as had: an EventSource has no other way to go on.
          if (errors && id === undefined) throw new ClientError(errors);
          if (data) yield { data, id: lastId };
        }
      }
    } catch (error) {
      // A lost connection has a code, and so has a refusal; any other fault is one of the test.
      if (error instanceof ClientError || (error as NodeJS.ErrnoException).code === undefined) throw error;
    }
    await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}

const EVENTS = `
  SELECT id, position, sequence, type, name, level, tool_name, data, metadata, occurred_at, recorded_at,
    session_id, run_id, cause_id
  FROM events ORDER BY position`;

/** What the table of events holds, as a client is told it. */
export async function writtenLog(databaseUrl: string): Promise<Entry[]> {
  const ref = (type: IdType, uuid: unknown) => (uuid === null ? null : { id: encodeId(type, uuid as string) });
  return (await query(databaseUrl, EVENTS)).map((row) => ({
    id: encodeId('Event', row.id as string),
    position: Number(row.position),
    sequence: row.sequence === null ? null : Number(row.sequence),
    type: row.type as Entry['type'],
    name: row.name as string | null,
    level: row.level as Entry['level'],
    toolName: row.tool_name as string | null,
    data: row.data,
    metadata: row.metadata,
    occurredAt: (row.occurred_at as Date).toISOString(),
    recordedAt: (row.recorded_at as Date).toISOString(),
    session: ref('Session', row.session_id),
    run: ref('Run', row.run_id),
    cause: ref('Event', row.cause_id),
  }));
}

/** The ends of sessions among what is written. */
export function endsOf(log: readonly Entry[]): End[] {
  return log
    .filter(({ type }) => type === 'SESSION_ENDED')
    .map(({ id, position, session, data }) => {
      const { reason, outcome } = data as End;
      return { position, event: { id }, session: session!, reason, outcome };
    });
}
