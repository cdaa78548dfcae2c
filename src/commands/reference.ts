import type { Client } from '../client/client.js';
import {
  FindRunDocument,
  FindSessionsDocument,
  type ListedSessionFragment as ListedSession,
} from '../client/operation.js';
import { decodeIdOf } from '../domain/id.js';
import { sayRows } from './print.js';
import { HEADING, rowOf } from './sessionRow.js';

/** With fewer characters a name means nothing but itself. */
const BEGINNING_MIN_CHARACTERS = 4;

interface FindOptions {
  /** Only by its id or a whole handle: for what cannot be undone. */
  exact?: boolean;
}

/**
 * The one session that somebody means by its id, a handle, the beginning of one, or its epic; by an agent's name, the open
 * session of the agent, else its newest.
 * @throws Error where there is none, or where there are several, which are then told on stderr.
 */
export async function findSession(
  client: Client,
  ref: string,
  { exact = false }: FindOptions = {},
): Promise<ListedSession> {
  const { session: named, findSessions: found } = await client.request(FindSessionsDocument, { ref });
  const isMeant = (session: ListedSession) => isNamed(session, ref) || (!exact && isHintedAt(session, ref));
  const meant = named ? [named, ...found.filter(({ agentName }) => agentName !== ref)] : found.filter(isMeant);
  const [session, ...others] = meant;
  if (!session) throw new Error(`There is no session "${ref}".`);
  if (others.length === 0) return session;
  await sayRows(HEADING, meant.map(rowOf), process.stderr);
  throw new Error(`"${ref}" can mean any of these sessions. Name one by its id.`);
}

function isNamed(session: ListedSession, ref: string): boolean {
  return handlesOf(session).includes(ref);
}

/** Where a hint says nothing to the server, it answers with its newest sessions. */
function isHintedAt(session: ListedSession, ref: string): boolean {
  const isBeginning = Array.from(ref).length >= BEGINNING_MIN_CHARACTERS;
  return (
    (isBeginning && handlesOf(session).some((handle) => handle?.startsWith(ref))) ||
    (ref !== '' && session.currentEpic?.toLowerCase() === ref.toLowerCase())
  );
}

function handlesOf({ id, agentName, instanceId, externalId }: ListedSession) {
  return [id, agentName, instanceId, externalId];
}

/**
 * The id of the run that somebody means by it, or by its external id.
 * @throws Error where there is none of this external id.
 */
export async function findRunId(client: Client, ref: string): Promise<string> {
  if (decodeIdOf('Run', ref) !== null) return ref;
  const { runs } = await client.request(FindRunDocument, { externalId: ref });
  if (!runs.nodes[0]) throw new Error(`There is no run "${ref}".`);
  return runs.nodes[0].id;
}
