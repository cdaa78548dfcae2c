// The ways of following a log: each with what it brings, and what of the log it is due.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { createClient } from '../../src/client/client.js';
import { FollowLogDocument, type FollowLogSubscription, type LogFilter } from '../../src/client/operation.js';
import { STATE_EVENT_TYPES } from '../../src/domain/lifecycle.js';
import { endsOf, eventSource, type Entry } from '../support/monitor.js';
import type { Due, Item } from './checker.js';
import { FOLLOW_APPROVALS, FOLLOW_ENDS, FOLLOW_SILENCES, FOLLOW_TRANSITIONS } from './subscription.js';
import { FILTERED_TYPES } from './writer.js';

/** What came at once, and the position to go on from. */
export interface Batch {
  readonly items: readonly Item[];
  readonly cursor: number;
}

/** Where a subscriber finds the server, and how it names itself. */
export interface Line {
  readonly url: string;
  readonly headers: Record<string, string>;
}

export interface Feed {
  readonly name: string;
  /** Follows from the cursor until the signal; rejects where it is refused or cannot go on by itself. */
  follow(line: Line, after: number, signal: AbortSignal): AsyncIterable<Batch>;
  due(log: readonly Entry[]): Due[];
}

/** Every kind of subscription that can be resumed. `sessionId` is one that is written to all the time. */
export function feedsOf(sessionId: string): Feed[] {
  return [
    logBySocket('log, WebSocket'),
    logByStream('log, event stream'),
    ends(byStream, 'ends, event stream'),
    logBySocket('log of some types, WebSocket', { types: [...FILTERED_TYPES] }),
    transitions(bySocket, 'transitions, WebSocket'),
    logByStream('log of one session, event stream', { sessionIds: [sessionId] }),
    ends(bySocket, 'ends, WebSocket'),
    transitions(byStream, 'transitions, event stream'),
    silences(bySocket, 'silences, WebSocket'),
    approvals,
    silences(byStream, 'silences, event stream'),
  ];
}

const itemOf = (entry: object & { position: number }): Item => ({
  position: entry.position,
  content: JSON.stringify(entry),
});

const batchOf = ({ log }: FollowLogSubscription): Batch => ({
  items: log.events.map(itemOf),
  cursor: log.position,
});
const singly = (message: { position: number }): Batch => ({ items: [itemOf(message)], cursor: message.position });

const filtered = ({ types, sessionIds }: LogFilter) => {
  return (log: readonly Entry[]): Item[] =>
    log
      .filter(
        ({ type, session }) => (types?.includes(type) ?? true) && (sessionIds?.includes(session?.id ?? '') ?? true),
      )
      .map(itemOf);
};

type Follow = Feed['follow'];

const logBySocket = (name: string, filter: LogFilter = {}): Feed => ({
  name,
  async *follow(line, after, signal) {
    for await (const log of createClient(line).tailLog({ after, filter, signal })) yield batchOf({ log });
  },
  due: filtered(filter),
});

const logByStream = (name: string, filter: LogFilter = {}): Feed => ({
  name,
  follow: byStream(FollowLogDocument, batchOf, { filter }),
  due: filtered(filter),
});

function bySocket<Data>(document: Document<Data>, read: (data: Data) => Batch): Follow {
  return async function* (line, after, signal) {
    for await (const data of createClient(line).subscribe(document, { after }, { signal })) yield read(data);
  };
}

function byStream<Data>(
  document: Document<Data>,
  read: (data: Data, id: number) => Batch,
  variables: object = {},
): Follow {
  const query = print(document);
  return async function* ({ url, headers }, after, signal) {
    const operation = { query, variables: { ...variables, after } };
    for await (const { data, id } of eventSource<Data>(url, operation, signal, headers)) yield read(data, Number(id));
  };
}

type Document<Data> = TypedDocumentNode<Data, { after: number }>;

const ends = (by: typeof bySocket, name: string): Feed => ({
  name,
  follow: by(FOLLOW_ENDS, ({ sessionEnded }) => singly(sessionEnded)),
  due: (log) => endsOf(log).map(itemOf),
});

const transitions = (by: typeof bySocket, name: string): Feed => ({
  name,
  follow: by(FOLLOW_TRANSITIONS, ({ sessionTransitioned }) => singly(sessionTransitioned)),
  due: (log) => log.filter(({ type }) => STATE_TYPES.has(type)).map((entry) => itemOf(transitionOf(entry))),
});

const STATE_TYPES: ReadonlySet<string> = new Set(STATE_EVENT_TYPES);

const silences = (by: typeof bySocket, name: string): Feed => ({
  name,
  follow: by(FOLLOW_SILENCES, ({ sessionStalled }) => singly(sessionStalled)),
  due: (log) => log.flatMap((entry) => silenceOf(entry) ?? []).map(itemOf),
});

/** What each of these makes of a session; the data of all others says it. */
function silenceOf({ id, position, session, type, data }: Entry): { position: number } | null {
  const said = data as { to: string; level: number };
  const message = (state: string, escalationLevel: number | null): object & { position: number } => {
    const told = { position, event: { id }, session, state, escalationLevel };
    return told;
  };
  if (type === 'SESSION_STALLED') return message('STALLED', 0);
  if (type === 'SESSION_ESCALATED') return message('STALLED', said.level);
  return ['SESSION_ZOMBIE', 'SESSION_RECOVERED', 'SESSION_REVIVED'].includes(type) ? message(said.to, null) : null;
}

/** By event stream only: an approval does not say its position itself. */
const approvals: Feed = {
  name: 'approvals, event stream',
  follow: byStream(FOLLOW_APPROVALS, ({ approvals: { id, session, status, resolution } }, position) => ({
    items: [{ position, content: JSON.stringify({ id, session, status, resolution }) }],
    cursor: position,
  })),
  due: approvalsIn,
};

/** Each when it was asked for and when it was settled; the first may tell already how. */
function approvalsIn(log: readonly Entry[]): Due[] {
  const settled = new Map<string, string>();
  const told = log.filter(({ type }) => type === 'APPROVAL_REQUESTED' || type === 'APPROVAL_RESOLVED');
  return told
    .reverse()
    .map(({ type, position, session, data }) => {
      const { approvalId: id, status = 'PENDING', resolution = null } = data as Told;
      const content = JSON.stringify({ id, session, status, resolution });
      if (type === 'APPROVAL_RESOLVED') settled.set(id, content);
      return { position, content, later: settled.get(id) };
    })
    .reverse();
}

interface Told {
  approvalId: string;
  status?: string;
  resolution?: string | null;
}

function transitionOf({ id, position, session, data }: Entry): { position: number } {
  const { from, to } = data as { from: string | null; to: string };
  const message = { position, event: { id }, session, from, to };
  return message;
}
