import type { Transaction } from './transaction.js';

/** The places of a session's next records, and of its newest event. */
export interface Places {
  /** The sequence of the first of the new records. */
  first: bigint;
  /** The sequence of the session's newest event, those that this transaction has recorded so far included. */
  eventSequence: bigint;
}

const COUNTERS = {
  checkpoint: 'checkpointSequence',
  command: 'commandSequence',
} as const;

/**
 * Takes the next `count` sequences of a locked session's checkpoints or commands. The lock on the session is what makes the
 * newest event's sequence known before the log is written: nobody else records an event of it meanwhile.
 */
export async function takeSequences(
  tx: Transaction,
  sessionId: string,
  kind: keyof typeof COUNTERS,
  count: number,
): Promise<Places> {
  const counter = COUNTERS[kind];
  const pulse = await tx.db.pulse.update({
    where: { projectId_sessionId: { projectId: tx.projectId, sessionId } },
    data: { [counter]: { increment: count } },
    select: { checkpointSequence: true, commandSequence: true, eventSequence: true },
  });
  return {
    first: pulse[counter] - BigInt(count) + 1n,
    eventSequence: pulse.eventSequence + BigInt(tx.recordedOf(sessionId)),
  };
}
