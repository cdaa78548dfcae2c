// An event is one entry of a project's log. What supervisors report and what agents report comes from clients, a CUSTOM
// event with a name of its own; what the service alone writes cannot be sent, since a lifecycle fact is recorded in the
// transaction that makes it true. Of the supervisors' types the service writes some itself (a heartbeat, a checkpoint):
// clients may send those all the same.
import { checkJson } from './json.js';
import { checkKey, checkName, checkPast, checkRange, JSON_MAX_BYTES, type Issues } from './limits.js';

/** What supervisors report. */
export const SUPERVISOR_EVENT_TYPES = [
  'INSTANCE_REGISTERED',
  'INSTANCE_HEARTBEAT',
  'INSTANCE_STALE',
  'EPIC_STARTED',
  'EPIC_COMPLETED',
  'EPIC_FAILED',
  'EPIC_PLANNED',
  'TEST_STARTED',
  'TEST_PASSED',
  'TEST_FAILED',
  'VALIDATION_PASSED',
  'VALIDATION_FAILED',
  'COMMIT_CREATED',
  'PR_CREATED',
  'PR_MERGED',
  'DEPLOYMENT_STARTED',
  'DEPLOYMENT_COMPLETED',
  'DEPLOYMENT_FAILED',
  'CONTEXT_WINDOW_UPDATED',
  'CHECKPOINT_CREATED',
  'CHECKPOINT_LOADED',
  'FEATURE_REQUESTED',
  'TASK_SPAWNED',
] as const;

/** What agents report. */
export const AGENT_EVENT_TYPES = [
  'USER_MESSAGE',
  'ASSISTANT_MESSAGE',
  'TOOL_STARTED',
  'TOOL_ENDED',
  'TURN_STARTED',
  'TURN_ENDED',
  'PROGRESS',
  'RESULT',
  'MAIL_SENT',
  'MAIL_RECEIVED',
  'ERROR',
  'CUSTOM',
] as const;

/** What the service alone writes. */
export const SERVICE_EVENT_TYPES = [
  'SESSION_STARTED',
  'SESSION_STATE_CHANGED',
  'SESSION_STALLED',
  'SESSION_ESCALATED',
  'SESSION_RECOVERED',
  'SESSION_ZOMBIE',
  'SESSION_REVIVED',
  'SESSION_CONTRADICTION',
  'SESSION_UPDATED',
  'SESSION_ENDED',
  'LATE_WRITE_REJECTED',
  'STATE_SAVED',
  'COMMAND_LOGGED',
  'RUN_STARTED',
  'RUN_WORKERS_FINISHED',
  'RUN_COMPLETED',
  'CONVERSATION_OPENED',
  'CONVERSATION_CLOSED',
  'HANDOFF_CREATED',
  'HANDOFF_COMPLETED',
  'APPROVAL_REQUESTED',
  'APPROVAL_RESOLVED',
  'SIGNAL_SENT',
  'SIGNAL_ACKNOWLEDGED',
  'SESSIONS_PURGED',
] as const;

export const EVENT_TYPES = [...SUPERVISOR_EVENT_TYPES, ...AGENT_EVENT_TYPES, ...SERVICE_EVENT_TYPES] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export type ClientEventType = Exclude<EventType, (typeof SERVICE_EVENT_TYPES)[number]>;

export const EVENT_LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
export type EventLevel = (typeof EVENT_LEVELS)[number];

const SERVICE_ONLY: ReadonlySet<EventType> = new Set(SERVICE_EVENT_TYPES);

/** Whether a client may send it. */
export function isClientEventType(type: EventType): type is ClientEventType {
  return !SERVICE_ONLY.has(type);
}

/** An event as a client reports it. */
export interface ReportedEvent {
  readonly type: EventType;
  readonly name?: string | null;
  readonly toolName?: string | null;
  readonly data?: unknown;
  readonly metadata?: unknown;
  readonly causeId?: string | null;
  /** The `dedupeKey` of the cause, for a caller who has not been told its id yet. */
  readonly causeDedupeKey?: string | null;
  readonly occurredAt?: Date | null;
  readonly dedupeKey?: string | null;
}

/**
 * Checks an event that a client reports, and answers with the bytes of its data and metadata as JSON text.
 * @throws PayloadTooLargeError where one of the two is over its limit.
 */
export function checkEvent(issues: Issues, path: string, event: ReportedEvent, now: Date): number {
  if (!isClientEventType(event.type)) {
    issues.add(`${path}.type`, `must not be ${event.type}: the service alone writes it`);
  }
  if (event.type === 'CUSTOM' && typeof event.name !== 'string') {
    issues.add(`${path}.name`, 'must say what a CUSTOM event is called');
  }
  checkName(issues, `${path}.name`, event.name);
  checkName(issues, `${path}.toolName`, event.toolName);
  checkKey(issues, `${path}.dedupeKey`, event.dedupeKey);
  checkKey(issues, `${path}.causeDedupeKey`, event.causeDedupeKey);
  if (event.causeId != null && event.causeDedupeKey != null) {
    issues.add(`${path}.causeDedupeKey`, 'must not be given beside causeId');
  }
  checkPast(issues, `${path}.occurredAt`, event.occurredAt, now);
  if (event.type === 'CONTEXT_WINDOW_UPDATED') checkContext(issues, `${path}.data`, event.data);
  const json = { limitBytes: JSON_MAX_BYTES, shape: 'object' } as const;
  return (
    checkJson(issues, `${path}.data`, event.data, json) + checkJson(issues, `${path}.metadata`, event.metadata, json)
  );
}

/** What it tells becomes the session's own: a share of the window, where it tells one. */
function checkContext(issues: Issues, path: string, data: unknown): void {
  const { contextPercent = null } = (data ?? {}) as { contextPercent?: unknown };
  if (contextPercent === null) return;
  if (typeof contextPercent === 'number') checkRange(issues, `${path}.contextPercent`, contextPercent, 0, 100);
  else issues.add(`${path}.contextPercent`, 'must be a number from 0 to 100');
}
