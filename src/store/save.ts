// The saves of one project, as many as come together: their documents are written before anything of the log is locked, and
// reach the disk with one commit.
import { Prisma, type Event, type SavedState } from '../database/client.js';
import { encodeId } from '../domain/id.js';
import { SAVED_STATE_KEPT_SECONDS } from '../domain/savedState.js';
import type { Subject } from './log.js';
import { uuids } from './parameter.js';
import { SAVED_STATES } from './row.js';
import { withSaid, type Content, type DocumentField, type Save, type Saved } from './savedContent.js';
import { serviceIn, type Store } from './store.js';
import { nameOf } from './table.js';
import { transact, type Transaction } from './transaction.js';

const FIELDS: readonly DocumentField[] = ['conversationHistory', 'contextVariables', 'planData'];
const COLUMNS = FIELDS.map(nameOf);

/**
 * Changes the states in one transaction, no two of one session. Null, and nothing of it is written, where there is more to a
 * save: it would change its session too, or somebody else has that locked, or the state is of another version or not there.
 */
export async function writeSaves(store: Store, projectId: string, saves: readonly Save[]): Promise<(Saved | null)[]> {
  const { recorded } = await transact(store, serviceIn(projectId), async (tx) => ({
    recorded: await changeStates(tx, saves, IS_STEADY),
  }));
  return recorded.map((each) => each && { savedState: each.savedState, position: each.event.position });
}

interface Recorded {
  savedState: SavedState;
  event: Event;
}

// What no save changes.
const IS_STEADY = Prisma.sql`s.state IN ('WORKING', 'SUSPENDED')`;

/**
 * The same in a transaction that may have the sessions locked already, of all of them that are so. The states are written with
 * its events.
 */
export async function changeStates(
  tx: Transaction,
  saves: readonly Save[],
  which = Prisma.sql`true`,
): Promise<(Recorded | null)[]> {
  const found = await lockStates(tx, saves, which);
  const changes: Change[] = [];
  const recorded = saves.map((save): Recorded | null => {
    const row = found.get(save.sessionId);
    if (!row) return null;
    const { runId, conversationId, ...state } = row;
    const savedState = changed(state, save, tx.now);
    changes.push({ savedState, documents: save.content.documents });
    return { savedState, event: recordSave(tx, { id: save.sessionId, runId, conversationId }, savedState) };
  });
  if (changes.length > 0) tx.changeAlong(updating(tx, changes), changes.length);
  return recorded;
}

/** Records a save, as a sign of life. */
export function recordSave(tx: Transaction, session: Subject, savedState: SavedState): Event {
  const { version, mode, currentPhase, currentStep } = savedState;
  const savedStateId = encodeId('SavedState', savedState.id);
  tx.showLife(session.id);
  return tx.record({ type: 'STATE_SAVED', session, data: { savedStateId, version, mode, currentPhase, currentStep } });
}

/** Without a time of its own a state is kept for a day after its last save. */
export const dayAfter = (now: Date): Date => new Date(now.getTime() + SAVED_STATE_KEPT_SECONDS * 1000);

type Found = SavedState & Pick<Subject, 'runId' | 'conversationId'>;

/** Which documents each save brings, as columns; each named `tells_…` by `TELLS`. */
const telling = (all: readonly Content['documents'][]): Prisma.Sql =>
  Prisma.join(FIELDS.map((field) => Prisma.sql`${all.map((documents) => documents[field] !== undefined)}::bool[]`));
const TELLS = Prisma.raw(COLUMNS.map((column) => `tells_${column}`).join(', '));
const UNTOLD = Prisma.raw(
  FIELDS.map((field) => `CASE WHEN NOT tells_${nameOf(field)} THEN t.${nameOf(field)} END AS "${field}"`).join(', '),
);

const PLACES = Prisma.raw(COLUMNS.map((column) => `start_${column}, length_${column}`).join(', '));
const TOLD = Prisma.raw(
  COLUMNS.map((column) => {
    const told = `convert_from(substring(d.texts FROM start_${column} FOR length_${column}), 'UTF8')::json`;
    return `${column} = CASE WHEN tells_${column} THEN ${told} ELSE t.${column} END`;
  }).join(', '),
);

/**
 * The states of those versions, by session, locked after their sessions: in one statement, which judges by what stands when it
 * has the locks. A session that is locked already is left out: one slow transaction holds up its own session's saves alone.
 */
async function lockStates(tx: Transaction, saves: readonly Save[], which: Prisma.Sql): Promise<Map<string, Found>> {
  const rows = await tx.db.$queryRaw<Found[]>`
    SELECT ${SAVED_STATES.columns('t', SAVED_STATES.fieldsWithout(FIELDS))}, ${UNTOLD},
      s.run_id AS "runId", s.conversation_id AS "conversationId"
    FROM unnest(${uuids(saves.map(({ sessionId }) => sessionId))}, ${saves.map(({ version }) => version)}::int[],
      ${telling(saves.map(({ content }) => content.documents))}) AS i (session_id, version, ${TELLS})
    JOIN sessions s ON s.project_id = ${tx.projectId}::uuid AND s.id = i.session_id AND ${which}
    JOIN saved_states t ON t.project_id = s.project_id AND t.session_id = s.id
      AND t.status IN ('ACTIVE', 'SUSPENDED') AND t.version = i.version
    ORDER BY s.id FOR NO KEY UPDATE OF s SKIP LOCKED FOR NO KEY UPDATE OF t`;
  return new Map(rows.map((row) => [row.sessionId, row]));
}

function changed(found: SavedState, { content, expiresAt }: Save, now: Date): SavedState {
  const kept = found.expiresAt && later(found.expiresAt, dayAfter(now));
  const moved = { version: found.version + 1, updatedAt: now, expiresAt: expiresAt === undefined ? kept : expiresAt };
  return withSaid({ ...found, ...content.facts, ...moved }, content);
}

const later = (one: Date, other: Date): Date => (one > other ? one : other);

interface Change {
  readonly savedState: SavedState;
  readonly documents: Content['documents'];
}

/**
 * The documents of all changes are one parameter, of bytes, out of which each is cut: nothing in them has to be escaped. Of what
 * is not told, the stored document stays where it is.
 */
function updating(tx: Transaction, changes: readonly Change[]): Prisma.Sql {
  const states = changes.map(({ savedState }) => savedState);
  const texts: Buffer[] = [];
  let end = 1;
  /** Where the documents of a field begin, and how long they are; a null is cut out at no place. */
  const placesOf = (field: DocumentField): Prisma.Sql => {
    const column = changes.map(({ documents }) => (documents[field] ? Buffer.from(documents[field].text) : null));
    const starts = column.map((text) => (text ? (end += text.length) - text.length : null));
    texts.push(...column.filter((text) => text !== null));
    return Prisma.sql`${starts}::int[], ${column.map((text) => text?.length ?? null)}::int[]`;
  };
  const places = Prisma.join(FIELDS.map(placesOf));
  return Prisma.sql`
    UPDATE saved_states t SET version = i.version, mode = i.mode, current_phase = i.current_phase,
      current_step = i.current_step, updated_at = ${tx.now}, expires_at = i.expires_at, ${TOLD}
    FROM (SELECT ${Buffer.concat(texts)}::bytea AS texts) d CROSS JOIN unnest(
      ${uuids(states.map(({ id }) => id))}, ${states.map(({ version }) => version)}::int[],
      ${states.map(({ mode }) => mode)}::text[], ${states.map(({ currentPhase }) => currentPhase)}::text[],
      ${states.map(({ currentStep }) => currentStep)}::int[], ${states.map(({ expiresAt }) => expiresAt)}::timestamptz[],
      ${telling(changes.map(({ documents }) => documents))}, ${places})
      AS i (id, version, mode, current_phase, current_step, expires_at, ${TELLS}, ${PLACES})
    WHERE t.project_id = ${tx.projectId}::uuid AND t.id = i.id AND t.version = i.version - 1`;
}
