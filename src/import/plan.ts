import { SUMMARY_MAX_CHARACTERS } from '../domain/limits.js';
import type { Action, EndSession, StartSession } from './action.js';
import { CommandPlanner } from './command.js';
import { type Compaction, type Entry, isAside, readEntry, summaryOf } from './entry.js';
import { EventPlanner } from './event.js';
import { type Line, LineSplitter } from './line.js';
import { clipped } from './storable.js';
import type { TranscriptFile } from './transcript.js';

const ASSISTANT = 'claude-code';

/** What tells one session of a transcript from another. */
type Identity = Pick<StartSession, 'externalId' | 'providerSessionId'> & Partial<StartSession>;

/** A compaction whose summary may follow. */
interface Closing {
  compaction: Compaction;
  /** What it calls for. */
  turn: [EndSession, StartSession];
}

/**
 * Turns the bytes of one transcript into actions, as they come: the same bytes give the same actions in the same order,
 * wherever they are cut.
 */
export abstract class TranscriptPlan {
  /** The externalId of the run that its sessions join; null while there is none. */
  run: string | null = null;
  /**
   * The latest time told since the first entry: lines stand a little out of order, and nothing may end before it begins.
   * Null where the first entry tells no time: then the service's clock says when it began, and when it ended too.
   */
  latest: string | null = null;
  /** Whether it has been read to its end. */
  finished = false;
  /** The externalId of the session that is open in this transcript. */
  #session: string | null = null;
  /** The summary tells of the window before the boundary, but stands after it: until then the window stays open. */
  #closing: Closing | null = null;
  readonly #lines = new LineSplitter();
  readonly #events = new EventPlanner();
  readonly #commands = new CommandPlanner();

  constructor(protected readonly file: TranscriptFile) {}

  /** What these bytes call for. The start of a line waits for its rest. */
  push(bytes: Uint8Array): Action[] {
    return this.#lines.push(bytes).flatMap((line) => this.#read(line));
  }

  /** What the end of the transcript calls for: nothing may be pushed after it. */
  finish(): Action[] {
    this.finished = true;
    const rest = [...this.#lines.end().flatMap((line) => this.#read(line)), ...this.#close(null)];
    return this.#session === null ? rest : [...rest, this.end(this.#session, 'FINISHED')];
  }

  /** The actions that open the transcript's first session, the start of it last. */
  protected abstract begin(entry: Entry): [...Action[], StartSession];

  /** The actions by which the context's compaction ends a session and starts the next; absent where it is not told apart. */
  protected compact?(entry: Compaction, session: string): [EndSession, StartSession];

  /** Sees every entry with the session that it belongs to. */
  protected note?(entry: Entry, session: string): void;

  protected start(entry: Entry, identity: Identity): StartSession {
    return {
      kind: 'startSession',
      assistant: ASSISTANT,
      conversation: null,
      run: this.run,
      parent: null,
      spawnedBy: null,
      startReason: null,
      title: null,
      capability: null,
      workspace: { worktreePath: entry.cwd, branchName: entry.branch, transcriptPath: this.file.path },
      metadata: { version: entry.version },
      occurredAt: this.latest,
      ...identity,
    };
  }

  protected end(session: string, reason: EndSession['reason']): EndSession {
    return { kind: 'endSession', session, reason, outcome: 'UNKNOWN', occurredAt: this.latest };
  }

  #read(line: Line): Action[] {
    const entry = readEntry(line);
    if (entry === null) return [];
    if (entry.kind === 'fault') {
      return [{ kind: 'skip', file: this.file.path, line: line.number, reason: entry.reason }];
    }
    const actions = this.#turn(entry);
    const session = this.#session;
    if (session === null) return actions;
    this.note?.(entry, session);
    const occurredAt = entry.at ?? this.latest;
    for (const event of this.#events.plan(entry, session, occurredAt)) {
      actions.push({ kind: 'appendEvent', session, event });
    }
    for (const command of this.#commands.plan(entry, occurredAt)) {
      actions.push({ kind: 'logCommand', session, command });
    }
    return actions;
  }

  /** What has to be done before the entry can be told. */
  #turn(entry: Entry): Action[] {
    if (this.#session === null) {
      this.latest = entry.at;
      const actions = this.begin(entry);
      this.#session = actions.findLast((action) => action.kind === 'startSession')?.externalId ?? null;
      return actions;
    }
    if (this.latest !== null && entry.at !== null && entry.at > this.latest) this.latest = entry.at;
    const actions = isAside(entry) ? [] : this.#close(entry);
    if (entry.kind === 'compacted' && this.compact) {
      this.#closing = { compaction: entry, turn: this.compact(entry, this.#session) };
    }
    return actions;
  }

  /** Ends the window that waits for its summary, which `next` is or not, and goes on in the one after it. */
  #close(next: Entry | null): Action[] {
    if (this.#closing === null) return [];
    const { compaction, turn } = this.#closing;
    const [{ session, occurredAt }, start] = turn;
    this.#closing = null;
    this.#session = start.externalId;
    const summary = next && summaryOf(next);
    if (!summary) return turn;
    const { trigger, tokensBefore, branch: branchName } = compaction;
    const picture = {
      summary: clipped(summary, SUMMARY_MAX_CHARACTERS),
      compaction: { trigger, tokensBefore },
      branchName,
    };
    return [{ kind: 'takeCheckpoint', session, line: next.key, ...picture, occurredAt }, ...turn];
  }
}
