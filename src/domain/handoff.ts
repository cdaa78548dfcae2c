// A handoff passes the work of one session to the next: initiated with a checkpoint while the giver stays open, completed
// when the taker begins and the giver ends. At most one of a session is pending.

export const HANDOFF_REASONS = ['COMPACTION', 'CRASH', 'MANUAL', 'TIMEOUT'] as const;
export type HandoffReason = (typeof HANDOFF_REASONS)[number];
