import { describe, expect, it } from 'vitest';
import { END_REASONS, START_REASONS } from '../../src/domain/session.js';
import {
  planTransition,
  TRANSITION_TRIGGERS,
  TRIGGER_BEHAVIORS,
  TRIGGERS,
  type TransitionTrigger,
} from '../../src/domain/trigger.js';

// The table of the domain's description, word for word.
const BEHAVIORS = {
  FIRST_MESSAGE: 'NONE',
  PLAN_TO_EXECUTE: 'CREATES',
  CONTEXT_COMPACTED: 'CREATES',
  ISOLATION_CHANGED: 'DEACTIVATES',
  CODEBASE_CHANGED: 'DEACTIVATES',
  CODEBASE_CLONED: 'DEACTIVATES',
  CWD_CHANGED: 'DEACTIVATES',
  RESET_REQUESTED: 'DEACTIVATES',
  CONTEXT_RESET: 'DEACTIVATES',
  REPO_REMOVED: 'DEACTIVATES',
  WORKTREE_REMOVED: 'DEACTIVATES',
  CONVERSATION_CLOSED: 'DEACTIVATES',
  PROJECT_CHANGED: 'DEACTIVATES',
} as const satisfies Record<TransitionTrigger, string>;

const EFFECTS = {
  CREATES: { open: { ends: true, starts: true }, none: { ends: false, starts: true } },
  DEACTIVATES: { open: { ends: true, starts: false }, none: { ends: false, starts: false } },
  NONE: { open: { ends: false, starts: false }, none: { ends: false, starts: true } },
};

describe('the triggers', () => {
  it('are the thirteen of the table, and no other', () => {
    expect([...TRANSITION_TRIGGERS].sort()).toEqual(Object.keys(BEHAVIORS).sort());
    expect(Object.keys(TRIGGERS).sort()).toEqual(Object.keys(BEHAVIORS).sort());
    expect(TRIGGER_BEHAVIORS).toEqual(['CREATES', 'DEACTIVATES', 'NONE']);
  });

  it.each(TRANSITION_TRIGGERS)('%s behaves as the table says and is described in a sentence', (trigger) => {
    expect(TRIGGERS[trigger].behavior).toBe(BEHAVIORS[trigger]);
    expect(TRIGGERS[trigger].description).toMatch(/^[A-Z][^.]+\.$/);
  });

  it.each(TRANSITION_TRIGGERS)('%s is a start reason, and an end reason unless nothing ends by it', (trigger) => {
    expect(START_REASONS).toContain(trigger);
    expect((END_REASONS as readonly string[]).includes(trigger)).toBe(BEHAVIORS[trigger] !== 'NONE');
  });
});

describe('a transition', () => {
  describe.each(TRANSITION_TRIGGERS)('by %s', (trigger) => {
    it.each(['open', 'none'] as const)('ends and starts what the table says where the open session is: %s', (place) => {
      const { ends, starts } = EFFECTS[BEHAVIORS[trigger]][place];
      expect(planTransition(trigger, place === 'open')).toEqual({
        endReason: ends ? trigger : null,
        startReason: starts ? trigger : null,
      });
    });
  });
});
