import type { Event } from '../database/client.js';
import { NotFoundError } from '../domain/errors.js';
import { isClientEventType, type EventLevel, type EventType } from '../domain/event.js';
import { encodeId } from '../domain/id.js';
import { checkJson } from '../domain/json.js';
import { checkCount, checkKey, checkName, checkPast, EVENTS_MAX_PER_CALL, Issues, JSON_MAX_BYTES } from '../domain/limits.js';
import { lockSession, moveSession, refuseEnded } from './lifecycle.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

export interface EventInput {
  type: EventType;
  name?: string | null;
  level: EventLevel;
  toolName?: string | null;
  data?: unknown;
  metadata?: unknown;
  causeId?: string | null;
  occurredAt?: Date | null;
  dedupeKey?: string | null;
}

export interface AppendEventsInput {
  sessionId: string;
  events: readonly EventInput[];
}

/**
 * Appends 1 to 500 events to a session's log, all or none, and answers with them in the order of the input. An event whose
 * `dedupeKey` the session has already is answered with the one that is there; a call of nothing else succeeds even after
 * the session's end, since what it asks for has been done.
 */
export async function appendEvents(
  store: Store,
  caller: Caller,
  input: AppendEventsInput,
): Promise<{ events: Event[]; position: bigint }> {
  checkAppend(input, store.now());
  return transact(store, caller, async (tx) => {
    const session = await lockSession(tx, input.sessionId);
    const known = await knownEvents(tx, session.id, input.events);
    const isNew = ({ dedupeKey }: EventInput): boolean => dedupeKey == null || !known.has(dedupeKey);
    if (!input.events.some(isNew)) return { events: input.events.flatMap(({ dedupeKey }) => known.get(dedupeKey ?? '') ?? []) };

    await refuseEnded(tx, session);
    await requireCauses(tx, input.events);
    tx.showLife(session.id);
    const alive = await moveSession(tx, session, 'activity');
    const events = input.events.map((event) => {
      const { dedupeKey } = event;
      const present = dedupeKey == null ? undefined : known.get(dedupeKey);
      if (present) return present;
      const { data, metadata, ...rest } = event;
      const recorded = tx.record({
        ...rest,
        session: alive,
        data: (data ?? {}) as object,
        metadata: (metadata ?? {}) as object,
      });
      if (dedupeKey != null) known.set(dedupeKey, recorded);
      return recorded;
    });
    return { events };
  });
}

/** The session's events that the call repeats, by their keys. */
async function knownEvents(
  tx: Transaction,
  sessionId: string,
  events: readonly EventInput[],
): Promise<Map<string, Event>> {
  const keys = events.flatMap(({ dedupeKey }) => dedupeKey ?? []);
  if (keys.length === 0) return new Map();
  const found = await tx.db.event.findMany({
    where: { projectId: tx.projectId, sessionId, dedupeKey: { in: keys } },
  });
  return new Map(found.map((event) => [event.dedupeKey ?? '', event]));
}

/** @throws NotFoundError for the first cause that is no event of the project. */
async function requireCauses(tx: Transaction, events: readonly EventInput[]): Promise<void> {
  const causes = [...new Set(events.flatMap(({ causeId }) => causeId ?? []))];
  if (causes.length === 0) return;
  const found = await tx.db.event.findMany({
    where: { projectId: tx.projectId, id: { in: causes } },
    select: { id: true },
  });
  const known = new Set(found.map(({ id }) => id));
  const missing = causes.find((id) => !known.has(id));
  if (missing) throw new NotFoundError({ kind: 'Event', ref: encodeId('Event', missing) });
}

function checkAppend({ events }: AppendEventsInput, now: Date): void {
  const issues = new Issues();
  checkCount(issues, 'input.events', events, EVENTS_MAX_PER_CALL);
  issues.throwIfAny();
  const json = { limitBytes: JSON_MAX_BYTES, shape: 'object' } as const;
  for (const [index, event] of events.entries()) {
    const path = `input.events.${index}`;
    if (!isClientEventType(event.type)) issues.add(`${path}.type`, `must not be ${event.type}: the service alone writes it`);
    if (event.type === 'CUSTOM' && event.name == null) issues.add(`${path}.name`, 'must be given for a CUSTOM event');
    checkName(issues, `${path}.name`, event.name);
    checkName(issues, `${path}.toolName`, event.toolName);
    checkKey(issues, `${path}.dedupeKey`, event.dedupeKey);
    checkPast(issues, `${path}.occurredAt`, event.occurredAt, now);
    checkJson(issues, `${path}.data`, event.data, json);
    checkJson(issues, `${path}.metadata`, event.metadata, json);
  }
  issues.throwIfAny();
}
