// A session's events tell how it stands: each change of state is one event that says where it leads, and what belongs to a
// state goes with it. A stall begins at level 0 and rises by SESSION_ESCALATED; leaving it clears the level. The context is
// what was told of it last (a heartbeat that moves it by less than 5 points is not told), the epic what the start or a
// later SESSION_UPDATED named, the checkpoint the newest taken. Other events change nothing.
import type { EventType } from './event.js';
import { decodeIdOf } from './id.js';
import { STATE_EVENT_TYPES } from './lifecycle.js';
import { END_REASONS, LIFECYCLE_STATES, type EndReason, type LifecycleState } from './session.js';

export interface ReplayableEvent {
  readonly sequence: bigint;
  readonly type: EventType;
  readonly data: unknown;
}

export interface Replay {
  /** Of the last event; 0 before the first. */
  readonly sequence: bigint;
  readonly state: LifecycleState;
  readonly endReason: EndReason | null;
  readonly contextPercent: number | null;
  readonly currentEpic: string | null;
  readonly escalationLevel: number | null;
  readonly lastEventType: EventType | null;
  /** As it stands in the database. */
  readonly latestCheckpointId: string | null;
}

/** The types that change more than `sequence` and `lastEventType`: with the very last event, all that has to be read. */
export const REPLAYED_EVENT_TYPES = [
  ...STATE_EVENT_TYPES,
  'SESSION_ESCALATED',
  'SESSION_UPDATED',
  'CONTEXT_WINDOW_UPDATED',
  'CHECKPOINT_CREATED',
] as const satisfies readonly EventType[];

const UNSTARTED: Replay = {
  sequence: 0n,
  state: 'BOOTING',
  endReason: null,
  contextPercent: null,
  currentEpic: null,
  escalationLevel: null,
  lastEventType: null,
  latestCheckpointId: null,
};

/** The session as its events, in their order, say that it stands after the last of them. What they do not say stays. */
export function replay(events: Iterable<ReplayableEvent>): Replay {
  let session = UNSTARTED;
  for (const { sequence, type, data } of events) {
    session = { ...session, ...changesBy(type, fieldsOf(data)), sequence, lastEventType: type };
  }
  return session;
}

type Fields = Readonly<Record<string, unknown>>;

function changesBy(type: EventType, data: Fields): Partial<Replay> {
  switch (type) {
    case 'SESSION_STARTED':
      return { ...moved(data), ...context(data), ...epic(data) };
    case 'SESSION_STATE_CHANGED':
    case 'SESSION_STALLED':
    case 'SESSION_RECOVERED':
    case 'SESSION_ZOMBIE':
    case 'SESSION_REVIVED':
      return moved(data);
    case 'SESSION_ENDED':
      return { ...moved(data), endReason: END_REASONS.find((reason) => reason === data.reason) ?? null };
    case 'SESSION_ESCALATED':
      return typeof data.level === 'number' ? { escalationLevel: data.level } : {};
    case 'SESSION_UPDATED':
      return epic(data);
    case 'CONTEXT_WINDOW_UPDATED':
      return context(data);
    case 'CHECKPOINT_CREATED': {
      // Clients may send this type too, with ids of their own making.
      const id = decodeIdOf('Checkpoint', String(data.checkpointId));
      return id ? { latestCheckpointId: id } : {};
    }
    default:
      return {};
  }
}

function moved({ to }: Fields): Partial<Replay> {
  const state = LIFECYCLE_STATES.find((known) => known === to);
  return state ? { state, escalationLevel: state === 'STALLED' ? 0 : null } : {};
}

function context({ contextPercent: percent }: Fields): Partial<Replay> {
  return typeof percent === 'number' && percent >= 0 && percent <= 100 ? { contextPercent: percent } : {};
}

function epic({ currentEpic }: Fields): Partial<Replay> {
  return typeof currentEpic === 'string' ? { currentEpic } : {};
}

function fieldsOf(data: unknown): Fields {
  return typeof data === 'object' && data !== null ? (data as Fields) : {};
}
