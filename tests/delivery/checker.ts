// What was received and what was acknowledged, held against what is written. Pure: lists in, breaches out.
import type { Beat, Claim, Kind } from './ledger.js';

/** One message that a subscriber is due, or has got: its place in the log, and all that it says. */
export interface Item {
  readonly position: number;
  readonly content: string;
}

/** What a subscriber is due. */
export interface Due extends Item {
  /** What it may say instead, where it is told as it stands when it is delivered. */
  readonly later?: string;
}

export interface Reception {
  readonly name: string;
  readonly received: readonly Item[];
  /** In the order of the log. */
  readonly due: readonly Due[];
}

/** An entry of the log, as far as its place matters. */
export interface Placed {
  readonly id: string;
  readonly position: number;
  readonly sequence: number | null;
  readonly type: string;
  readonly session: { readonly id: string } | null;
}

/** What a write has left behind. */
export interface Trace {
  readonly kind: Kind;
  readonly mark: string;
  readonly id: string;
  /** Of what is in the log itself. */
  readonly position?: number;
}

export interface WrittenSession {
  readonly id: string;
  readonly conversation: string | null;
  readonly lastHeartbeatAt: string | null;
}

/** One statement, and where it does not hold. */
export interface Check {
  readonly name: string;
  readonly breaches: readonly string[];
}

/** Whether a subscriber got exactly what it was due. */
export function checkReception({ name, received, due }: Reception): Check[] {
  const wanted = new Map(due.map((item) => [item.position, item]));
  const breaches = { lost: [], repeated: [], disordered: [], foreign: [], changed: [] } as Record<Breach, string[]>;
  const seen = new Set<number>();
  let newest = -Infinity;
  for (const { position, content } of received) {
    const place = `position ${position}`;
    if (seen.has(position)) breaches.repeated.push(`${place}, after ${newest}`);
    else if (position < newest) breaches.disordered.push(`${place}, after ${newest}`);
    seen.add(position);
    newest = Math.max(newest, position);
    const right = wanted.get(position);
    if (right === undefined) breaches.foreign.push(`${place}: ${content}`);
    else if (right.content !== content && right.later !== content) {
      breaches.changed.push(`${place}: ${content} instead of ${right.content}`);
    }
  }
  for (const { position } of due) if (!seen.has(position)) breaches.lost.push(`position ${position}`);
  return Object.entries(breaches).map(([what, list]) => ({
    name: `${name}: ${PROMISES[what as Breach]}`,
    breaches: list,
  }));
}

type Breach = keyof typeof PROMISES;
const PROMISES = {
  lost: 'nothing is lost',
  repeated: 'nothing is repeated',
  disordered: 'nothing is out of order',
  foreign: 'nothing comes that is not due',
  changed: 'all is as it is written',
} as const;

/** Whether what was acknowledged is there, once, and what was refused is not. */
export function checkClaims(claims: readonly Claim[], traces: readonly Trace[]): Check[] {
  const found = new Map<string, Trace[]>();
  for (const trace of traces) {
    const key = keyOf(trace);
    found.set(key, [...(found.get(key) ?? []), trace]);
  }
  const missing: string[] = [];
  const twice: string[] = [];
  const invented: string[] = [];
  const misplaced: string[] = [];
  for (const claim of claims) {
    const there = found.get(keyOf(claim)) ?? [];
    const what = `${claim.kind} ${claim.mark}, ${claim.outcome}${claim.retried ? ' after a repetition' : ''}`;
    const places = there
      .map(({ id, position }) => (position === undefined ? id : `position ${position}`))
      .join(' and ');
    if (there.length > 1) twice.push(`${what}: ${places}`);
    if (claim.outcome === 'refused' && there.length > 0) invented.push(`${what}: ${places}`);
    if (claim.outcome !== 'acknowledged') continue;
    const [trace] = there;
    if (!trace) missing.push(`${what}${claim.position === undefined ? '' : ` at position ${claim.position}`}`);
    else if (isElsewhere(claim, trace)) {
      misplaced.push(`${what} as ${claim.id} at ${claim.position}: is ${trace.id} at ${trace.position}`);
    }
  }
  return [
    { name: 'every acknowledged write is there', breaches: missing },
    { name: 'every acknowledged write is what it was said to be', breaches: misplaced },
    { name: 'no write is there twice', breaches: twice },
    { name: 'no refused write is there', breaches: invented },
  ];
}

const keyOf = ({ kind, mark }: { kind: Kind; mark: string }): string => `${kind} ${mark}`;

const isElsewhere = (claim: Claim, trace: Trace): boolean =>
  (claim.id !== undefined && claim.id !== trace.id) ||
  (claim.position !== undefined && trace.position !== undefined && claim.position !== trace.position);

/** Whether the log after the position `from` is without a gap, and tells of lawful lives. */
export function checkLog(log: readonly Placed[], from: number, sessions: readonly WrittenSession[]): Check[] {
  const gaps: string[] = [];
  const strays: string[] = [];
  const lives: string[] = [];
  const crowded: string[] = [];
  const ids = new Set<string>();
  const conversations = new Map(sessions.map(({ id, conversation }) => [id, conversation]));
  const sequences = new Map<string, number>();
  const ended = new Set<string>();
  /** By conversation. */
  const open = new Map<string, string>();
  let expected = from;
  for (const { id, position, sequence, type, session } of log) {
    expected += 1;
    if (position !== expected) gaps.push(`position ${position} stands where ${expected} should`);
    expected = position;
    if (ids.has(id)) strays.push(`${id} stands a second time, at position ${position}`);
    ids.add(id);
    if (!session) continue;

    const before = sequences.get(session.id);
    if (type === 'SESSION_STARTED') {
      if (before !== undefined) lives.push(`${session.id} starts again at position ${position}`);
    } else if (before === undefined) {
      // It began before the trial did.
      continue;
    }
    if (sequence !== (before ?? 0) + 1)
      strays.push(`position ${position} is ${session.id}'s ${sequence} after ${before}`);
    sequences.set(session.id, sequence ?? 0);

    const place = conversations.get(session.id);
    if (type === 'SESSION_STARTED' && place) {
      const other = open.get(place);
      if (other) crowded.push(`${session.id} starts in ${place} at position ${position} while ${other} is open`);
      open.set(place, session.id);
    }
    if (type === 'SESSION_ENDED') {
      if (ended.has(session.id)) lives.push(`${session.id} ends again at position ${position}`);
      ended.add(session.id);
      if (place && open.get(place) === session.id) open.delete(place);
    }
  }
  return [
    { name: 'positions have no gap', breaches: gaps },
    { name: 'sequences have no gap, and each event is there once', breaches: strays },
    { name: 'a session starts once and ends once', breaches: lives },
    { name: 'a conversation has one open session at most', breaches: crowded },
  ];
}

/** Whether no acknowledged heartbeat was forgotten. */
export function checkBeats(beats: readonly Beat[], sessions: readonly WrittenSession[]): Check[] {
  const last = new Map(sessions.map(({ id, lastHeartbeatAt }) => [id, lastHeartbeatAt]));
  const breaches = beats
    .filter(({ sessionId, at }) => (last.get(sessionId) ?? '') < at)
    .map(({ sessionId, at }) => `${sessionId} was heard at ${at}, but its last heartbeat is of ${last.get(sessionId)}`);
  return [{ name: 'the last heartbeat of a session never goes back', breaches }];
}

/** Whether what a watcher saw of one session went forward only, and ended with what is written. */
export function checkWatch(name: string, seen: readonly Item[], last: string): Check[] {
  const back = seen.filter(({ position }, index) => position < (seen[index - 1]?.position ?? 0));
  const end = seen.at(-1)?.content ?? 'nothing';
  return [
    { name: `${name}: never goes back`, breaches: back.map(({ content }) => content) },
    { name: `${name}: ends as the session does`, breaches: end === last ? [] : [`${end} instead of ${last}`] },
  ];
}

export interface SignalSeen {
  readonly id: string;
  readonly connection: number;
}

/** Whether each signal that was due was seen, none twice on one connection, and none that was not sent. */
export function checkSignals(
  name: string,
  seen: readonly SignalSeen[],
  { sent, due }: { sent: readonly string[]; due: readonly string[] },
): Check[] {
  const ids = new Set(seen.map(({ id }) => id));
  const times = new Map<string, number>();
  for (const { id, connection } of seen) {
    const key = `${id} on connection ${connection}`;
    times.set(key, (times.get(key) ?? 0) + 1);
  }
  return [
    { name: `${name}: nothing is lost`, breaches: due.filter((id) => !ids.has(id)) },
    { name: `${name}: nothing is repeated`, breaches: [...times].filter(([, n]) => n > 1).map(([key]) => key) },
    { name: `${name}: nothing comes that is not due`, breaches: [...ids].filter((id) => !sent.includes(id)) },
  ];
}

/** A heartbeat as a subscriber was told it. Times are in ms. */
export interface Heard {
  readonly connection: number;
  readonly sessionId: string;
  readonly at: string;
  readonly activity: string | null;
  readonly heardAt: number;
}

export interface Sent {
  /** By session, all that heartbeats said. */
  readonly activities: ReadonlyMap<string, ReadonlySet<string>>;
  readonly beats: readonly Beat[];
  readonly faults: readonly { readonly from: number; readonly until: number }[];
}

/** How long after a fault nobody is expected to hear yet. */
const AFTERMATH_MS = 2_000;
/** In so many seconds without a fault there may be heartbeats that nobody tells of: a dead line is found out by and by. */
const MOST_DEAF_SECONDS = 10;

/** Whether only what was said was heard, of each session ever later, and something again after every fault. */
export function checkHeard(name: string, heard: readonly Heard[], { activities, beats, faults }: Sent): Check[] {
  const invented = heard.filter(({ sessionId, activity }) => !activities.get(sessionId)?.has(activity ?? ''));
  const newest = new Map<string, string>();
  const back = heard.filter(({ connection, sessionId, at }) => {
    const key = `${connection} ${sessionId}`;
    const before = newest.get(key) ?? '';
    if (at > before) newest.set(key, at);
    return at < before;
  });
  const quiet = beats
    .map(({ answeredAt }) => answeredAt)
    .filter((at) => !faults.some(({ from, until }) => from - AFTERMATH_MS < at && at < until + AFTERMATH_MS));
  const moments = [-Infinity, ...heard.map(({ heardAt }) => heardAt), Infinity];
  const deaf = moments.slice(1).flatMap((until, index) => {
    const from = moments[index] ?? 0;
    const missed = new Set(quiet.filter((at) => from < at && at < until).map((at) => Math.floor(at / 1_000)));
    return missed.size > MOST_DEAF_SECONDS ? [`nothing from ${from} to ${until}: ${missed.size} s of heartbeats`] : [];
  });
  const tell = ({ sessionId, at, activity }: Heard): string => `${sessionId} at ${at}: ${activity}`;
  return [
    { name: `${name}: nothing is heard that was not said`, breaches: invented.map(tell) },
    { name: `${name}: never goes back`, breaches: back.map(tell) },
    { name: `${name}: goes on after every fault`, breaches: deaf },
  ];
}
