import { Prisma, type SavedState, type Session } from '../database/client.js';
import { VersionConflictError } from '../domain/errors.js';
import { encodeId, newId } from '../domain/id.js';
import { checkDocument, type JsonShape } from '../domain/json.js';
import { checkInstant, checkName, checkRange, checkTitle, DOCUMENT_MAX_BYTES, Issues } from '../domain/limits.js';
import { SAVED_STATE_KEPT_SECONDS } from '../domain/savedState.js';
import { lockOpenSession, moveSession } from './lifecycle.js';
import { Document } from './redacted.js';
import type { Subject } from './log.js';
import { SAVED_STATES } from './row.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

/** Absent fields are kept; a null clears. */
export interface SaveStateInput {
  sessionId: string;
  expectedVersion?: number | null;
  mode?: string | null;
  conversationHistory?: unknown;
  contextVariables?: unknown;
  planData?: unknown;
  currentPhase?: string | null;
  currentStep?: number | null;
  expiresAt?: Date | null;
}

/** The mode of a state whose owner names none. */
const DEFAULT_MODE = 'default';

/**
 * Saves the working state of an open session: a sign of life.
 * @throws VersionConflictError where `expectedVersion` is not the stored one; nothing is changed then.
 */
export async function saveState(
  store: Store,
  caller: Caller,
  input: SaveStateInput,
): Promise<{ savedState: SavedState; position: bigint }> {
  const content = contentOf(input, checkSave(input));
  return transact(store, caller, async (tx) => {
    const { sessionId } = input;
    const expected = input.expectedVersion ?? null;
    const steady = expected === null ? null : await lockSteady(tx, sessionId, content, expected);
    if (steady) return { savedState: recordSave(tx, steady.session, changeState(tx, steady.found, input, content)) };
    const session = await lockOpenSession(tx, sessionId);
    const found = expected === null ? null : await findState(tx, sessionId, content, expected);
    const savedState = found
      ? changeState(tx, found, input, content)
      : expected === null && (await insertState(tx, session, input, content));
    if (!savedState) {
      const open = await openStateOf(tx, sessionId);
      throw new VersionConflictError({ expected, actual: open?.version ?? null });
    }
    return { savedState: recordSave(tx, await moveSession(tx, session, 'activity'), savedState) };
  });
}

function recordSave(tx: Transaction, session: Subject, savedState: SavedState): SavedState {
  const { version, mode, currentPhase, currentStep } = savedState;
  const savedStateId = encodeId('SavedState', savedState.id);
  tx.showLife(session.id);
  tx.record({ type: 'STATE_SAVED', session, data: { savedStateId, version, mode, currentPhase, currentStep } });
  return savedState;
}

/** The session's state that is ACTIVE or SUSPENDED; under the lock on the session nobody else changes it. */
export function openStateOf(tx: Transaction, sessionId: string): Promise<SavedState | null> {
  return SAVED_STATES.find(tx.db, { projectId: tx.projectId, sessionId, status: ['ACTIVE', 'SUSPENDED'] });
}

/** The first save of a session; null where its state is open already. */
async function insertState(
  tx: Transaction,
  session: Session,
  { expiresAt }: SaveStateInput,
  content: Content,
): Promise<SavedState | null> {
  const row = SAVED_STATES.insertOf({
    mode: DEFAULT_MODE,
    ...valuesOf(content),
    projectId: tx.projectId,
    id: newId(),
    sessionId: session.id,
    createdAt: tx.now,
    updatedAt: tx.now,
    expiresAt: expiresAt === undefined ? dayAfter(tx.now) : expiresAt,
    status: session.state === 'SUSPENDED' ? 'SUSPENDED' : 'ACTIVE',
  });
  const [saved] = await tx.db.$queryRaw<Partial<SavedState>[]>`
    ${row} ON CONFLICT DO NOTHING
    RETURNING ${unsaid(content)}`;
  return saved ? withSaid(saved, content) : null;
}

/** A state, without the documents that a save brings. */
type Found = Omit<SavedState, DocumentField> & Partial<Pick<SavedState, DocumentField>>;

const isOfVersion = (tx: Transaction, sessionId: string, version: number): Prisma.Sql => Prisma.sql`
  t.project_id = ${tx.projectId}::uuid AND t.session_id = ${sessionId}::uuid
    AND t.status IN ('ACTIVE', 'SUSPENDED') AND t.version = ${version}`;

/**
 * The ordinary save's way to its locks, the session's first: one statement, which waits for whoever has them and judges by what
 * stands then. Null where the save would change the session too, or the state is of another version, or none is open.
 */
async function lockSteady(
  tx: Transaction,
  sessionId: string,
  content: Content,
  version: number,
): Promise<{ session: Subject; found: Found } | null> {
  const [row] = await tx.db.$queryRaw<(Found & Subject)[]>`
    SELECT ${unsaid(content)}, s.run_id AS "runId", s.conversation_id AS "conversationId"
    FROM sessions s JOIN saved_states t ON t.project_id = s.project_id AND t.session_id = s.id
    WHERE s.project_id = ${tx.projectId}::uuid AND s.id = ${sessionId}::uuid AND s.state IN ('WORKING', 'SUSPENDED')
      AND ${isOfVersion(tx, sessionId, version)}
    FOR NO KEY UPDATE`;
  if (!row) return null;
  const { runId, conversationId, ...found } = row;
  return { session: { id: sessionId, runId, conversationId }, found };
}

/** The state of that version of a locked session; null where it is of another, or none is open. */
async function findState(tx: Transaction, sessionId: string, content: Content, version: number): Promise<Found | null> {
  const [found] = await tx.db.$queryRaw<Found[]>`
    SELECT ${unsaid(content)} FROM saved_states t WHERE ${isOfVersion(tx, sessionId, version)}`;
  return found ?? null;
}

/** The save of a state that is locked with its session. It is written with its event. */
function changeState(tx: Transaction, found: Found, { expiresAt }: SaveStateInput, content: Content): SavedState {
  const moved = {
    updatedAt: tx.now,
    // As the caller says, null being never; else a day from now, or later where that was said before.
    expiresAt: expiresAt === undefined ? found.expiresAt && later(found.expiresAt, dayAfter(tx.now)) : expiresAt,
    version: found.version + 1,
  };
  tx.changeAlong(Prisma.sql`
    UPDATE saved_states t SET ${SAVED_STATES.assignments({ ...valuesOf(content), ...moved })}
    WHERE t.project_id = ${tx.projectId}::uuid AND t.id = ${found.id}::uuid AND t.version = ${found.version}`);
  return withSaid({ ...found, ...content.facts, ...moved }, content);
}

const later = (one: Date, other: Date): Date => (one > other ? one : other);

const dayAfter = (now: Date): Date => new Date(now.getTime() + SAVED_STATE_KEPT_SECONDS * 1000);

type DocumentField = 'conversationHistory' | 'contextVariables' | 'planData';

/** What a save brings, where it brings it. */
interface Content {
  facts: Partial<Pick<SavedState, 'mode' | 'currentPhase' | 'currentStep'>>;
  documents: Partial<Record<DocumentField, Document | null>>;
}

/** The columns but for the documents that the save brings: they are megabytes, and need not come back. */
function unsaid({ documents }: Content): Prisma.Sql {
  return SAVED_STATES.columns('t', SAVED_STATES.fieldsWithout(Object.keys(documents)));
}

/** The row with the documents that the save has brought. */
function withSaid(saved: Partial<SavedState>, { documents }: Content): SavedState {
  const said = Object.entries(documents).map(([field, document]) => [field, document?.value ?? null]);
  return { ...saved, ...Object.fromEntries(said) } as SavedState;
}

/** What the columns are to hold. */
function valuesOf({ facts, documents }: Content) {
  const said = Object.entries(documents).map(([field, document]) => [field, document?.stored ?? null]);
  return { ...facts, ...(Object.fromEntries(said) as Partial<Record<DocumentField, Prisma.Sql | null>>) };
}

function contentOf(input: SaveStateInput, texts: Texts): Content {
  const { mode, conversationHistory, contextVariables, planData, currentPhase, currentStep } = input;
  const facts = {
    ...(mode != null && { mode }),
    ...(currentPhase !== undefined && { currentPhase }),
    ...(currentStep !== undefined && { currentStep }),
  };
  const documents = {
    ...(conversationHistory !== undefined && {
      conversationHistory: new Document(conversationHistory ?? [], texts.conversationHistory),
    }),
    ...(contextVariables !== undefined && {
      contextVariables: new Document(contextVariables ?? {}, texts.contextVariables),
    }),
    ...(planData !== undefined && { planData: planData === null ? null : new Document(planData, texts.planData) }),
  };
  return { facts, documents };
}

type Texts = Record<DocumentField, string | null>;

/** Answers with the texts of the documents. */
function checkSave(input: SaveStateInput): Texts {
  const issues = new Issues();
  if (input.mode === null) issues.add('input.mode', 'must not be null: a saved state has a mode');
  checkName(issues, 'input.mode', input.mode);
  checkTitle(issues, 'input.currentPhase', input.currentPhase);
  checkRange(issues, 'input.currentStep', input.currentStep, -(2 ** 31), 2 ** 31 - 1);
  checkInstant(issues, 'input.expiresAt', input.expiresAt);
  const textOf = (document: DocumentField, shape: JsonShape): string | null =>
    checkDocument(issues, `input.${document}`, input[document], { limitBytes: DOCUMENT_MAX_BYTES, shape });
  const texts = {
    conversationHistory: textOf('conversationHistory', 'list'),
    contextVariables: textOf('contextVariables', 'object'),
    planData: textOf('planData', 'any'),
  };
  issues.throwIfAny();
  return texts;
}
