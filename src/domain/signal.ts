// A signal is what a person or the watchdog wants of a running agent. It comes back in the answer to its heartbeats until
// the agent acknowledges it. What a heartbeat recommends follows from what is pending, the gravest first, and from how
// full the context is.

export const SIGNAL_KINDS = ['NUDGE', 'CHECKPOINT', 'SUSPEND', 'STOP', 'MESSAGE'] as const;
export type SignalKind = (typeof SIGNAL_KINDS)[number];

export const RECOMMENDED_ACTIONS = ['NONE', 'CHECKPOINT', 'SUSPEND', 'STOP'] as const;
export type RecommendedAction = (typeof RECOMMENDED_ACTIONS)[number];

/** From here on an agent should save its work before its context is full. */
const CHECKPOINT_AT_PERCENT = 80;

const GRAVEST_FIRST = ['STOP', 'SUSPEND', 'CHECKPOINT'] as const;

/** What an agent should do next. */
export function recommend(pending: readonly SignalKind[], contextPercent: number | null): RecommendedAction {
  const wanted = GRAVEST_FIRST.find((kind) => pending.includes(kind));
  if (wanted) return wanted;
  return (contextPercent ?? 0) >= CHECKPOINT_AT_PERCENT ? 'CHECKPOINT' : 'NONE';
}
