/**
 * What is to be done at the service, in this order, named by its mutation. Every action is known by ids that come from the
 * source alone, so that doing all of them again, from the start or from the middle, adds nothing. Sessions and runs are
 * named by their `externalId`; a null `occurredAt` leaves the time to the service's clock.
 */
export type Action =
  CreateRun | StartSession | AppendEvent | LogCommand | TakeCheckpoint | EndSession | CompleteRun | Skip;

export interface CreateRun {
  kind: 'createRun';
  externalId: string;
  occurredAt: string | null;
}

export interface StartSession {
  kind: 'startSession';
  externalId: string;
  assistant: string;
  providerSessionId: string;
  conversation: { platform: string; externalId: string } | null;
  run: string | null;
  parent: string | null;
  spawnedBy: string | null;
  /** Null leaves it to the service. */
  startReason: 'CONTEXT_COMPACTED' | null;
  title: string | null;
  capability: string | null;
  workspace: { worktreePath: string | null; branchName: string | null; transcriptPath: string };
  metadata: Record<string, unknown>;
  occurredAt: string | null;
}

export interface AppendEvent {
  kind: 'appendEvent';
  session: string;
  event: PlannedEvent;
}

/** Everything that lines become. */
export const PLANNED_EVENT_TYPES = [
  'USER_MESSAGE',
  'ASSISTANT_MESSAGE',
  'TOOL_STARTED',
  'TOOL_ENDED',
  'TASK_SPAWNED',
  'TURN_ENDED',
] as const;

export interface PlannedEvent {
  type: (typeof PLANNED_EVENT_TYPES)[number];
  level: 'INFO' | 'ERROR';
  toolName: string | null;
  /** At most 256 KiB, free of what the service refuses. */
  data: Record<string, unknown>;
  occurredAt: string | null;
  /** Unique in its session. */
  dedupeKey: string;
  cause: EventKey | null;
}

/** The earlier event that led to another: it may stand in an earlier session of the chain. */
export interface EventKey {
  session: string;
  dedupeKey: string;
}

export interface LogCommand {
  kind: 'logCommand';
  session: string;
  command: PlannedCommand;
}

/** A tool call with its answer. */
export interface PlannedCommand {
  /** In short what was done, free of secrets. */
  action: string;
  toolName: string | null;
  /** At most 256 KiB each, free of what the service refuses. */
  parameters: unknown;
  result: unknown;
  success: boolean;
  errorMessage: string | null;
  executionTimeMs: number | null;
  /** When the answer came. */
  occurredAt: string | null;
  /** Unique in its session. */
  dedupeKey: string;
}

/** The summary by which a context's compaction closes a session. */
export interface TakeCheckpoint {
  kind: 'takeCheckpoint';
  session: string;
  /** The key of the summary's line. */
  line: string;
  summary: string;
  /** What brought the compaction about, as the transcript calls it: auto or manual. */
  compaction: { trigger: string | null; tokensBefore: number | null };
  branchName: string | null;
  occurredAt: string | null;
}

export interface EndSession {
  kind: 'endSession';
  session: string;
  reason: 'CONTEXT_COMPACTED' | 'FINISHED';
  outcome: 'UNKNOWN';
  occurredAt: string | null;
}

export interface CompleteRun {
  kind: 'completeRun';
  run: string;
  occurredAt: string | null;
}

/** Nothing to do but to report: what could not be read, and why, as the end of a sentence about it. */
export interface Skip {
  kind: 'skip';
  file: string;
  /** Null for the rest of the file. */
  line: number | null;
  reason: string;
}
