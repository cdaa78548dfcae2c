import type { LifecycleState, RunStatus } from '../client/operation.js';
import { EARLIEST_INSTANT, LATEST_INSTANT } from '../domain/limits.js';
import { ForeignFileError, type Row } from './sqlite.js';

/** A session as overstory keeps it, whatever its columns were called at the time. Times are RFC 3339 in UTC. */
export interface OverstorySession {
  id: string;
  agentName: string;
  capability: string | null;
  worktreePath: string | null;
  branchName: string | null;
  taskId: string | null;
  tmuxSession: string | null;
  transcriptPath: string | null;
  providerSessionId: string | null;
  promptVersion: string | null;
  state: LifecycleState;
  pid: number | null;
  parentAgent: string | null;
  runId: string | null;
  startedAt: string;
  lastActivity: string;
  escalationLevel: number;
  stalledSince: string | null;
}

export interface OverstoryRun {
  id: string;
  startedAt: string;
  completedAt: string | null;
  coordinatorSessionId: string | null;
  coordinatorName: string | null;
  status: RunStatus;
}

const STATES: Readonly<Record<string, LifecycleState>> = {
  booting: 'BOOTING',
  working: 'WORKING',
  // An agent that is started anew for each turn works, be it in one or between two.
  in_turn: 'WORKING',
  between_turns: 'WORKING',
  stalled: 'STALLED',
  zombie: 'ZOMBIE',
  completed: 'COMPLETED',
};

const STATUSES: Readonly<Record<string, RunStatus>> = {
  active: 'ACTIVE',
  completed: 'COMPLETED',
  failed: 'FAILED',
};

/** @throws ForeignFileError where the row is none of overstory's sessions. */
export function readSession(row: Row, index: number): OverstorySession {
  const field = new Fields(row, `Session ${index + 1}`);
  return {
    id: field.required('id'),
    agentName: field.required('agentName'),
    capability: field.text('capability'),
    worktreePath: field.text('worktreePath'),
    branchName: field.text('branchName'),
    taskId: field.text('taskId') ?? field.text('beadId'),
    tmuxSession: field.text('tmuxSession'),
    transcriptPath: field.text('transcriptPath'),
    providerSessionId: field.text('claudeSessionId'),
    promptVersion: field.text('promptVersion'),
    state: field.word('state', STATES),
    pid: field.integer('pid'),
    parentAgent: field.text('parentAgent'),
    runId: field.text('runId'),
    startedAt: field.requiredInstant('startedAt'),
    lastActivity: field.requiredInstant('lastActivity'),
    escalationLevel: field.integer('escalationLevel') ?? 0,
    stalledSince: field.instant('stalledSince'),
  };
}

/** @throws ForeignFileError where the row is none of overstory's runs. */
export function readRun(row: Row, index: number): OverstoryRun {
  const field = new Fields(row, `Run ${index + 1}`);
  return {
    id: field.required('id'),
    startedAt: field.requiredInstant('startedAt'),
    completedAt: field.instant('completedAt'),
    coordinatorSessionId: field.text('coordinatorSessionId'),
    coordinatorName: field.text('coordinatorName'),
    status: field.word('status', STATUSES),
  };
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Reads a row of JSON by its fields' names, one of a database by the columns of the same names: `agentName`, `agent_name`. */
class Fields {
  constructor(
    private readonly row: Row,
    private readonly title: string,
  ) {}

  /** Null where it is absent or empty. */
  text(name: string): string | null {
    const value = this.#value(name);
    if (value === null || value === '') return null;
    return typeof value === 'string' ? value : this.#refuse(name, 'is no text');
  }

  required(name: string): string {
    return this.text(name) ?? this.#refuse(name, 'is missing');
  }

  integer(name: string): number | null {
    const value = this.#value(name);
    if (value === null) return null;
    return Number.isSafeInteger(value) ? Number(value) : this.#refuse(name, 'is no integer');
  }

  instant(name: string): string | null {
    const text = this.text(name);
    if (text === null) return null;
    const instant = new Date(RFC_3339.test(text) ? text : NaN);
    const isTime = instant >= EARLIEST_INSTANT && instant <= LATEST_INSTANT;
    return isTime ? instant.toISOString() : this.#refuse(name, 'is no time');
  }

  requiredInstant(name: string): string {
    return this.instant(name) ?? this.#refuse(name, 'is missing');
  }

  word<Meaning>(name: string, meanings: Readonly<Record<string, Meaning>>): Meaning {
    const word = this.required(name);
    const meaning = Object.hasOwn(meanings, word) ? meanings[word] : undefined;
    return meaning ?? this.#refuse(name, `is none that overstory knows, but ${Object.keys(meanings).join(', ')} are`);
  }

  #value(name: string): unknown {
    const column = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const key = [name, column].find((one) => Object.hasOwn(this.row, one));
    return key === undefined ? null : (this.row[key] ?? null);
  }

  #refuse(name: string, fault: string): never {
    throw new ForeignFileError(`${this.title} of the file is not overstory’s: its ${name} ${fault}.`);
  }
}
