import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import type { Bus } from '../../src/bus/bus.js';
import { memoryBus } from '../../src/bus/memory.js';
import { openDatabase, type Database, type Event, type Session } from '../../src/database/client.js';
import { createStore } from '../../src/store/createStore.js';
import { ensureProject } from '../../src/store/project.js';
import { startSession, type StartSessionInput } from '../../src/store/session.js';
import type { Caller, Store } from '../../src/store/store.js';
import { createDatabase } from './postgres.js';

/** A store on a database of a test file's own; `await using` closes and drops it. */
export interface TestStore extends AsyncDisposable {
  store: Store;
  database: Database;
  url: string;
  /** The statements sent so far, oldest first; may be emptied. */
  statements: string[];
  /** Acts in the project `default`. */
  caller: Caller;
  /** Acts in a new project, whose log is empty. */
  newCaller: () => Promise<Caller>;
  /** A new session: an agent without a name unless the input says otherwise. */
  start: (caller: Caller, input?: Partial<StartSessionInput>) => Promise<Session>;
  /** The session as it stands. */
  read: (session: Session) => Promise<Session>;
  /** A project's log, or of it one session's events, oldest first. */
  log: (caller: Caller, session?: Session) => Promise<Event[]>;
}

/** A new store over the bus that is given, by default one of its own. */
export async function openStore({
  bus = memoryBus(),
  poolSize = 10,
}: { bus?: Bus; poolSize?: number } = {}): Promise<TestStore> {
  const own = await createDatabase();
  const { url } = own;
  const statements: string[] = [];
  // Of many that meet, the last waits for all others to have a connection: on a busy machine for longer than a request may.
  const acquireTimeoutMs = 60_000;
  const database = openDatabase(url, { poolSize, acquireTimeoutMs, onQuery: (sql) => statements.push(sql) });
  const store = await createStore({ database, bus, log: pino({ level: 'silent' }) });

  async function callerOf(slug: string): Promise<Caller> {
    const { id: projectId } = await ensureProject(database, slug);
    return { projectId, name: 'tester', role: 'ADMIN', serverAdmin: true };
  }

  return {
    store,
    database,
    url,
    statements,
    caller: await callerOf('default'),
    newCaller: () => callerOf(randomUUID()),
    async start(caller, input) {
      const { session } = await startSession(store, caller, { kind: 'AGENT', takeOver: false, ...input });
      return session;
    },
    read: ({ projectId, id }) =>
      database.prisma.session.findUniqueOrThrow({ where: { projectId_id: { projectId, id } } }),
    log: ({ projectId }, session) =>
      database.prisma.event.findMany({ where: { projectId, sessionId: session?.id }, orderBy: { position: 'asc' } }),
    async [Symbol.asyncDispose]() {
      await store.close();
      await bus.close();
      await database.close();
      await own.drop();
    },
  };
}

/** The types of the events, in their order. */
export const typesOf = (events: readonly Event[]): string[] => events.map(({ type }) => type);
