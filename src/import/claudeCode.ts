import { basename } from 'node:path';
import type { Action, CompleteRun, EndSession, StartSession } from './action.js';
import type { Compaction, Entry } from './entry.js';
import { type Task, taskOf } from './event.js';
import { TranscriptPlan } from './plan.js';
import type { TranscriptFile } from './transcript.js';

/** The session in which a subagent was started, and the call that did it where the transcript tells it. */
interface Spawner {
  session: string;
  task: Task | null;
}

/** A main transcript: a conversation and a run, and a chain with a session for each window between compactions. */
class MainPlan extends TranscriptPlan {
  readonly #windows: { session: string; from: string | null }[] = [];
  readonly #tasks = new Map<string, Spawner>();
  readonly #callOfAgent = new Map<string, string>();
  readonly #onBegin: (sessionId: string, plan: MainPlan) => void;
  #sessionId: string;

  constructor(file: TranscriptFile, onBegin: (sessionId: string, plan: MainPlan) => void) {
    super(file);
    this.#onBegin = onBegin;
    this.#sessionId = file.sessionId ?? basename(file.path, '.jsonl');
  }

  /** Who started this subagent: the window of its `Task` call, else the one that was open at its first line. */
  spawner(agentId: string, firstLineAt: string | null): Spawner | null {
    const task = this.#tasks.get(this.#callOfAgent.get(agentId) ?? '');
    if (task) return task;
    const isBefore = (from: string | null) => from !== null && firstLineAt !== null && from <= firstLineAt;
    const open = this.#windows.findLast(({ from }) => isBefore(from)) ?? this.#windows[0];
    return open ? { session: open.session, task: null } : null;
  }

  protected override begin(entry: Entry): [...Action[], StartSession] {
    if (this.file.sessionId === null && entry.sessionId !== null) this.#sessionId = entry.sessionId;
    this.run = this.#sessionId;
    this.#onBegin(this.#sessionId, this);
    return [{ kind: 'createRun', externalId: this.run, occurredAt: this.latest }, this.#window(entry, null)];
  }

  protected override compact(entry: Compaction, session: string): [EndSession, StartSession] {
    return [this.end(session, 'CONTEXT_COMPACTED'), this.#window(entry, session)];
  }

  protected override note(entry: Entry, session: string): void {
    if (entry.spawned !== null) this.#callOfAgent.set(entry.spawned.agentId, entry.spawned.toolUseId);
    if (entry.kind !== 'assistant') return;
    for (const block of entry.blocks) {
      const task = taskOf(block);
      if (task !== null && task.toolUseId !== null) this.#tasks.set(task.toolUseId, { session, task });
    }
  }

  #window(entry: Entry, parent: string | null): StartSession {
    const place = this.#windows.length + 1;
    const externalId = place === 1 ? this.#sessionId : `${this.#sessionId}#${place}`;
    this.#windows.push({ session: externalId, from: this.latest });
    return this.start(entry, {
      externalId,
      providerSessionId: this.#sessionId,
      conversation: { platform: 'claude-code', externalId: this.#sessionId },
      parent,
      startReason: parent === null ? null : 'CONTEXT_COMPACTED',
    });
  }
}

/** A subagent's transcript: one session, in the run of the main transcript where that is known. */
class SubagentPlan extends TranscriptPlan {
  readonly #agentId: string;
  readonly #mainOf: (sessionId: string) => MainPlan | undefined;

  constructor(file: TranscriptFile, agentId: string, mainOf: (sessionId: string) => MainPlan | undefined) {
    super(file);
    this.#agentId = agentId;
    this.#mainOf = mainOf;
  }

  protected override begin(entry: Entry): [StartSession] {
    const sessionId = this.file.sessionId ?? entry.sessionId ?? basename(this.file.path, '.jsonl');
    const main = this.#mainOf(sessionId);
    const spawner = main?.spawner(this.#agentId, entry.at);
    this.run = main?.run ?? null;
    const start = this.start(entry, {
      externalId: `${sessionId}/${this.#agentId}`,
      providerSessionId: sessionId,
      spawnedBy: spawner?.session ?? null,
      title: spawner?.task?.description ?? null,
      capability: spawner?.task?.agentType ?? null,
    });
    return [{ ...start, metadata: { ...start.metadata, agentId: this.#agentId } }];
  }
}

/**
 * The plans of transcripts that belong together. A subagent finds who spawned it in what its main transcript has told by
 * then: read the main one first.
 */
export class ClaudeCodePlan {
  readonly #mains = new Map<string, MainPlan>();
  readonly #plans: TranscriptPlan[] = [];

  /** A plan for this file, from its first byte. */
  open(file: TranscriptFile): TranscriptPlan {
    const plan =
      file.agentId === null
        ? new MainPlan(file, (sessionId, main) => this.#mains.set(sessionId, main))
        : new SubagentPlan(file, file.agentId, (sessionId) => this.#mains.get(sessionId));
    this.#plans.push(plan);
    return plan;
  }

  /**
   * What is left to do in the end: the runs are complete whose transcripts all are. Until then a run takes in sessions.
   */
  finish(): CompleteRun[] {
    return [...this.#mains.keys()].flatMap((run): CompleteRun[] => {
      const plans = this.#plans.filter((plan) => plan.run === run);
      const times = plans.flatMap((plan) => plan.latest ?? []).sort();
      return plans.every((plan) => plan.finished)
        ? [{ kind: 'completeRun', run, occurredAt: times.at(-1) ?? null }]
        : [];
    });
  }
}
