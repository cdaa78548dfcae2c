import type { Transaction } from './transaction.js';

/** The places of a session's next records, and of its newest event. */
export interface Places {
  /** The sequence of the first of the new records. */
  first: bigint;
  /** The sequence of the session's newest event, those that this transaction has recorded so far included. */
  eventSequence: bigint;
}

/**
 * Takes the next `count` sequences of a locked session's commands. The lock on the session is what makes the
 * newest event's sequence known before the log is written: nobody else records an event of it meanwhile.
 */
export async function takeSequences(tx: Transaction, sessionId: string, count: number): Promise<Places> {
  const [places] = await tx.db.$queryRaw<Places[]>`
    UPDATE pulses SET command_sequence = command_sequence + ${count}
    WHERE project_id = ${tx.projectId}::uuid AND session_id = ${sessionId}::uuid
    RETURNING command_sequence - ${count} + 1 AS "first", event_sequence AS "eventSequence"`;
  if (!places) throw new Error('a session has no pulse');
  return { ...places, eventSequence: places.eventSequence + BigInt(tx.recordedOf(sessionId)) };
}
