// What another system recorded is brought as it stood there: its runs and sessions with their states and times, known by
// their external ids, referring to each other by these. A session that has ended says when; one that is open says nothing of
// an end, and its agent's name is no other open one's; and nobody is his own ancestor.
import { checkJson } from './json.js';
import {
  checkInstanceId,
  checkName,
  checkNote,
  checkPast,
  checkRange,
  checkTitle,
  JSON_MAX_BYTES,
  type Issues,
} from './limits.js';
import { ESCALATION_LEVEL_MAX } from './liveness.js';
import type { RunStatus } from './run.js';
import {
  isOpen,
  type EndReason,
  type LifecycleState,
  type Outcome,
  type SessionKind,
  type StartReason,
} from './session.js';
import { checkWorkspace, type Workspace } from './workspace.js';

export interface ImportedRun {
  externalId: string;
  description?: string | null;
  coordinatorName?: string | null;
  coordinatorExternalId?: string | null;
  status: RunStatus;
  startedAt: Date;
  completedAt?: Date | null;
}

export interface ImportedSession {
  externalId: string;
  kind: SessionKind;
  agentName?: string | null;
  capability?: string | null;
  instanceId?: string | null;
  providerSessionId?: string | null;
  assistant?: string | null;
  taskId?: string | null;
  title?: string | null;
  workspace?: Workspace | null;
  metadata?: unknown;
  state: LifecycleState;
  startReason?: StartReason | null;
  startedAt: Date;
  endedAt?: Date | null;
  endReason?: EndReason | null;
  outcome?: Outcome | null;
  lastActivityAt?: Date | null;
  stalledSince?: Date | null;
  escalationLevel?: number | null;
  runExternalId?: string | null;
  spawnedByExternalId?: string | null;
  parentExternalId?: string | null;
}

export const IMPORTS_MAX_PER_CALL = 5_000;

/** Checks all that can be known of an import without looking at what is there already. */
export function checkImport(
  issues: Issues,
  { source, runs, sessions }: { source: string; runs: readonly ImportedRun[]; sessions: readonly ImportedSession[] },
  now: Date,
): void {
  checkName(issues, 'input.source', source);
  for (const [path, { length }] of [['input.runs', runs] as const, ['input.sessions', sessions] as const]) {
    if (length > IMPORTS_MAX_PER_CALL) issues.add(path, `must have at most ${IMPORTS_MAX_PER_CALL} entries`);
  }
  checkDistinct(issues, 'input.runs', 'externalId', runs);
  checkDistinct(issues, 'input.runs', 'coordinatorName', runs, ({ status }) => status === 'ACTIVE');
  checkDistinct(issues, 'input.sessions', 'externalId', sessions);
  checkDistinct(issues, 'input.sessions', 'instanceId', sessions);
  checkDistinct(issues, 'input.sessions', 'agentName', sessions, ({ state }) => isOpen(state));
  for (const [index, run] of runs.entries()) checkRun(issues, `input.runs.${index}`, run, now);
  for (const [index, session] of sessions.entries()) checkSession(issues, `input.sessions.${index}`, session, now);
}

/** Of those that count, no two may have the same in that field. */
function checkDistinct<Entry extends Partial<Record<Field, string | null>>, Field extends string>(
  issues: Issues,
  path: string,
  field: Field,
  list: readonly Entry[],
  counts: (entry: Entry) => boolean = () => true,
): void {
  const seen = new Set<string>();
  for (const [index, entry] of list.entries()) {
    const value = entry[field];
    if (value == null || !counts(entry)) continue;
    if (seen.has(value)) issues.add(`${path}.${index}.${field}`, 'must not stand twice in one call');
    seen.add(value);
  }
}

function checkRun(issues: Issues, path: string, run: ImportedRun, now: Date): void {
  checkName(issues, `${path}.externalId`, run.externalId);
  checkNote(issues, `${path}.description`, run.description);
  checkName(issues, `${path}.coordinatorName`, run.coordinatorName);
  checkName(issues, `${path}.coordinatorExternalId`, run.coordinatorExternalId);
  checkPast(issues, `${path}.startedAt`, run.startedAt, now);
  checkPast(issues, `${path}.completedAt`, run.completedAt, now);
  if ((run.status === 'ACTIVE') !== (run.completedAt == null)) {
    issues.add(
      `${path}.completedAt`,
      `must ${run.status === 'ACTIVE' ? 'not be given' : 'be given'}: it is ${run.status}`,
    );
  }
  if (run.completedAt && run.completedAt < run.startedAt) {
    issues.add(`${path}.completedAt`, 'must not be before startedAt');
  }
}

function checkSession(issues: Issues, path: string, session: ImportedSession, now: Date): void {
  for (const field of [
    'externalId',
    'agentName',
    'capability',
    'providerSessionId',
    'assistant',
    'taskId',
    'runExternalId',
    'spawnedByExternalId',
    'parentExternalId',
  ] as const) {
    checkName(issues, `${path}.${field}`, session[field]);
  }
  for (const field of ['startedAt', 'endedAt', 'lastActivityAt', 'stalledSince'] as const) {
    checkPast(issues, `${path}.${field}`, session[field], now);
  }
  checkInstanceId(issues, `${path}.instanceId`, session.instanceId);
  checkTitle(issues, `${path}.title`, session.title);
  checkWorkspace(issues, `${path}.workspace`, session.workspace);
  checkRange(issues, `${path}.escalationLevel`, session.escalationLevel, 0, ESCALATION_LEVEL_MAX);
  checkJson(issues, `${path}.metadata`, session.metadata, { limitBytes: JSON_MAX_BYTES, shape: 'object' });

  const { state, startedAt, endedAt } = session;
  const hasEnded = state === 'COMPLETED';
  if (hasEnded && endedAt == null) issues.add(`${path}.endedAt`, 'must be given: it is COMPLETED');
  if (endedAt && endedAt < startedAt) issues.add(`${path}.endedAt`, 'must not be before startedAt');
  for (const field of ['endedAt', 'endReason', 'outcome'] as const) {
    if (!hasEnded && session[field] != null) issues.add(`${path}.${field}`, `must not be given: it is ${state}`);
  }
  for (const field of ['stalledSince', 'escalationLevel'] as const) {
    if (state !== 'STALLED' && session[field]) issues.add(`${path}.${field}`, `must not be given: it is ${state}`);
  }
}

/** The sessions in the order in which they began, but ancestors and spawners before those who name them. */
export function ancestorsFirst(issues: Issues, sessions: readonly ImportedSession[]): ImportedSession[] {
  const byId = new Map(sessions.map((session, index) => [session.externalId, { session, index }]));
  const ordered = new Set<ImportedSession>();
  for (const root of sessions.toSorted((one, other) => one.startedAt.getTime() - other.startedAt.getTime())) {
    // Not by recursion: a chain may be longer than the stack is deep.
    const path = [root];
    const onPath = new Set(path);
    for (let last = path.at(-1); last; last = path.at(-1)) {
      const missing = [last.parentExternalId, last.spawnedByExternalId]
        .map((id) => (id == null ? undefined : byId.get(id)))
        .find((entry) => entry && !ordered.has(entry.session));
      if (missing && onPath.has(missing.session)) {
        issues.add(`input.sessions.${missing.index}`, 'must not be its own ancestor');
        return [];
      }
      if (missing) {
        path.push(missing.session);
        onPath.add(missing.session);
      } else {
        ordered.add(last);
        path.pop();
        onPath.delete(last);
      }
    }
  }
  return [...ordered];
}
