import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EVENT_TYPES, type EventType } from '../../src/domain/event.js';
import { encodeId, newId } from '../../src/domain/id.js';
import {
  allowedFrom,
  eventOf,
  LIFECYCLE_ACTIONS,
  nextState,
  STATE_EVENT_TYPES,
  type LifecycleAction,
} from '../../src/domain/lifecycle.js';
import { replay, REPLAYED_EVENT_TYPES, type Replay } from '../../src/domain/replay.js';
import { END_REASONS, LIFECYCLE_STATES, type LifecycleState } from '../../src/domain/session.js';

type Told = [type: EventType, data?: unknown];

const replayOf = (...events: Told[]): Replay =>
  replay(events.map(([type, data = {}], index) => ({ sequence: BigInt(index + 1), type, data })));
const started: Told = ['SESSION_STARTED', { from: null, to: 'BOOTING', contextPercent: null, currentEpic: null }];

// Every change of state with the event that tells it, as the state machine has them.
const MOVES = LIFECYCLE_STATES.flatMap((from) =>
  LIFECYCLE_ACTIONS.flatMap((action) => {
    const to = targetOf(from, action);
    return to ? [{ from, to, type: eventOf(action, from) }] : [];
  }),
);

function targetOf(from: LifecycleState, action: LifecycleAction): LifecycleState | null {
  try {
    const next = nextState(from, action);
    return typeof next === 'string' ? null : next.to;
  } catch {
    return null;
  }
}

describe('a session replayed', () => {
  it('has not begun before its first event', () => {
    expect(replayOf()).toEqual({
      sequence: 0n,
      state: 'BOOTING',
      endReason: null,
      contextPercent: null,
      currentEpic: null,
      escalationLevel: null,
      lastEventType: null,
      latestCheckpointId: null,
    });
  });

  it('begins with what its start says', () => {
    const data = { from: null, to: 'BOOTING', reason: 'RESET_REQUESTED', contextPercent: 12.5, currentEpic: 'E-1' };
    expect(replayOf(['SESSION_STARTED', data])).toEqual({
      sequence: 1n,
      state: 'BOOTING',
      endReason: null,
      contextPercent: 12.5,
      currentEpic: 'E-1',
      escalationLevel: null,
      lastEventType: 'SESSION_STARTED',
      latestCheckpointId: null,
    });
  });

  it('is asked about each of the changes that the state machine knows', () => {
    expect(MOVES).toHaveLength(LIFECYCLE_STATES.flatMap(allowedFrom).length);
    expect([...new Set(MOVES.map(({ type }) => type)), 'SESSION_STARTED'].sort()).toEqual(
      [...STATE_EVENT_TYPES].sort(),
    );
  });

  it.each(MOVES)('moves from $from to $to by $type', ({ from, to, type }) => {
    const before: Told[] = [started, ['SESSION_STATE_CHANGED', { from: 'BOOTING', to: from }]];
    expect(replayOf(...before).state).toBe(from);
    expect(replayOf(...before, [type, { from, to }])).toMatchObject({
      sequence: 3n,
      state: to,
      escalationLevel: to === 'STALLED' ? 0 : null,
      lastEventType: type,
    });
  });

  it.each(END_REASONS)('ends for the reason that its end gives: %s', (reason) => {
    const ended = replayOf(started, [
      'SESSION_ENDED',
      { from: 'BOOTING', to: 'COMPLETED', reason, outcome: 'UNKNOWN' },
    ]);
    expect(ended).toMatchObject({ state: 'COMPLETED', endReason: reason });
  });
});

describe('a stall replayed', () => {
  const stalled: Told[] = [started, ['SESSION_STALLED', { from: 'BOOTING', to: 'STALLED' }]];
  const risen: Told[] = [...stalled, ['SESSION_ESCALATED', { level: 1 }], ['SESSION_ESCALATED', { level: 2 }]];

  it('begins at level 0 and rises', () => {
    expect(replayOf(...stalled).escalationLevel).toBe(0);
    expect(replayOf(...risen)).toMatchObject({ state: 'STALLED', escalationLevel: 2 });
  });

  it.each(MOVES.filter(({ from }) => from === 'STALLED'))('is cleared by $type to $to', ({ type, from, to }) => {
    expect(replayOf(...risen, [type, { from, to }])).toMatchObject({ state: to, escalationLevel: null });
  });

  it('that comes again begins at level 0 again', () => {
    const again: Told[] = [
      ['SESSION_RECOVERED', { from: 'STALLED', to: 'WORKING' }],
      ['SESSION_STALLED', { from: 'WORKING', to: 'STALLED' }],
    ];
    expect(replayOf(...risen, ...again).escalationLevel).toBe(0);
  });
});

describe('what moves in a session', () => {
  it('is its context as it was told last', () => {
    const told = (contextPercent: unknown): Told => ['CONTEXT_WINDOW_UPDATED', { contextPercent }];
    expect(replayOf(started, told(40), told(0)).contextPercent).toBe(0);
    for (const none of [-1, 101, NaN, '50', null, undefined]) {
      expect(replayOf(started, told(40), told(none)).contextPercent).toBe(40);
    }
  });

  it('is its epic as it was named last', () => {
    const updated: Told = ['SESSION_UPDATED', { changed: ['currentEpic'], currentEpic: 'E-2' }];
    expect(replayOf(started, updated).currentEpic).toBe('E-2');
    expect(replayOf(started, updated, ['SESSION_UPDATED', { changed: ['title'], version: 2 }]).currentEpic).toBe('E-2');
  });

  it('is its newest checkpoint, by an id of the service', () => {
    const [first, second] = [newId(), newId()];
    const taken = (checkpointId: unknown): Told => ['CHECKPOINT_CREATED', { checkpointId }];
    const ours = (id: string) => taken(encodeId('Checkpoint', id));
    expect(replayOf(started, ours(first), ours(second)).latestCheckpointId).toBe(second);
    const foreign = [taken('checkpoint-3'), taken(encodeId('Session', second)), taken(null), taken({})];
    expect(replayOf(started, ours(first), ...foreign).latestCheckpointId).toBe(first);
  });
});

describe('an event', () => {
  it.each(EVENT_TYPES)('%s breaks nothing, whatever it says', (type) => {
    fc.assert(
      fc.property(fc.jsonValue(), (data) => {
        const { state, sequence, lastEventType } = replayOf(started, [type, data]);
        expect({ state, sequence, lastEventType }).toEqual({ state: 'BOOTING', sequence: 2n, lastEventType: type });
      }),
      { numRuns: 20 },
    );
  });

  it.each(EVENT_TYPES.filter((type) => !(REPLAYED_EVENT_TYPES as readonly EventType[]).includes(type)))(
    '%s changes nothing but what came last, so that only the last of its kind is read',
    (type) => {
      const data = {
        to: 'ZOMBIE',
        reason: 'FAILED',
        level: 3,
        contextPercent: 9,
        currentEpic: 'E',
        checkpointId: newId(),
      };
      expect(replayOf(started, [type, data])).toEqual({ ...replayOf(started), sequence: 2n, lastEventType: type });
    },
  );

  it('of each replayed type is needed', () => {
    const data = {
      to: 'STALLED',
      reason: 'FAILED',
      level: 3,
      contextPercent: 9,
      currentEpic: 'E',
      checkpointId: encodeId('Checkpoint', newId()),
    };
    for (const type of REPLAYED_EVENT_TYPES) {
      expect(replayOf(started, [type, data])).not.toEqual({ ...replayOf(started), sequence: 2n, lastEventType: type });
    }
  });
});
