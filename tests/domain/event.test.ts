import { describe, expect, it } from 'vitest';
import { DomainError } from '../../src/domain/errors.js';
import {
  AGENT_EVENT_TYPES,
  checkEvent,
  EVENT_LEVELS,
  EVENT_TYPES,
  isClientEventType,
  SERVICE_EVENT_TYPES,
  SUPERVISOR_EVENT_TYPES,
  type ReportedEvent,
} from '../../src/domain/event.js';
import { Issues } from '../../src/domain/limits.js';
import { complaints } from '../support/complaint.js';

const words = (text: string) => text.trim().split(/\s+/);

const SUPERVISORS = words(`
  INSTANCE_REGISTERED INSTANCE_HEARTBEAT INSTANCE_STALE
  EPIC_STARTED EPIC_COMPLETED EPIC_FAILED EPIC_PLANNED
  TEST_STARTED TEST_PASSED TEST_FAILED
  VALIDATION_PASSED VALIDATION_FAILED
  COMMIT_CREATED PR_CREATED PR_MERGED
  DEPLOYMENT_STARTED DEPLOYMENT_COMPLETED DEPLOYMENT_FAILED
  CONTEXT_WINDOW_UPDATED CHECKPOINT_CREATED CHECKPOINT_LOADED FEATURE_REQUESTED TASK_SPAWNED`);
const AGENTS = words(`
  USER_MESSAGE ASSISTANT_MESSAGE TOOL_STARTED TOOL_ENDED TURN_STARTED TURN_ENDED PROGRESS RESULT
  MAIL_SENT MAIL_RECEIVED ERROR CUSTOM`);
const SERVICE = words(`
  SESSION_STARTED SESSION_STATE_CHANGED SESSION_STALLED SESSION_ESCALATED SESSION_RECOVERED SESSION_ZOMBIE
  SESSION_REVIVED SESSION_CONTRADICTION SESSION_UPDATED SESSION_ENDED LATE_WRITE_REJECTED
  STATE_SAVED COMMAND_LOGGED RUN_STARTED RUN_WORKERS_FINISHED RUN_COMPLETED
  CONVERSATION_OPENED CONVERSATION_CLOSED HANDOFF_CREATED HANDOFF_COMPLETED
  APPROVAL_REQUESTED APPROVAL_RESOLVED SIGNAL_SENT SIGNAL_ACKNOWLEDGED SESSIONS_PURGED`);

const NOW = new Date('2026-03-01T12:00:00.000Z');
const complaintsOf = (event: ReportedEvent) => complaints((issues) => checkEvent(issues, 'events.3', event, NOW));

describe('the event types', () => {
  it('are 23 of supervisors, those of agents and the service’s own', () => {
    expect(SUPERVISOR_EVENT_TYPES).toEqual(SUPERVISORS);
    expect(SUPERVISORS).toHaveLength(23);
    expect(AGENT_EVENT_TYPES).toEqual(AGENTS);
    expect(SERVICE_EVENT_TYPES).toEqual(SERVICE);
    expect(EVENT_TYPES).toEqual([...SUPERVISORS, ...AGENTS, ...SERVICE]);
    expect(new Set(EVENT_TYPES).size).toBe(EVENT_TYPES.length);
  });

  it('come from clients, but for the service’s own', () => {
    expect(EVENT_TYPES.filter(isClientEventType)).toEqual([...SUPERVISORS, ...AGENTS]);
  });

  it('have four levels', () => {
    expect(EVENT_LEVELS).toEqual(['DEBUG', 'INFO', 'WARN', 'ERROR']);
  });
});

describe('a reported event', () => {
  it.each(EVENT_TYPES.filter((type) => type !== 'CUSTOM'))(
    '%s needs no more than its type, if it can be sent',
    (type) => {
      expect(complaintsOf({ type })).toEqual(SERVICE.includes(type) ? ['events.3.type'] : []);
    },
  );

  it('is CUSTOM only with a name', () => {
    expect(complaintsOf({ type: 'CUSTOM' })).toEqual(['events.3.name']);
    expect(complaintsOf({ type: 'CUSTOM', name: null })).toEqual(['events.3.name']);
    expect(complaintsOf({ type: 'CUSTOM', name: '' })).toEqual(['events.3.name']);
    expect(complaintsOf({ type: 'CUSTOM', name: 'deploy.rolled_back' })).toEqual([]);
  });

  it('has all its faults told at once', () => {
    const event: ReportedEvent = {
      type: 'SESSION_ENDED',
      name: 'a\nb',
      toolName: 'x'.repeat(129),
      dedupeKey: 'x'.repeat(201),
      occurredAt: new Date('2026-03-02T12:00:00.000Z'),
      data: [1],
      metadata: { text: '\0' },
    };
    expect(complaintsOf(event)).toEqual(
      ['type', 'name', 'toolName', 'dedupeKey', 'occurredAt', 'data', 'metadata'].map((field) => `events.3.${field}`),
    );
  });

  it.each([
    [0, []],
    [61.5, []],
    [100, []],
    [null, []],
    [-1, ['events.3.data.contextPercent']],
    [100.1, ['events.3.data.contextPercent']],
    ['full', ['events.3.data.contextPercent']],
  ])('that tells the context as %j is refused where that is no share', (contextPercent, faults) => {
    expect(complaintsOf({ type: 'CONTEXT_WINDOW_UPDATED', data: { contextPercent } })).toEqual(faults);
    expect(complaintsOf({ type: 'PROGRESS', data: { contextPercent } })).toEqual([]);
  });

  it('tells the bytes of its data and metadata', () => {
    const issues = new Issues();
    expect(checkEvent(issues, 'events.0', { type: 'PROGRESS', data: { a: 'é' }, metadata: {} }, NOW)).toBe(12);
    expect(checkEvent(issues, 'events.0', { type: 'PROGRESS' }, NOW)).toBe(0);
    issues.throwIfAny();
  });

  it('is too large with more than 256 KiB in one value', () => {
    const value = (bytes: number) => ({ a: 'x'.repeat(bytes - '{"a":""}'.length) });
    expect(complaintsOf({ type: 'PROGRESS', data: value(262_144), metadata: value(262_144) })).toEqual([]);
    expect(() => complaintsOf({ type: 'PROGRESS', data: value(262_145) })).toThrow(DomainError);
  });
});
