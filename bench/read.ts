// What is asked most: a trivial field, a session with what it refers to, a page of sessions, a long chain. Each beside the
// same answers of others, which are compared before anything is measured, and beside itself with a tenth of the data.
import { decodeId } from '../src/domain/id.js';
import { query } from '../tests/support/sql.js';
import { askOnce, bodyOf } from './caller.js';
import type { Case } from './case.js';
import { startPeer, type Peer } from './peer/peer.js';
import { startPostGraphile } from './peer/postgraphile/postgraphile.js';
import type { Place } from './place.js';

const CONNECTIONS = 32;
// So that each has an answer while it lasts.
const QUICK_CONNECTIONS = 8;
/** How many answers are compared, of those that differ. */
const COMPARED = 16;

const connectionsOf = ({ quick }: Place): number => (quick ? QUICK_CONNECTIONS : CONNECTIONS);

const ofAll = (body: string): string[] => Array.from({ length: CONNECTIONS }, () => body);

/** What is asked of this server, and of PostGraphile for the same. One body for each connection at least. */
interface Question {
  readonly name: string;
  bodies(place: Place): string[] | Promise<string[]>;
  graphileBodies?(place: Place): string[];
}

const TRIVIAL: Question = { name: 'a trivial field', bodies: () => ofAll(bodyOf('{ viewer { name } }')) };

const SESSION: Question = {
  name: 'session(by) with run, conversation, parent',
  bodies: ({ samples }) =>
    samples.sessions.map(({ externalId }) =>
      bodyOf(
        `query ($name: String!) { session(by: { externalId: $name }) { id agentName state startedAt
          run { id status description } conversation { id platform externalId } parent { id state endReason } } }`,
        { name: externalId },
      ),
    ),
  graphileBodies: ({ samples }) =>
    samples.sessions.map(({ id }) =>
      bodyOf(
        `query ($project: UUID!, $id: UUID!) { session: sessionByProjectIdAndRowId(projectId: $project, rowId: $id) {
          id: rowId agentName state startedAt run: runByProjectIdAndRunId { id: rowId status description }
          conversation: conversationByProjectIdAndConversationId { id: rowId platform externalId }
          parent: sessionByProjectIdAndParentId { id: rowId state endReason } } }`,
        { project: samples.project.id, id },
      ),
    ),
};

const SESSIONS: Question = {
  name: 'sessions, a page of 50 with parent, run, last 3 events',
  bodies: () =>
    ofAll(
      bodyOf(`{ sessions(first: 50) { nodes { id agentName state startedAt parent { id state endReason }
        run { id description } events(last: 3) { nodes { id position type occurredAt } } } pageInfo { hasNextPage } } }`),
    ),
  graphileBodies: ({ samples }) =>
    ofAll(
      bodyOf(
        `query ($project: UUID!) {
          sessions: allSessions(condition: { projectId: $project }, orderBy: [STARTED_AT_DESC, ROW_ID_DESC], first: 50) {
            nodes { id: rowId agentName state startedAt parent: sessionByProjectIdAndParentId { id: rowId state endReason }
              run: runByProjectIdAndRunId { id: rowId description }
              events: eventsByProjectIdAndSessionId(orderBy: [SEQUENCE_ASC], last: 3) {
                nodes { id: rowId position type occurredAt } } }
            pageInfo { hasNextPage } } }`,
        { project: samples.project.id },
      ),
    ),
};

const CHAIN: Question = {
  name: 'chain of 1,000',
  async bodies({ databaseUrl, samples }) {
    const [end] = await query(databaseUrl, 'SELECT external_id AS name FROM sessions WHERE id = $1', [
      samples.chainEnd.id,
    ]);
    const text = `query ($name: String!) { session(by: { externalId: $name }) {
      chain { id state startReason startedAt endReason } } }`;
    return ofAll(bodyOf(text, { name: end?.name }));
  },
};

interface Rival {
  readonly against: string;
  readonly mark: number;
  readonly start: (place: Place) => Promise<Peer>;
  /** What follows its URL. */
  readonly path?: string;
  bodies?: 'graphileBodies';
}

const floor = (path: string, mark: number): Rival => ({
  against: 'the floor: node:http and pg',
  mark,
  start: ({ databaseUrl, samples }) => startPeer('floor', databaseUrl, samples.project.id),
  path,
});
const mercurius = (mark: number): Rival => ({
  against: 'Mercurius with JIT and loaders',
  mark,
  start: ({ databaseUrl, samples }) => startPeer('mercurius', databaseUrl, samples.project.id),
});
const postGraphile = (mark: number): Rival => ({
  against: 'PostGraphile 5',
  mark,
  start: ({ databaseUrl }) => startPostGraphile(databaseUrl),
  bodies: 'graphileBodies',
});
/** For information: no mark. */
const yoga: Rival = { against: 'bare Yoga', mark: 0, start: () => startPeer('yoga') };

/** As all write it: uuids for ids, milliseconds in UTC, and numbers of 64 bits as texts. */
function content(data: unknown): string {
  return JSON.stringify(data, (_, value: unknown) => {
    if (typeof value === 'number') return String(value);
    if (typeof value !== 'string') return value;
    const isInstant = /^\d{4}-\d\d-\d\dT/.test(value);
    return isInstant ? new Date(value).toISOString() : (decodeId(value)?.uuid ?? value);
  });
}

async function compare(
  ours: { url: string; bodies: string[] },
  theirs: { url: string; bodies: string[] },
): Promise<void> {
  for (const [index, body] of ours.bodies.slice(0, COMPARED).entries()) {
    const told = content(await askOnce(ours.url, body));
    const other = content(await askOnce(theirs.url, theirs.bodies[index] ?? ''));
    if (told !== other) throw new Error(`the answers differ:\n${told.slice(0, 2_000)}\n${other.slice(0, 2_000)}`);
  }
}

const read = ({ against, mark, start, path = '', bodies: own }: Rival, question: Question): Case => ({
  name: question.name,
  against,
  unit: 'answers/s',
  better: 'higher',
  mark,
  async sides(place) {
    const { url, caller, seconds } = place;
    const bodies = await question.bodies(place);
    const { url: other } = await place.peer(against, () => start(place));
    const rival = { url: other + path, bodies: (own && question[own]?.(place)) ?? bodies };
    await compare({ url, bodies }, rival);
    const load = { connections: connectionsOf(place), seconds };
    return { ours: () => caller.call({ url, bodies, ...load }), theirs: () => caller.call({ ...rival, ...load }) };
  },
});

const growth = (question: Question): Case => ({
  name: `${question.name}, at ten times the data`,
  against: 'itself',
  unit: 'answers/s',
  better: 'higher',
  mark: 0.8,
  async sides(place) {
    const side = async (each: Place) => {
      const bodies = await question.bodies(each);
      await askOnce(each.url, bodies[0] ?? '');
      return () => each.caller.call({ url: each.url, bodies, connections: connectionsOf(each), seconds: each.seconds });
    };
    return { ours: await side(place), theirs: await side(await place.tenth()) };
  },
});

export const readCases: readonly Case[] = [
  read(mercurius(0.5), TRIVIAL),
  read(yoga, TRIVIAL),
  read(mercurius(1.2), SESSION),
  read(postGraphile(1), SESSION),
  read(floor('sessions', 0.25), SESSIONS),
  read(postGraphile(1.2), SESSIONS),
  read(floor('chain', 0.3), CHAIN),
  ...[SESSION, SESSIONS, CHAIN].map(growth),
];
