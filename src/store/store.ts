// What every function of this folder works with. One exported function = one transaction = one mutation or one step of
// a worker; each takes the store and the caller in whose project it acts.
import type { Role } from '../domain/role.js';
import { writePlain } from './append.js';
import { AppendQueue } from './appendQueue.js';
import { foldSigns, keyOfSign, takePlain, type Sign, type Taken } from './beat.js';
import { BeatBoard } from './beatBoard.js';
import { openClock } from './clock.js';
import { Coalescer } from './coalescer.js';
import type { Observer } from './observer.js';
import { retrying } from './retry.js';
import { LogTail, type LogSource } from './tail.js';
import { readVitals, type Vitals } from './vitals.js';

export type { Observer } from './observer.js';
export type { Vitals } from './vitals.js';

export type {
  ApiKey,
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
  Spanned,
} from '../database/client.js';

export interface Store extends LogSource {
  /** The database's clock, as well as this process knows it: within the time of one round trip. */
  now(): Date;
  /** The reader of a project's log: one for each project and process. */
  tail(projectId: string): LogTail;
  /** Where a project's plain appends go together: one for each project and process. Announces them. */
  appends(projectId: string): AppendQueue;
  /** Where heartbeats go together. */
  readonly beats: Coalescer<Sign, Taken>;
  /** The newest beats of a project's sessions: one for each project and process. */
  board(projectId: string): BeatBoard;
  readonly observer: Observer | null;
  /** How many follow a log of this process. */
  subscribers(): number;
  /** Rejects where the database is out of reach. */
  vitals(): Promise<Vitals>;
  /** Resolves once all followers of a log have taken what is committed by now; never where one of them does not read. */
  settled(): Promise<void>;
  /** Answers what is under way, and ends every reader. The database and the bus stay their owner's to close. */
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

// Milliseconds of the database's time, and small beside what a statement costs by itself.
const BEATS_PER_STATEMENT = 500;
// While the database takes one, this process makes the next.
const BEAT_STATEMENTS_AT_ONCE = 3;
// Half a pool of connections.
const BEATS_ALONE_AT_ONCE = 5;

/** Resolves once the database has answered and its clock is known. */
export async function createStore(source: LogSource, observer: Observer | null = null): Promise<Store> {
  const tails = new Map<string, LogTail>();
  const boards = new Map<string, BeatBoard>();
  const queues = new Map<string, AppendQueue>();
  const clock = await openClock(source);

  const store: Store = {
    ...source,
    observer,
    subscribers: () => [...tails.values()].reduce((sum, tail) => sum + tail.followers, 0),
    now: () => clock.now(),
    appends(projectId) {
      const queue = queues.get(projectId) ?? openAppends({ ...source, observer }, projectId);
      queues.set(projectId, queue);
      return queue;
    },
    beats: new Coalescer({
      keyOf: keyOfSign,
      fold: foldSigns,
      flush(signs) {
        observer?.beaten(signs.length);
        return takePlain(source, signs);
      },
      batch: BEATS_PER_STATEMENT,
      batches: BEAT_STATEMENTS_AT_ONCE,
      alone: BEATS_ALONE_AT_ONCE,
    }),
    board(projectId) {
      const board = boards.get(projectId) ?? new BeatBoard(source.bus, projectId);
      boards.set(projectId, board);
      return board;
    },
    tail(projectId) {
      const tail = tails.get(projectId) ?? new LogTail(source, projectId);
      tails.set(projectId, tail);
      return tail;
    },
    vitals: () => readVitals(source.database, tails),
    async settled() {
      await Promise.all(Array.from(tails.values(), (tail) => tail.settled()));
    },
    async close() {
      clock.stop();
      await Promise.all([store.beats.close(), ...Array.from(queues.values(), (queue) => queue.close())]);
      for (const board of boards.values()) board.close();
      await Promise.all(Array.from(tails.values(), (tail) => tail.close()));
    },
  };
  return store;
}

function openAppends({ database, bus, observer }: Pick<Store, 'database' | 'bus' | 'observer'>, projectId: string) {
  return new AppendQueue(async (appends) => {
    const positions = await retrying({ observer }, () => writePlain(database, projectId, appends));
    const last = positions.reduce<bigint>((most, position) => (position && position > most ? position : most), 0n);
    if (last > 0n) bus.announce(projectId, Number(last));
    return positions;
  });
}
