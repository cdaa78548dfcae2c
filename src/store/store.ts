// What every function of this folder works with. One exported function = one transaction = one mutation or one step of
// a worker; each takes the store and the caller in whose project it acts.
import type { Role } from '../domain/role.js';
import type { PlainAppend } from './append.js';
import type { Sign, Taken } from './beat.js';
import type { BeatBoard } from './beatBoard.js';
import type { Coalescer } from './coalescer.js';
import type { GroupQueue } from './groupQueue.js';
import type { Observer } from './observer.js';
import type { Save, Saved } from './savedContent.js';
import type { LogSource, LogTail } from './tail.js';
import type { Vitals } from './vitals.js';

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
