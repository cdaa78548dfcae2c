import type { SavedState, Session } from '../database/client.js';
import { VersionConflictError } from '../domain/errors.js';
import { newId } from '../domain/id.js';
import { checkDocument, type JsonShape } from '../domain/json.js';
import { checkInstant, checkName, checkRange, checkTitle, DOCUMENT_MAX_BYTES, Issues } from '../domain/limits.js';
import { lockOpenSession, moveSession } from './lifecycle.js';
import { Document } from './redacted.js';
import { SAVED_STATES } from './row.js';
import { changeStates, dayAfter, recordSave } from './save.js';
import { bytesOf, storedOf, withSaid, type Content, type DocumentField, type Saved } from './savedContent.js';
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
export async function saveState(store: Store, caller: Caller, input: SaveStateInput): Promise<Saved> {
  const content = contentOf(input, checkSave(input));
  const { sessionId, expiresAt, expectedVersion: version } = input;
  if (version == null) {
    return saveLocked(store, caller, sessionId, null, (tx, session) => insertState(tx, session, content, expiresAt));
  }
  const save = { sessionId, version, content, expiresAt };
  const saved = await store.saves(caller.projectId).put(save, { events: 1, bytes: bytesOf(content) });
  if (saved) return saved;
  return saveLocked(store, caller, sessionId, version, async (tx) => (await changeStates(tx, [save]))[0] ?? null);
}

/** Any save, under the lock on its session, which it may wake. `write` answers null where the state is not of that version. */
function saveLocked(
  store: Store,
  caller: Caller,
  sessionId: string,
  expected: number | null,
  write: (tx: Transaction, session: Session) => Promise<{ savedState: SavedState } | null>,
): Promise<Saved> {
  return transact(store, caller, async (tx) => {
    const session = await moveSession(tx, await lockOpenSession(tx, sessionId), 'activity');
    const written = await write(tx, session);
    if (written) return { savedState: written.savedState };
    const open = await openStateOf(tx, sessionId);
    throw new VersionConflictError({ expected, actual: open?.version ?? null });
  });
}

/** The session's state that is ACTIVE or SUSPENDED; under the lock on the session nobody else changes it. */
export function openStateOf(tx: Transaction, sessionId: string): Promise<SavedState | null> {
  return SAVED_STATES.find(tx.db, { projectId: tx.projectId, sessionId, status: ['ACTIVE', 'SUSPENDED'] });
}

/** The first save of a session; null where its state is open already. */
async function insertState(
  tx: Transaction,
  session: Session,
  content: Content,
  expiresAt: Date | null | undefined,
): Promise<{ savedState: SavedState } | null> {
  const row = SAVED_STATES.insertOf({
    mode: DEFAULT_MODE,
    ...content.facts,
    ...storedOf(content),
    projectId: tx.projectId,
    id: newId(),
    sessionId: session.id,
    createdAt: tx.now,
    updatedAt: tx.now,
    expiresAt: expiresAt === undefined ? dayAfter(tx.now) : expiresAt,
    status: session.state === 'SUSPENDED' ? 'SUSPENDED' : 'ACTIVE',
  });
  // The documents are megabytes, and need not come back.
  const [saved] = await tx.db.$queryRaw<Partial<SavedState>[]>`
    ${row} ON CONFLICT DO NOTHING
    RETURNING ${SAVED_STATES.columns('t', SAVED_STATES.fieldsWithout(Object.keys(content.documents)))}`;
  if (!saved) return null;
  const savedState = withSaid(saved, content);
  recordSave(tx, session, savedState);
  return { savedState };
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
