// What the writers were told of their writes: the book that the deployment is held to at the end.

/** What a write leaves behind, each with a mark of its own. */
export type Kind = 'event' | 'session' | 'checkpoint' | 'command' | 'end' | 'approval' | 'answer' | 'signal';

/** `refused`: the server said that it had not been done. `unknown`: given up without an answer. */
export type Outcome = 'acknowledged' | 'refused' | 'unknown';

export interface Claim {
  readonly kind: Kind;
  /** Of an end: the id of the session; of an answer: that of the approval. */
  readonly mark: string;
  readonly outcome: Outcome;
  /** Where it was acknowledged. */
  readonly id?: string;
  readonly position?: number;
  /** Whether it was sent more than once, each time with the same key. */
  readonly retried: boolean;
  /** When it was first sent, in ms since the trial began. */
  readonly sentAt: number;
}

/** A heartbeat that was acknowledged: what the server said was then the newest one's time. */
export interface Beat {
  readonly sessionId: string;
  readonly at: string;
  /** When the answer came, in ms, as `now` counts them. */
  readonly answeredAt: number;
}

export class Ledger {
  readonly claims: Claim[] = [];
  readonly beats: Beat[] = [];
  /** By session, what its heartbeats said it was doing, those without an answer included. */
  readonly activities = new Map<string, Set<string>>();
  /** What the server may never answer: `INTERNAL_SERVER_ERROR`, say. */
  readonly faults: string[] = [];
  readonly calls = { acknowledged: 0, retried: 0, refused: 0, unknown: 0 };
}
