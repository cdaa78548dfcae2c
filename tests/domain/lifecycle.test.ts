import { describe, expect, it } from 'vitest';
import { IllegalTransitionError } from '../../src/domain/errors.js';
import {
  allowedFrom,
  eventOf,
  LIFECYCLE_ACTIONS,
  nextState,
  STATE_EVENT_TYPES,
  type LifecycleAction,
} from '../../src/domain/lifecycle.js';
import { LIFECYCLE_STATES, type LifecycleState } from '../../src/domain/session.js';

// Every state × action. A state: it moves there; –: unchanged; ✗: illegal; end: it has ended.
const MOVES = `
           activity  stall    die      suspend    resume   revive   end
BOOTING    WORKING   STALLED  ZOMBIE   SUSPENDED  ✗        ✗        COMPLETED
WORKING    –         STALLED  ZOMBIE   SUSPENDED  –        –        COMPLETED
STALLED    WORKING   –        ZOMBIE   SUSPENDED  ✗        ✗        COMPLETED
SUSPENDED  –         ✗        ✗        –          WORKING  ✗        COMPLETED
ZOMBIE     –         ✗        –        ✗          ✗        WORKING  COMPLETED
COMPLETED  end       end      end      end        end      end      end
`;
const [header = [], ...rows] = MOVES.trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/));
const CASES = rows.flatMap(([from = '', ...cells]) =>
  cells.map((cell, i) => [from as LifecycleState, header[i] as LifecycleAction, cell] as const),
);

const TARGET_OF_REFUSED: Partial<Record<LifecycleAction, LifecycleState>> = {
  stall: 'STALLED',
  die: 'ZOMBIE',
  suspend: 'SUSPENDED',
  resume: 'WORKING',
  revive: 'WORKING',
};

const ALLOWED: Record<LifecycleState, LifecycleState[]> = {
  BOOTING: ['WORKING', 'SUSPENDED', 'STALLED', 'ZOMBIE', 'COMPLETED'],
  WORKING: ['SUSPENDED', 'STALLED', 'ZOMBIE', 'COMPLETED'],
  STALLED: ['WORKING', 'SUSPENDED', 'ZOMBIE', 'COMPLETED'],
  SUSPENDED: ['WORKING', 'COMPLETED'],
  ZOMBIE: ['WORKING', 'COMPLETED'],
  COMPLETED: [],
};

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the state machine', () => {
  it('is asked about every action in every state', () => {
    expect([...LIFECYCLE_ACTIONS].sort()).toEqual([...header].sort());
    expect(rows.map(([from]) => from).sort()).toEqual([...LIFECYCLE_STATES].sort());
    expect(CASES).toHaveLength(LIFECYCLE_STATES.length * LIFECYCLE_ACTIONS.length);
  });

  it.each(CASES)('from %s by %s: %s', (from, action, cell) => {
    if (cell === '✗') {
      const error = thrownBy(() => nextState(from, action));
      expect(error).toBeInstanceOf(IllegalTransitionError);
      expect((error as IllegalTransitionError).extensions).toEqual({
        code: 'ILLEGAL_TRANSITION',
        retryable: false,
        from,
        to: TARGET_OF_REFUSED[action],
        allowed: ALLOWED[from],
      });
    } else {
      const expected = { '–': 'unchanged', end: 'ended' }[cell] ?? { to: cell };
      expect(nextState(from, action)).toEqual(expected);
    }
  });

  it.each(LIFECYCLE_STATES)('from %s allows the states of its row', (from) => {
    expect(allowedFrom(from)).toEqual(ALLOWED[from]);
  });
});

describe('the event of a change of state', () => {
  const changes = CASES.filter(([, , cell]) => (LIFECYCLE_STATES as readonly string[]).includes(cell));
  const EVENTS: Record<LifecycleAction, string> = {
    activity: 'SESSION_STATE_CHANGED',
    stall: 'SESSION_STALLED',
    die: 'SESSION_ZOMBIE',
    suspend: 'SESSION_STATE_CHANGED',
    resume: 'SESSION_STATE_CHANGED',
    revive: 'SESSION_REVIVED',
    end: 'SESSION_ENDED',
  };

  it.each(changes)('from %s by %s to %s is one of its own kind', (from, action) => {
    const recovers = from === 'STALLED' && action === 'activity';
    expect(eventOf(action, from)).toBe(recovers ? 'SESSION_RECOVERED' : EVENTS[action]);
  });

  it('is of a type that tells a change of state, as a start is, and every such type is used', () => {
    const used = changes.map(([from, action]) => eventOf(action, from));
    expect([...new Set(['SESSION_STARTED', ...used])].sort()).toEqual([...STATE_EVENT_TYPES].sort());
  });
});
