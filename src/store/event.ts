import type { Event } from '../database/client.js';
import { NotFoundError } from '../domain/errors.js';
import { checkEvent, type EventLevel, type ReportedEvent } from '../domain/event.js';
import { encodeId } from '../domain/id.js';
import { checkCount, EVENTS_MAX_PER_CALL, Issues } from '../domain/limits.js';
import { replay } from '../domain/replay.js';
import { lockSession, moveSession, refuseEnded } from './lifecycle.js';
import { draft, type NewEvent, type Subject } from './log.js';
import { uuids } from './parameter.js';
import { EVENTS } from './row.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

export interface EventInput extends ReportedEvent {
  level: EventLevel;
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
export async function appendEvents(store: Store, caller: Caller, input: AppendEventsInput): Promise<Appended> {
  const bytes = checkAppend(input.events, store.now());
  return (await appendAtOnce(store, caller, input, bytes)) ?? (await appendLocked(store, caller, input));
}

interface Appended {
  events: Event[];
  position: bigint;
}

/** The ordinary append, in one statement with others; null, and nothing is done, where it takes more to tell what is right. */
async function appendAtOnce(
  store: Store,
  caller: Caller,
  { sessionId, events }: AppendEventsInput,
  bytes: number,
): Promise<Appended | null> {
  // Its run and conversation are the statement's to find.
  const session = { id: sessionId, runId: null, conversationId: null };
  const known: KnownEvents = new Map();
  const drafts: Event[] = [];
  for (const event of events) {
    if (known.has(event.dedupeKey) || (event.causeDedupeKey != null && !known.has(event.causeDedupeKey))) return null;
    drafts.push(add((fields) => draft(caller.projectId, fields), session, event, known));
  }
  const contextPercent = contextTold(drafts);
  const append = { sessionId, events: drafts, contextPercent };
  const position = await store.appends(caller.projectId).put(append, { events: drafts.length, bytes });
  return position === null ? null : { events: drafts, position };
}

/** Any append, under the lock on its session. */
function appendLocked(store: Store, caller: Caller, { sessionId, events }: AppendEventsInput): Promise<Appended> {
  return transact(store, caller, async (tx) => {
    const session = await lockSession(tx, sessionId);
    const known = await readKnown(tx, sessionId, events);
    if (!events.every(({ dedupeKey }) => known.has(dedupeKey))) {
      await refuseEnded(tx, session);
      await requireCauses(tx, events);
      tx.showLife(sessionId);
      const alive = await moveSession(tx, session, 'activity');
      const repeated = new Set(known.values());
      const stored = events.map(
        (event) => known.get(event.dedupeKey) ?? add((fields) => tx.record(fields), alive, event, known),
      );
      await keepContext(
        tx,
        sessionId,
        stored.filter((event) => !repeated.has(event)),
      );
      return { events: stored };
    }
    return { events: events.flatMap(({ dedupeKey }) => known.get(dedupeKey) ?? []) };
  });
}

/** A CONTEXT_WINDOW_UPDATED tells the context as a heartbeat does: the row stands as its events say that it does. */
async function keepContext(tx: Transaction, sessionId: string, added: readonly Event[]): Promise<void> {
  const contextPercent = contextTold(added);
  if (contextPercent === null) return;
  await tx.db.$executeRaw`
    UPDATE pulses SET context_percent = ${contextPercent}::float8, recorded_context = ${contextPercent}::float8
    WHERE project_id = ${tx.projectId}::uuid AND session_id = ${sessionId}::uuid`;
}

/** What the events tell of the context; null where nothing. */
function contextTold(events: readonly Event[]): number | null {
  const telling = events.filter(({ type }) => type === 'CONTEXT_WINDOW_UPDATED');
  return replay(telling.map(({ type, data }) => ({ type, data, sequence: 0n }))).contextPercent;
}

/** Events of a session by their keys; what has no key is known to nobody. */
type KnownEvents = Map<string | null | undefined, Event>;

/** Makes an event of what was reported, its cause found among those that are known, and adds it to them. */
function add(record: (event: NewEvent) => Event, session: Subject, event: EventInput, known: KnownEvents): Event {
  const { causeDedupeKey, dedupeKey } = event;
  const cause = causeDedupeKey == null ? undefined : known.get(causeDedupeKey);
  if (causeDedupeKey != null && !cause) throw new NotFoundError({ kind: 'Event', ref: causeDedupeKey });
  const recorded = record({
    type: event.type,
    session,
    name: event.name,
    level: event.level,
    toolName: event.toolName,
    data: event.data ?? {},
    metadata: event.metadata ?? {},
    causeId: cause?.id ?? event.causeId,
    dedupeKey,
    occurredAt: event.occurredAt,
  });
  if (dedupeKey != null) known.set(dedupeKey, recorded);
  return recorded;
}

/** The session's events that the call repeats or names as causes. */
async function readKnown(tx: Transaction, sessionId: string, events: readonly EventInput[]): Promise<KnownEvents> {
  const keys = events.flatMap(({ dedupeKey, causeDedupeKey }) => [dedupeKey ?? [], causeDedupeKey ?? []].flat());
  if (keys.length === 0) return new Map();
  const found = await EVENTS.findAll(tx.db, { projectId: tx.projectId, sessionId, dedupeKey: [...new Set(keys)] });
  return new Map(found.map((event) => [event.dedupeKey, event]));
}

/** @throws NotFoundError for the first cause that is no event of the project. */
async function requireCauses(tx: Transaction, events: readonly EventInput[]): Promise<void> {
  const causes = [...new Set(events.flatMap(({ causeId }) => causeId ?? []))];
  if (causes.length === 0) return;
  const found = await tx.db.$queryRaw<{ id: string }[]>`
    SELECT id FROM events WHERE project_id = ${tx.projectId}::uuid AND id = ANY (${uuids(causes)})`;
  const known = new Set(found.map(({ id }) => id));
  const missing = causes.find((id) => !known.has(id));
  if (missing) throw new NotFoundError({ kind: 'Event', ref: encodeId('Event', missing) });
}

/** Answers with the bytes of what they hold. */
function checkAppend(events: readonly EventInput[], now: Date): number {
  const issues = new Issues();
  checkCount(issues, 'input.events', events, EVENTS_MAX_PER_CALL);
  issues.throwIfAny();
  let bytes = 0;
  for (const [index, event] of events.entries()) bytes += checkEvent(issues, `input.events.${index}`, event, now);
  issues.throwIfAny();
  return bytes;
}
