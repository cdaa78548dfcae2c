import { Prisma, type SavedState } from '../database/client.js';
import { VersionConflictError } from '../domain/errors.js';
import { encodeId, newId } from '../domain/id.js';
import { checkJson } from '../domain/json.js';
import { checkInstant, checkName, checkRange, checkTitle, DOCUMENT_MAX_BYTES, Issues } from '../domain/limits.js';
import { SAVED_STATE_KEPT_SECONDS } from '../domain/savedState.js';
import { lockOpenSession, moveSession } from './lifecycle.js';
import { redacted } from './redacted.js';
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
  checkSave(input);
  const content = contentOf(input);
  return transact(store, caller, async (tx) => {
    const session = await lockOpenSession(tx, input.sessionId);
    const current = await openStateOf(tx, session.id);
    const expected = input.expectedVersion ?? null;
    const actual = current?.version ?? null;
    if (expected !== actual) throw new VersionConflictError({ expected, actual });

    tx.showLife(session.id);
    const alive = await moveSession(tx, session, 'activity');
    const fields = { ...content, expiresAt: expiryOf(input, current, tx.now), updatedAt: tx.now };
    const { projectId } = tx;
    const [savedState] = current
      ? await SAVED_STATES.update(
          tx.db,
          { projectId, id: current.id, version: current.version },
          { ...fields, version: Prisma.sql`version + 1` },
        )
      : [
          await SAVED_STATES.insert(tx.db, {
            mode: DEFAULT_MODE,
            ...fields,
            projectId,
            id: newId(),
            sessionId: session.id,
            createdAt: tx.now,
            status: session.state === 'SUSPENDED' ? 'SUSPENDED' : 'ACTIVE',
          }),
        ];
    if (!savedState) throw new Error('the save of a state answered with no row');
    const { version, mode, currentPhase, currentStep } = savedState;
    const savedStateId = encodeId('SavedState', savedState.id);
    tx.record({
      type: 'STATE_SAVED',
      session: alive,
      data: { savedStateId, version, mode, currentPhase, currentStep },
    });
    return { savedState };
  });
}

/** The session's state that is ACTIVE or SUSPENDED; under the lock on the session nobody else changes it. */
export function openStateOf(tx: Transaction, sessionId: string): Promise<SavedState | null> {
  return SAVED_STATES.find(tx.db, { projectId: tx.projectId, sessionId, status: ['ACTIVE', 'SUSPENDED'] });
}

function contentOf(input: SaveStateInput) {
  const { mode, conversationHistory, contextVariables, planData, currentPhase, currentStep } = input;
  return {
    ...(mode != null && { mode }),
    ...(conversationHistory !== undefined && { conversationHistory: redacted(conversationHistory ?? []) }),
    ...(contextVariables !== undefined && { contextVariables: redacted(contextVariables ?? {}) }),
    ...(planData !== undefined && { planData: planData === null ? null : redacted(planData) }),
    ...(currentPhase !== undefined && { currentPhase }),
    ...(currentStep !== undefined && { currentStep }),
  };
}

/** As the caller says, null being never; else a day from now, or later where that was said before. */
function expiryOf({ expiresAt }: SaveStateInput, current: SavedState | null, now: Date): Date | null {
  if (expiresAt !== undefined) return expiresAt;
  if (current?.expiresAt === null) return null;
  const dayFromNow = new Date(now.getTime() + SAVED_STATE_KEPT_SECONDS * 1000);
  return current?.expiresAt && current.expiresAt > dayFromNow ? current.expiresAt : dayFromNow;
}

function checkSave(input: SaveStateInput): void {
  const issues = new Issues();
  const document = { limitBytes: DOCUMENT_MAX_BYTES } as const;
  if (input.mode === null) issues.add('input.mode', 'must not be null: a saved state has a mode');
  checkName(issues, 'input.mode', input.mode);
  checkTitle(issues, 'input.currentPhase', input.currentPhase);
  checkRange(issues, 'input.currentStep', input.currentStep, -(2 ** 31), 2 ** 31 - 1);
  checkInstant(issues, 'input.expiresAt', input.expiresAt);
  checkJson(issues, 'input.conversationHistory', input.conversationHistory, { ...document, shape: 'list' });
  checkJson(issues, 'input.contextVariables', input.contextVariables, { ...document, shape: 'object' });
  checkJson(issues, 'input.planData', input.planData, { ...document, shape: 'any' });
  issues.throwIfAny();
}
