import type { Action, EndSession, StartSession } from './action.js';
import { type Entry, readEntry } from './entry.js';
import { EventPlanner } from './event.js';
import { type Line, LineSplitter } from './line.js';
import type { TranscriptFile } from './transcript.js';

const ASSISTANT = 'claude-code';

/** What tells one session of a transcript from another. */
type Identity = Pick<StartSession, 'externalId' | 'providerSessionId'> & Partial<StartSession>;

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
  readonly #lines = new LineSplitter();
  readonly #events = new EventPlanner();

  constructor(protected readonly file: TranscriptFile) {}

  /** What these bytes call for. The start of a line waits for its rest. */
  push(bytes: Uint8Array): Action[] {
    return this.#lines.push(bytes).flatMap((line) => this.#read(line));
  }

  /** What the end of the transcript calls for: nothing may be pushed after it. */
  finish(): Action[] {
    this.finished = true;
    const rest = this.#lines.end().flatMap((line) => this.#read(line));
    return this.#session === null ? rest : [...rest, this.end(this.#session, 'FINISHED')];
  }

  /** The actions that open the transcript's first session, the start of it last. */
  protected abstract begin(entry: Entry): [...Action[], StartSession];

  /** The actions by which the context's compaction ends a session and starts the next; none where it is not told apart. */
  protected compact?(entry: Entry, session: string): [EndSession, StartSession];

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
    const session = actions.findLast((action) => action.kind === 'startSession')?.externalId ?? this.#session;
    if (session === null) return actions;
    this.#session = session;
    this.note?.(entry, session);
    for (const event of this.#events.plan(entry, session, entry.at ?? this.latest)) {
      actions.push({ kind: 'appendEvent', session, event });
    }
    return actions;
  }

  #turn(entry: Entry): Action[] {
    if (this.#session === null) {
      this.latest = entry.at;
      return this.begin(entry);
    }
    if (this.latest !== null && entry.at !== null && entry.at > this.latest) this.latest = entry.at;
    return entry.kind === 'compacted' ? (this.compact?.(entry, this.#session) ?? []) : [];
  }
}
