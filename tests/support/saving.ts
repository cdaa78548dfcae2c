import type { SavedState, Session } from '../../src/database/client.js';
import { saveState, type SaveStateInput } from '../../src/store/savedState.js';
import type { Caller } from '../../src/store/store.js';
import { resumeSession, suspendSession } from '../../src/store/suspension.js';
import { openStore, type TestStore } from './store.js';

/** A store whose sessions save what they do, sleep and wake. */
export interface TestSaving extends TestStore {
  save: (caller: Caller, session: Session, input?: Partial<SaveStateInput>) => Promise<SavedState>;
  suspend: (caller: Caller, session: Session, note?: string) => ReturnType<typeof suspendSession>;
  resume: (caller: Caller, session: Session) => ReturnType<typeof resumeSession>;
  /** The session's saved states, oldest first. */
  statesOf: (session: Session) => Promise<SavedState[]>;
  activityOf: (session: Session) => Promise<Date>;
}

export async function openSaving(): Promise<TestSaving> {
  const opened = await openStore();
  const { store } = opened;
  const { prisma } = opened.database;
  return {
    ...opened,
    save: async (caller, { id }, input) => (await saveState(store, caller, { sessionId: id, ...input })).savedState,
    suspend: (caller, { id }, note) => suspendSession(store, caller, { sessionId: id, note }),
    resume: (caller, { id }) => resumeSession(store, caller, { sessionId: id }),
    statesOf: ({ projectId, id: sessionId }) =>
      prisma.savedState.findMany({ where: { projectId, sessionId }, orderBy: { createdAt: 'asc' } }),
    async activityOf({ projectId, id: sessionId }) {
      const where = { projectId_sessionId: { projectId, sessionId } };
      return (await prisma.pulse.findUniqueOrThrow({ where })).lastActivityAt;
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
