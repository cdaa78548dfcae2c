// What every function of this folder works with. One exported function = one transaction = one mutation or one step of
// a worker; each takes the store and the caller in whose project it acts.
import type { Database } from '../database/client.js';
import type { Role } from '../domain/session.js';
import { LogTail, type LogSource } from './tail.js';

export type {
  Approval,
  Checkpoint,
  Command,
  Conversation,
  Event,
  Handoff,
  Prisma,
  PrismaClient,
  Project,
  Pulse,
  Run,
  SavedState,
  Session,
  Signal,
} from '../database/client.js';

export interface Store extends LogSource {
  /** The database's clock, as well as this process knows it: within the time of one round trip. */
  now(): Date;
  /** The reader of a project's log: one for each project and process. */
  tail(projectId: string): LogTail;
  /** Ends every reader. The database and the bus stay their owner's to close. */
  close(): Promise<void>;
}

/** In whose name a call is made: its project, and the name that records carry. */
export interface Caller {
  readonly projectId: string;
  readonly name: string;
  readonly role: Role;
  readonly serverAdmin: boolean;
}

/** The caller of what the service does by itself. */
export function serviceIn(projectId: string): Caller {
  return { projectId, name: 'lifeline', role: 'ADMIN', serverAdmin: false };
}

// A clock drifts by milliseconds a minute at worst.
const CLOCK_CHECK_MS = 60_000;

/** Resolves once the database has answered and its clock is known. */
export async function createStore(source: LogSource): Promise<Store> {
  const { database, log } = source;
  const tails = new Map<string, LogTail>();
  let offsetMs = await clockOffset(database);
  const checking = setInterval(() => {
    clockOffset(database).then(
      (measured) => (offsetMs = measured),
      (error: unknown) => log.warn({ err: error }, 'the clock of the database could not be read'),
    );
  }, CLOCK_CHECK_MS).unref();

  const store: Store = {
    ...source,
    now: () => new Date(Date.now() + offsetMs),
    tail(projectId) {
      const tail = tails.get(projectId) ?? new LogTail(source, projectId);
      tails.set(projectId, tail);
      return tail;
    },
    async close() {
      clearInterval(checking);
      await Promise.all(Array.from(tails.values(), (tail) => tail.close()));
    },
  };
  return store;
}

// The first question also opens a connection; of three, the quickest answer tells best.
const CLOCK_QUESTIONS = 3;

/** By how many milliseconds the database's clock is ahead of ours. */
async function clockOffset(database: Database): Promise<number> {
  let best = { tookMs: Infinity, offsetMs: 0 };
  for (let question = 0; question < CLOCK_QUESTIONS; question++) {
    const asked = Date.now();
    const [row] = await database.prisma.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS "now"`;
    const answered = Date.now();
    const tookMs = answered - asked;
    if (row && tookMs < best.tookMs) best = { tookMs, offsetMs: row.now.getTime() - (asked + answered) / 2 };
  }
  return best.offsetMs;
}
