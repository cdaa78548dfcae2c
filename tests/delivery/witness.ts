// Subscribers of what cannot be resumed: each keeps what it sees, and knows what has to be true of it.
import { now } from '../support/commit.js';
import type { Relay } from '../support/relay.js';
import { checkHeard, checkSignals, checkWatch, type Check, type Heard, type Item, type SignalSeen } from './checker.js';
import type { Struck } from './fault.js';
import { Follower } from './follower.js';
import type { Ledger } from './ledger.js';
import { FOLLOW_HEARTBEATS, FOLLOW_SIGNALS, WATCH_RUN, WATCH_SESSION } from './subscription.js';
import type { Written } from './written.js';

export interface Witness {
  readonly name: string;
  readonly refusals: readonly string[];
  /** Whether it has seen what it waits for in the end. */
  isDone(): boolean;
  check(written: Written): Check[];
  close(): Promise<void>;
}

/** Where a witness finds the servers, and how it names itself. */
export interface Place {
  readonly way: Relay;
  readonly headers: Record<string, string>;
}

/** Follows one session until it has ended. */
export function watchSession(place: Place, id: string): Witness {
  const seen: Item[] = [];
  const isDone = (): boolean => seen.at(-1)?.content.includes('"state":"COMPLETED"') ?? false;
  const follower = new Follower({
    ...{ ...place, document: WATCH_SESSION, variables: { id }, isOver: isDone },
    see: ({ session }) => void seen.push({ position: session.version, content: JSON.stringify(session) }),
  });
  const name = `watcher of ${id}`;
  return witness(name, follower, isDone, ({ sessions }) =>
    checkWatch(name, seen, sessions.find((session) => session.id === id)?.standing ?? 'nothing'),
  );
}

/** Follows one run until it is completed; the number of its sessions only rises. */
export function watchRun(place: Place, id: string): Witness {
  const seen: Item[] = [];
  let isOver = false;
  const follower = new Follower({
    ...{ ...place, document: WATCH_RUN, variables: { id }, isOver: () => isOver },
    see({ run }) {
      seen.push({ position: run.agentCount, content: JSON.stringify(run) });
      isOver = run.status !== 'ACTIVE';
    },
  });
  const name = `watcher of ${id}`;
  return witness(
    name,
    follower,
    () => isOver,
    ({ runs }) => checkWatch(name, seen, runs.find((run) => run.id === id)?.standing ?? 'nothing'),
  );
}

export interface SignalWitness extends Witness {
  /** The last signal that it has to wait for, by its note. */
  awaitLast(note: string): void;
}

/** Gets the signals of one session, and tells its agent of each that is new. */
export function followSignals(place: Place, sessionId: string, hear: (id: string) => void): SignalWitness {
  const seen: SignalSeen[] = [];
  const known = new Set<string>();
  const notes = new Set<string | null>();
  let last: string | null = null;
  const follower = new Follower({
    ...{ ...place, document: FOLLOW_SIGNALS, variables: { sessionId } },
    see({ signals: { id, note } }, connection) {
      seen.push({ id, connection });
      notes.add(note);
      if (!known.has(id)) hear(id);
      known.add(id);
    },
  });
  const name = `signals of ${sessionId}`;
  const isDone = (): boolean => last !== null && notes.has(last);
  return {
    ...witness(name, follower, isDone, ({ log }) => {
      const sent = log.filter(({ type, session }) => type === 'SIGNAL_SENT' && session?.id === sessionId);
      const end = sent.findIndex(({ data }) => (data as { note: unknown }).note === last);
      const ids = sent.map(({ data }) => (data as { signalId: string }).signalId);
      return checkSignals(name, seen, { sent: ids, due: ids.slice(0, end + 1) });
    }),
    awaitLast: (note) => void (last = note),
  };
}

export interface BeatWitness extends Witness {
  /** From now on all faults are over: what it waits for is one more heartbeat. */
  awaitOneMore(): void;
}

/** Hears the heartbeats of all sessions. */
export function followBeats(place: Place, number: number, ledger: Ledger, history: readonly Struck[]): BeatWitness {
  const heard: Heard[] = [];
  let oneMoreAfter = Infinity;
  const follower = new Follower({
    ...{ ...place, document: FOLLOW_HEARTBEATS, variables: {} },
    see({ sessionHeartbeat: { session, at, activity } }, connection) {
      // Others may be alive too.
      if (!ledger.activities.has(session.id)) return;
      heard.push({ connection, sessionId: session.id, at, activity, heardAt: now() });
    },
  });
  const name = `heartbeats ${number}`;
  const isDone = (): boolean => (heard.at(-1)?.heardAt ?? 0) > oneMoreAfter;
  return {
    ...witness(name, follower, isDone, () => {
      const faults = history.filter(({ lines }) => lines === null || lines.includes(place.way));
      return checkHeard(name, heard, { activities: ledger.activities, beats: ledger.beats, faults });
    }),
    awaitOneMore: () => void (oneMoreAfter = now()),
  };
}

const witness = (
  name: string,
  follower: Pick<Witness, 'refusals' | 'close'>,
  isDone: () => boolean,
  check: Witness['check'],
): Witness => ({ name, refusals: follower.refusals, isDone, check, close: () => follower.close() });
