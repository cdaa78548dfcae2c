import type { WatchedSessionFragment as WatchedSession } from '../../src/client/operation.js';
import type { Place } from '../../src/commands/board.js';

/** When the sessions here began and were heard of. */
export const START = '2026-01-01T00:00:00.000Z';

/** A session as it is watched. */
export function session(
  id: string,
  facts: Partial<WatchedSession> = {},
  liveness: Partial<WatchedSession['liveness']> = {},
): WatchedSession {
  return {
    id,
    kind: 'AGENT',
    state: 'WORKING',
    agentName: id,
    instanceId: null,
    externalId: null,
    taskId: null,
    title: null,
    currentEpic: null,
    activity: null,
    contextPercent: null,
    startedAt: START,
    endedAt: null,
    endReason: null,
    outcome: null,
    conversation: null,
    run: null,
    ...facts,
    liveness: {
      silentSeconds: 0,
      lastActivityAt: START,
      lastHeartbeatAt: null,
      escalationLevel: null,
      waitingSince: null,
      ...liveness,
    },
  };
}

/** It as it stands on a board. */
export function place(of: WatchedSession, facts: Partial<Place> = {}): Place {
  return { session: of, silentSeconds: 0, ageSeconds: 0, isLeaving: false, ...facts };
}
