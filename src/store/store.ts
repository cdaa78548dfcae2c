// What every function of this folder works with. One exported function = one transaction = one mutation or one step of
// a worker; each takes the store and the caller in whose project it acts.
import type { Role } from '../domain/role.js';
import { writePlain, type PlainAppend } from './append.js';
import { foldSigns, keyOfSign, takePlain, type Sign, type Taken } from './beat.js';
import { BeatBoard } from './beatBoard.js';
import { openClock } from './clock.js';
import { Coalescer } from './coalescer.js';
import { GroupQueue } from './groupQueue.js';
import type { Observer } from './observer.js';
import { retrying } from './retry.js';
import { writeSaves, type Save, type Saved } from './save.js';
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
  appends(projectId: string): GroupQueue<PlainAppend, bigint>;
  /** Where a project's saves go together: one for each project and process. Announces them. */
  saves(projectId: string): GroupQueue<Save, Saved>;
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
  const clock = await openClock(source);
  const tails = eachOf((projectId) => new LogTail(source, projectId));
  const boards = eachOf((projectId) => new BeatBoard(source.bus, projectId));
  const appends = eachOf((projectId) => openAppends({ ...source, observer }, projectId));
  const saves = eachOf((projectId) => new GroupQueue<Save, Saved>((group) => writeSaves(store, projectId, group)));

  const store: Store = {
    ...source,
    observer,
    subscribers: () => [...tails.opened.values()].reduce((sum, tail) => sum + tail.followers, 0),
    now: () => clock.now(),
    appends: appends.of,
    saves: saves.of,
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
    board: boards.of,
    tail: tails.of,
    vitals: () => readVitals(source.database, tails.opened),
    async settled() {
      await Promise.all(Array.from(tails.opened.values(), (tail) => tail.settled()));
    },
    async close() {
      clock.stop();
      const writing = [store.beats, ...appends.opened.values(), ...saves.opened.values()];
      await Promise.all(writing.map((each) => each.close()));
      for (const board of boards.opened.values()) board.close();
      await Promise.all(Array.from(tails.opened.values(), (tail) => tail.close()));
    },
  };
  return store;
}

/** One for each project, opened when it is first asked for. */
function eachOf<T>(open: (projectId: string) => T): { of: (projectId: string) => T; opened: ReadonlyMap<string, T> } {
  const opened = new Map<string, T>();
  return {
    of(projectId) {
      const one = opened.get(projectId) ?? open(projectId);
      opened.set(projectId, one);
      return one;
    },
    opened,
  };
}

function openAppends({ database, bus, observer }: Pick<Store, 'database' | 'bus' | 'observer'>, projectId: string) {
  return new GroupQueue<PlainAppend, bigint>(async (appends) => {
    const positions = await retrying({ observer }, () => writePlain(database, projectId, appends));
    const last = positions.reduce<bigint>((most, position) => (position && position > most ? position : most), 0n);
    if (last > 0n) bus.announce(projectId, Number(last));
    return positions;
  });
}
