import type { WatchedSessionFragment as WatchedSession } from '../client/operation.js';
import { isLive, type LifecycleState, type SessionKind } from '../domain/session.js';

/** Which sessions stand on a board. */
export interface Wanted {
  readonly states: readonly LifecycleState[];
  readonly kinds?: readonly SessionKind[] | undefined;
  readonly agentName?: string | undefined;
  readonly runId?: string | undefined;
}

/** A sign of life that the log does not know of; what is null is what was known before. */
export interface SignOfLife {
  readonly at: string;
  readonly contextPercent?: number | null;
  readonly currentEpic?: string | null;
  readonly activity?: string | null;
}

/** A session as it stands on the board. */
export interface Place {
  readonly session: WatchedSession;
  /** By the database's clock. */
  readonly silentSeconds: number;
  readonly ageSeconds: number;
  /** It has ended, or is otherwise no longer wanted, and is shown for a last moment. */
  readonly isLeaving: boolean;
}

export const ORDERS = ['attention', 'silence', 'started', 'name'] as const;
export type Order = (typeof ORDERS)[number];

/** How many sessions a board holds, and how long one that leaves can still be seen. */
const ROOM = 500;
const LEAVING_MS = 5_000;
/** How full a board may be that is worth filling up, so that not every end means another list. */
const VACANT = 0.9;

interface Entry {
  session: WatchedSession;
  /** The database's time of its last sign of life. */
  heardAt: number;
  /** All that its beats have said and nothing that was read since knows better. */
  beat: SignOfLife | null;
  /** Where it stood last, so that one that leaves does not jump away first. */
  urgency: number;
  leavesAt: number | null;
}

/**
 * The sessions that somebody watches, from what is read, logged and heard of them. It has no clock: `now` is milliseconds
 * of any clock that only moves on, and the database's own time is told by the answers.
 */
export class SessionBoard {
  readonly #entries = new Map<string, Entry>();
  /** The database's time less ours. */
  #aheadMs = 0;
  #more = 0;

  constructor(
    private readonly wanted: Wanted,
    private readonly room = ROOM,
  ) {}

  /** How many wanted sessions there are besides, for which there was no room. */
  get more(): number {
    return this.#more;
  }

  /** Whether there is room for some of them again. */
  get hasVacancies(): boolean {
    return this.#more > 0 && this.#entries.size < this.room * VACANT;
  }

  /** The database's time. */
  time(now: number): Date {
    return new Date(now + this.#aheadMs);
  }

  /** Takes sessions as they were just read; answers with the ids of those with more news than their silence. */
  put(sessions: readonly WatchedSession[], now: number): string[] {
    this.#setClock(sessions, now);
    const news = sessions.filter((session) => this.#putOne(session, now));
    if (this.#entries.size > this.room) this.#makeRoom(now);
    return news.flatMap(({ id }) => (this.#entries.has(id) ? [id] : []));
  }

  /** Takes how many sessions are wanted in all, here or not. */
  count(total: number): void {
    this.#more = Math.max(0, total - this.#staying().length);
  }

  /** Those that are here and not among these, but for those that leave. */
  missingFrom(sessions: readonly WatchedSession[]): string[] {
    const ids = new Set(sessions.map(({ id }) => id));
    return this.#staying().flatMap(({ session: { id } }) => (ids.has(id) ? [] : [id]));
  }

  /** These are no more. */
  remove(ids: readonly string[]): void {
    for (const id of ids) this.#entries.delete(id);
  }

  /** Takes a sign of life; answers whether it tells more than that. */
  beat(id: string, { at, ...said }: SignOfLife): boolean {
    const entry = this.#entries.get(id);
    if (entry?.leavesAt !== null) return false;
    this.hear(id, at);
    const before = entry.session;
    entry.beat = { ...entry.beat, ...withoutNulls(said), at };
    entry.session = withBeat(before, entry.beat);
    return differ(before, entry.session);
  }

  /** Takes a sign of life that says nothing else. */
  hear(id: string, at: string): void {
    const entry = this.#entries.get(id);
    if (entry) entry.heardAt = Math.max(entry.heardAt, Date.parse(at));
  }

  /** Lets those go whose last moment is over. */
  sweep(now: number): void {
    for (const [id, { leavesAt }] of this.#entries) if (leavesAt !== null && leavesAt <= now) this.#entries.delete(id);
  }

  /** All that are here: by default what needs attention first, then those heard of lately. */
  places(now: number, order: Order = 'attention'): Place[] {
    const time = this.time(now).getTime();
    return this.#sorted(time, order).map((entry) => placeOf(entry, time));
  }

  /** Those of these sessions that are here. */
  placesOf(ids: readonly string[], now: number): Place[] {
    const time = this.time(now).getTime();
    return ids.flatMap((id) => {
      const entry = this.#entries.get(id);
      return entry ? [placeOf(entry, time)] : [];
    });
  }

  #putOne(session: WatchedSession, now: number): boolean {
    const known = this.#entries.get(session.id);
    const isWanted = this.#wants(session);
    if (!known && !isWanted) return false;
    const beat = known?.beat && isNewer(known.beat, session) ? known.beat : null;
    const entry: Entry = {
      session: beat ? withBeat(session, beat) : session,
      heardAt: Math.max(known?.heardAt ?? -Infinity, Date.parse(session.liveness.lastActivityAt)),
      beat,
      urgency: known?.urgency ?? 0,
      leavesAt: isWanted ? null : (known?.leavesAt ?? now + LEAVING_MS),
    };
    this.#entries.set(session.id, entry);
    return !known || differ(known.session, entry.session);
  }

  #wants({ state, kind, agentName, run }: WatchedSession): boolean {
    const { states, kinds, agentName: name, runId } = this.wanted;
    return (
      states.includes(state) &&
      (kinds?.includes(kind) ?? true) &&
      (name === undefined || agentName === name) &&
      (runId === undefined || run?.id === runId)
    );
  }

  /** Every open session of an answer tells the time at which the answer was given. */
  #setClock(sessions: readonly WatchedSession[], now: number): void {
    const times = sessions.flatMap(({ endedAt, liveness: { lastActivityAt, silentSeconds } }) =>
      endedAt === null ? [Date.parse(lastActivityAt) + silentSeconds * 1000] : [],
    );
    if (times.length > 0) this.#aheadMs = Math.max(...times) - now;
  }

  #staying(): Entry[] {
    return [...this.#entries.values()].filter(({ leavesAt }) => leavesAt === null);
  }

  #sorted(time: number, order: Order): Entry[] {
    for (const entry of this.#entries.values()) if (entry.leavesAt === null) entry.urgency = urgencyOf(entry, time);
    return [...this.#entries.values()].sort(COMPARE[order]);
  }

  /** Those that need attention least have to go. */
  #makeRoom(now: number): void {
    const gone = this.#sorted(this.time(now).getTime(), 'attention').slice(this.room);
    this.#more += gone.filter(({ leavesAt }) => leavesAt === null).length;
    this.remove(gone.map(({ session: { id } }) => id));
  }
}

function placeOf({ session, heardAt, leavesAt }: Entry, time: number): Place {
  const { startedAt, endedAt, liveness } = session;
  const until = endedAt === null ? time : Date.parse(endedAt);
  return {
    session,
    silentSeconds: endedAt === null ? Math.max(0, time - heardAt) / 1000 : liveness.silentSeconds,
    ageSeconds: Math.max(0, until - Date.parse(startedAt)) / 1000,
    isLeaving: leavesAt !== null,
  };
}

/** Silences that are not worth a change of places among those that need no attention. */
const STEPS_S = [120, 600, 3600];

/** What needs attention most is least. */
function urgencyOf({ session: { state, liveness }, heardAt }: Entry, time: number): number {
  if (state === 'ZOMBIE') return 0;
  if (state === 'STALLED') return 4 - (liveness.escalationLevel ?? 0);
  if (liveness.waitingSince !== null) return 5;
  const step = STEPS_S.findIndex((seconds) => time - heardAt < seconds * 1000);
  return (isLive(state) ? 6 : 10) + (step === -1 ? STEPS_S.length : step);
}

const byStart = (a: Entry, b: Entry): number => compare(b.session.startedAt, a.session.startedAt) || byId(a, b);
const byId = (a: Entry, b: Entry): number => compare(a.session.id, b.session.id);

const COMPARE: Readonly<Record<Order, (a: Entry, b: Entry) => number>> = {
  attention: (a, b) => a.urgency - b.urgency || byStart(a, b),
  silence: (a, b) => a.heardAt - b.heardAt || byId(a, b),
  started: byStart,
  name: (a, b) => compare(a.session.agentName ?? '\uFFFF', b.session.agentName ?? '\uFFFF') || byStart(a, b),
};

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function isNewer({ at }: SignOfLife, { liveness: { lastHeartbeatAt } }: WatchedSession): boolean {
  return lastHeartbeatAt === null || Date.parse(at) > Date.parse(lastHeartbeatAt);
}

function withBeat(session: WatchedSession, { at, ...said }: SignOfLife): WatchedSession {
  return { ...session, ...withoutNulls(said), liveness: { ...session.liveness, lastHeartbeatAt: at } };
}

/** What is null was left as it was. */
function withoutNulls({ contextPercent, currentEpic, activity }: Omit<SignOfLife, 'at'>) {
  return {
    ...(contextPercent != null && { contextPercent }),
    ...(currentEpic != null && { currentEpic }),
    ...(activity != null && { activity }),
  };
}

/** Whether there is more to see than another silence. */
function differ(before: WatchedSession, after: WatchedSession): boolean {
  return factsOf(before) !== factsOf(after);
}

function factsOf({ liveness: { escalationLevel, waitingSince }, ...session }: WatchedSession): string {
  const { state, outcome, contextPercent, activity, currentEpic, title, taskId } = session;
  return JSON.stringify([
    [state, escalationLevel, waitingSince, outcome],
    [contextPercent, activity, currentEpic, title, taskId],
  ]);
}
