import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../client/client.js';
import {
  ReadWatchedDocument,
  WatchHeartbeatsDocument,
  WatchLogDocument,
  WatchSessionsDocument,
  type SessionFilter,
  type WatchedSessionFragment as WatchedSession,
  type WatchLogSubscription,
} from '../client/operation.js';
import { isClientEventType, type EventType } from '../domain/event.js';
import { NODES_MAX_PER_CALL, PAGE_MAX_SIZE } from '../domain/limits.js';
import type { LifecycleState } from '../domain/session.js';
import type { SessionBoard, Wanted } from './board.js';

export type ConnectionState = 'live' | 'reconnecting…';

/** Who is told of what becomes of a board. */
export interface Audience {
  /** These sessions have come, or there is more new of them than a sign of life. */
  onNews(ids: readonly string[]): void;
  /** Whether the server can be heard, and how far its log has been. */
  onProgress(connection: ConnectionState, position: number): void;
}

/** At most four requests in a second, whatever happens in it. */
const PAUSE_MS = 250;

/** What is looked after first where there is no room for all. */
const PRESSING: readonly LifecycleState[] = ['ZOMBIE', 'STALLED'];

/** What the service writes where an agent has done something that shows nowhere on a board. */
const MERE_LIFE: readonly EventType[] = ['COMMAND_LOGGED', 'STATE_SAVED'];

/**
 * Fills a board and keeps it up to date, by the log and by the heartbeats: only what has changed is read again, many
 * sessions at once. It goes on by itself after lost connections.
 */
export class BoardFeed {
  /** What is to be read again. */
  readonly #due = new Set<string>();
  #isAllDue = false;
  #isLost = false;
  #wake: () => void = () => undefined;

  constructor(
    private readonly client: Client,
    private readonly board: SessionBoard,
    private readonly wanted: Wanted,
  ) {}

  /**
   * Reads the list; answers with the ids of those with more news than their silence. It tries again while no server answers.
   * @throws ClientError where the server refuses, or the signal's reason.
   */
  async fill(signal?: AbortSignal): Promise<string[]> {
    this.#isAllDue = false;
    const isPressing = (state: LifecycleState) => PRESSING.includes(state);
    const { states } = this.wanted;
    const pressing = await this.#list(states.filter(isPressing), PAGE_MAX_SIZE, signal);
    const left = Math.max(1, PAGE_MAX_SIZE - pressing.nodes.length);
    const others = await this.#list(
      states.filter((state) => !isPressing(state)),
      left,
      signal,
    );
    const sessions = [...pressing.nodes, ...others.nodes];
    const missing = this.board.missingFrom(sessions);
    const news = this.board.put(sessions, performance.now());
    this.board.count(pressing.totalCount + others.totalCount);
    // Whether they have ended, or are gone without a trace, nobody has said.
    for (const id of missing) this.#due.add(id);
    return news;
  }

  /**
   * Reads the list, and follows what happens after this position of the log, which was read before; until the signal.
   * @throws ClientError where the server refuses.
   */
  async run(position: number, audience: Audience, signal: AbortSignal): Promise<void> {
    const failing = new AbortController();
    const either = AbortSignal.any([signal, failing.signal]);
    either.addEventListener('abort', () => this.#wake());
    this.#isAllDue = true;
    const parts = [
      this.#followLog(position, audience, either),
      this.#followBeats(audience, either),
      this.#readOn(audience, either),
    ];
    try {
      // One that fails takes the others with it.
      await Promise.all(parts.map((part) => part.finally(() => failing.abort())));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #followLog(after: number, audience: Audience, signal: AbortSignal): Promise<void> {
    const filter = { runId: this.wanted.runId };
    let position = after;
    const onLost = (): void => {
      this.#isLost = true;
      audience.onProgress('reconnecting…', position);
    };
    const options = { after, filter, signal, reached: true, onLost };
    for await (const batch of this.client.followLog(WatchLogDocument, options)) {
      position = batch.position;
      for (const event of batch.events) this.#take(event);
      // The log tells what has happened meanwhile, but nobody tells of the heartbeats that were missed.
      if (this.#isLost) this.#isAllDue = true;
      this.#isLost = false;
      audience.onProgress('live', position);
      this.#wake();
    }
  }

  async #followBeats(audience: Audience, signal: AbortSignal): Promise<void> {
    const beats = this.client.follow(WatchHeartbeatsDocument, { filter: this.#filter() }, { signal, reached: true });
    for await (const { sessionHeartbeat } of beats) {
      const { session, ...beat } = sessionHeartbeat;
      if (this.board.beat(session.id, beat)) audience.onNews([session.id]);
    }
  }

  #take({ type, session, recordedAt }: WatchLogSubscription['log']['events'][number]): void {
    if (type === 'SESSIONS_PURGED') this.#isAllDue = true;
    if (!session) return;
    const isMereLife = (isClientEventType(type) && type !== 'CONTEXT_WINDOW_UPDATED') || MERE_LIFE.includes(type);
    if (isMereLife) this.board.hear(session.id, recordedAt);
    else this.#due.add(session.id);
  }

  async #readOn(audience: Audience, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#isAllDue && this.#due.size === 0) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      audience.onNews(await (this.#isAllDue ? this.fill(signal) : this.#readDue(signal)));
      await delay(PAUSE_MS, undefined, { signal });
    }
  }

  async #readDue(signal: AbortSignal): Promise<string[]> {
    const ids = [...this.#due].slice(0, NODES_MAX_PER_CALL);
    // What happens to them from now on is to be read again.
    for (const id of ids) this.#due.delete(id);
    const variables = { ids, filter: this.#filter(this.wanted.states), isCounted: this.board.more > 0 };
    const { nodes, sessions } = await this.client.request(ReadWatchedDocument, variables, patiently(signal));
    this.board.remove(ids.filter((_, index) => nodes[index] === null));
    const read = nodes.flatMap((node) => (node && 'id' in node ? [node as WatchedSession] : []));
    const news = this.board.put(read, performance.now());
    if (sessions) this.board.count(sessions.totalCount);
    if (this.board.hasVacancies) this.#isAllDue = true;
    return news;
  }

  async #list(states: readonly LifecycleState[], first: number, signal: AbortSignal | undefined) {
    const variables = { filter: this.#filter(states), first };
    const { sessions } = await this.client.request(WatchSessionsDocument, variables, patiently(signal));
    return sessions;
  }

  #filter(states?: readonly LifecycleState[]): SessionFilter {
    const { kinds, agentName, runId } = this.wanted;
    return { states: states && [...states], kinds: kinds && [...kinds], agentName, runId };
  }
}

/** A reader of what goes on has nothing better to do than to try again. */
function patiently(signal: AbortSignal | undefined) {
  return { repeatForMs: Infinity, signal };
}
