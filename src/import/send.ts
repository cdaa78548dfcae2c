// Carries the actions of an import out at the service. All of it may be done again, by this process after a lost answer and
// by the next after a crash: what has a name of its own is looked up by it first, and events are known by their keys.
import { randomUUID } from 'node:crypto';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { ClientError, type Client } from '../client/client.js';
import {
  AppendEventsDocument,
  CompleteRunDocument,
  CreateCheckpointDocument,
  CreateRunDocument,
  EndSessionDocument,
  FindCheckpointsDocument,
  FindRunDocument,
  FindSessionDocument,
  LogCommandsDocument,
  StartSessionDocument,
  type EventInput,
} from '../client/operation.js';
import type {
  CompleteRun,
  CreateRun,
  EndSession,
  EventKey,
  PlannedCommand,
  PlannedEvent,
  StartSession,
  TakeCheckpoint,
} from './action.js';
import { PLANNED_EVENT_TYPES } from './action.js';
import type { Report } from './report.js';

export interface SendOptions {
  /** How long to wait for a server that is away. */
  repeatForMs: number;
  signal?: AbortSignal | undefined;
}

/** A session as the service has it. */
interface Sent {
  id: string;
  /** It takes no more events. */
  ended: boolean;
  /** How many events it had, where it had ended before: the first ones of its transcript. */
  stored: number;
  /** How many events of its transcript have been seen. */
  seen: number;
  /** Its events up to this log position were there before. */
  since: number;
  /** How many commands it had before. */
  commands: number;
  /** The keys of the events that came too late for it. */
  late: Set<string>;
}

interface SentRun {
  id: string;
  active: boolean;
}

const PLANNED: ReadonlySet<string> = new Set(PLANNED_EVENT_TYPES);

/** Sends what one import has to say. Calls for one session must come one after another, in the order of its transcript. */
export class Sender {
  readonly #sessions = new Map<string, Sent>();
  readonly #runs = new Map<string, SentRun>();

  constructor(
    private readonly client: Client,
    private readonly report: Report,
    private readonly options: SendOptions,
  ) {}

  async createRun({ externalId, occurredAt }: CreateRun): Promise<void> {
    const input = { idempotencyKey: randomUUID(), externalId, occurredAt: past(occurredAt) };
    const run = await once(
      async () => (await this.#call(FindRunDocument, { externalId })).runs.nodes[0],
      async () => (await this.#call(CreateRunDocument, { input })).createRun.run,
    );
    this.#runs.set(externalId, { id: run.id, active: run.status === 'ACTIVE' });
  }

  async startSession(start: StartSession): Promise<void> {
    const { externalId } = start;
    const session = await once(
      () => this.#findSession(externalId),
      () => this.#startSession(start),
    );
    this.#sessions.set(externalId, session);
  }

  /** Appends events of a session, at most as many as one call takes, in one call. */
  async appendEvents(externalId: string, events: readonly PlannedEvent[]): Promise<void> {
    const session = this.#session(externalId);
    const before = session.seen;
    session.seen += events.length;
    if (session.ended) {
      this.#leave(externalId, events.slice(Math.max(0, session.stored - before)));
      return;
    }
    const input = { sessionId: session.id, events: await this.#inputs(externalId, events) };
    const answer = await unlessEnded(this.#call(AppendEventsDocument, { input }));
    if (answer) {
      this.report.events += answer.appendEvents.events.filter(({ position }) => position > session.since).length;
    } else {
      session.ended = true;
      session.stored = before;
      this.#leave(externalId, events);
    }
  }

  /** Logs commands of a session, at most as many as one call takes. What comes too late is told of by its events. */
  async logCommands(externalId: string, commands: readonly PlannedCommand[]): Promise<void> {
    const session = this.#session(externalId);
    if (session.ended) return;
    const inputs = commands.map((command) => ({
      ...command,
      commandType: 'tool',
      source: 'AUTO' as const,
      occurredAt: past(command.occurredAt),
    }));
    const answer = await unlessEnded(
      this.#call(LogCommandsDocument, { input: { sessionId: session.id, commands: inputs } }),
    );
    session.ended = answer === null;
    const logged = answer?.logCommands.commands ?? [];
    this.report.commands += logged.filter(({ sequence }) => sequence > session.commands).length;
  }

  async takeCheckpoint({ session: externalId, line, summary, compaction, ...facts }: TakeCheckpoint): Promise<void> {
    const session = this.#session(externalId);
    // Keys of calls are forgotten after a day, what was made by them is not.
    if (session.ended || (await this.#hasCheckpoint(session.id, line))) return;
    const input = {
      idempotencyKey: `compaction ${session.id} ${line}`,
      sessionId: session.id,
      type: 'AUTOMATIC' as const,
      trigger: 'CONTEXT_WINDOW' as const,
      summary,
      workState: { summary, compaction },
      metadata: { line },
      branchName: facts.branchName,
      occurredAt: past(facts.occurredAt),
    };
    const answer = await unlessEnded(this.#call(CreateCheckpointDocument, { input }));
    session.ended = answer === null;
    if (answer?.createCheckpoint.replayed === false) this.report.checkpoints += 1;
  }

  async endSession({ session: externalId, reason, outcome, occurredAt }: EndSession): Promise<void> {
    const session = this.#session(externalId);
    if (session.ended) return;
    const input = {
      sessionId: session.id,
      reason,
      outcome,
      occurredAt: past(occurredAt),
      idempotencyKey: randomUUID(),
    };
    await this.#call(EndSessionDocument, { input });
    session.ended = true;
  }

  async completeRun({ run: externalId, occurredAt }: CompleteRun): Promise<void> {
    const run = this.#runs.get(externalId);
    if (!run?.active) return;
    await this.#call(CompleteRunDocument, { input: { runId: run.id, occurredAt: past(occurredAt) } });
    run.active = false;
  }

  async #findSession(externalId: string): Promise<Sent | null> {
    const { session, project } = await this.#call(FindSessionDocument, { externalId });
    if (!session) return null;
    const counts = session.eventCounts.filter(({ type }) => PLANNED.has(type));
    this.report.known += 1;
    return {
      id: session.id,
      ended: session.endedAt !== null,
      stored: counts.reduce((sum, { count }) => sum + count, 0),
      seen: 0,
      since: project.logPosition,
      commands: session.commandStats.count,
      late: new Set(),
    };
  }

  async #startSession({ kind: _, run, parent, spawnedBy, ...facts }: StartSession): Promise<Sent> {
    const joined = run === null ? undefined : this.#runs.get(run);
    const input = {
      ...facts,
      idempotencyKey: randomUUID(),
      runId: joined?.active ? joined.id : null,
      parentId: this.#idOf(parent),
      spawnedById: this.#idOf(spawnedBy),
      occurredAt: past(facts.occurredAt),
    };
    const { startSession } = await this.#call(StartSessionDocument, { input });
    this.report.sessions += 1;
    if (joined?.active === false) this.report.outside.push(facts.externalId);
    return { id: startSession.session.id, ended: false, stored: 0, seen: 0, since: 0, commands: 0, late: new Set() };
  }

  async #inputs(externalId: string, events: readonly PlannedEvent[]): Promise<EventInput[]> {
    const inputs: EventInput[] = [];
    for (const { cause, ...event } of events) {
      const occurredAt = past(event.occurredAt);
      if (cause?.session === externalId) inputs.push({ ...event, occurredAt, causeDedupeKey: cause.dedupeKey });
      else inputs.push({ ...event, occurredAt, causeId: cause && (await this.#idOfEvent(cause)) });
    }
    return inputs;
  }

  /** The id of a tool call in an earlier window: appending an event again answers with the one that is there. */
  async #idOfEvent({ session: externalId, dedupeKey }: EventKey): Promise<string | null> {
    const session = this.#session(externalId);
    if (session.late.has(dedupeKey)) return null;
    const input = { sessionId: session.id, events: [{ type: 'TOOL_STARTED' as const, dedupeKey }] };
    const { appendEvents } = await this.#call(AppendEventsDocument, { input });
    return appendEvents.events[0]?.id ?? null;
  }

  async #hasCheckpoint(sessionId: string, line: string): Promise<boolean> {
    const { session } = await this.#call(FindCheckpointsDocument, { sessionId });
    const taken = session?.checkpoints.nodes ?? [];
    return taken.some(({ metadata }) => (metadata as { line?: unknown }).line === line);
  }

  #leave(externalId: string, events: readonly PlannedEvent[]): void {
    const { late } = this.#session(externalId);
    for (const { dedupeKey } of events) late.add(dedupeKey);
    this.report.countLate(externalId, events.length);
  }

  #session(externalId: string): Sent {
    const session = this.#sessions.get(externalId);
    if (!session) throw new Error(`session ${externalId} was not started`);
    return session;
  }

  #idOf(externalId: string | null): string | null {
    return externalId === null ? null : this.#session(externalId).id;
  }

  #call<Result, Variables>(document: TypedDocumentNode<Result, Variables>, variables: Variables): Promise<Result> {
    return this.client.request(document, variables, this.options);
  }
}

/** What is there already, else what is made. */
async function once<T>(find: () => Promise<T | null | undefined>, make: () => Promise<T>): Promise<T> {
  const there = await find();
  if (there) return there;
  try {
    return await make();
  } catch (error) {
    // Another import of the same transcripts may have been faster.
    const rival = error instanceof ClientError ? await find() : null;
    if (rival) return rival;
    throw error;
  }
}

/** Null where somebody has ended the session meanwhile. */
async function unlessEnded<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ClientError && error.code === 'SESSION_ENDED') return null;
    throw error;
  }
}

/** A clock may have run ahead, and the service takes no time to come. */
function past(occurredAt: string | null): string | null {
  const now = new Date().toISOString();
  return occurredAt !== null && occurredAt > now ? now : occurredAt;
}
