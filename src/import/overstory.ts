// What overstory recorded, as its own file has it: `sessions.db`, or the `sessions.json` of earlier days. A file that is not
// wholly understood is refused whole. A live state stays what it was; a session that was completed ended with its last sign
// of life, and how it came out nobody said. Of several rows with one agent's name the newest that is open keeps the place,
// and the others that are open were superseded by it; nothing else of a row is altered, and what has no place here is kept
// as metadata.
import { readFile } from 'node:fs/promises';
import type { ImportRunInput, ImportSessionInput, ImportSessionsInput } from '../client/operation.js';
import { readRun, readSession, type OverstoryRun, type OverstorySession } from './overstoryRow.js';
import { ForeignFileError, isSqlite, readSqlite, type Row } from './sqlite.js';

/**
 * The runs and sessions of one of overstory's files, in the file's order. Rejects where it cannot be read, and with a
 * ForeignFileError where it is damaged, cut off or another program's.
 */
export async function readOverstory(path: string): Promise<ImportSessionsInput> {
  const bytes = await readFile(path);
  const rows = isSqlite(bytes) ? await databaseRows(path) : jsonRows(bytes.toString());
  const sessions = rows.sessions.map(readSession);
  const runs = rows.runs.map(readRun);
  return {
    source: 'overstory',
    runs: runs.map((run) => runInput(run, { runs, sessions })),
    sessions: sessions.map((session) => sessionInput(session, { runs, sessions })),
  };
}

interface Rows {
  runs: readonly Row[];
  sessions: readonly Row[];
}

/** The columns that its table has always had. */
const SESSION_COLUMNS = ['id', 'agent_name', 'parent_agent', 'state', 'started_at', 'last_activity'];

async function databaseRows(path: string): Promise<Rows> {
  const { sessions, runs } = await readSqlite(path, ['sessions', 'runs']);
  if (!sessions || !SESSION_COLUMNS.every((column) => sessions.columns.includes(column))) {
    throw new ForeignFileError('The file is a database, but not overstory’s: it has no table of its sessions.');
  }
  return { sessions: sessions.rows, runs: runs?.rows ?? [] };
}

function jsonRows(text: string): Rows {
  const sessions = parsed(text);
  const isList = Array.isArray(sessions) && sessions.every((row) => typeof row === 'object' && row !== null);
  if (!isList) throw new ForeignFileError('The file is JSON, but not overstory’s: it is no list of sessions.');
  return { sessions: sessions as Row[], runs: [] };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ForeignFileError('The file is neither an SQLite database nor JSON, or it is cut off.');
  }
}

/** All that stands in one file. */
interface Content {
  runs: readonly OverstoryRun[];
  sessions: readonly OverstorySession[];
}

function runInput(run: OverstoryRun, { runs, sessions }: Content): ImportRunInput {
  const { id: externalId, status, startedAt, completedAt } = run;
  const coordinatorOf = (one: OverstoryRun) => sessions.find(({ id }) => id === one.coordinatorSessionId);
  const nameOf = (one: OverstoryRun) => one.coordinatorName ?? coordinatorOf(one)?.agentName ?? null;
  const coordinatorName = nameOf(run);
  const actives = runs.filter((one) => one.status === 'ACTIVE' && nameOf(one) === coordinatorName);
  const lastSign = sessions.filter(({ runId }) => runId === externalId).map(({ lastActivity }) => lastActivity);
  return {
    externalId,
    status,
    startedAt,
    // Where it was forgotten, the run was over when its last session had been heard of.
    completedAt: status === 'ACTIVE' ? null : (completedAt ?? [startedAt, ...lastSign].sort().at(-1)),
    // A coordinator has one active run: the others that it left behind keep the session, but not its name.
    coordinatorName: status === 'ACTIVE' && newest(actives) !== run ? null : coordinatorName,
    coordinatorExternalId: coordinatorOf(run)?.id ?? null,
  };
}

function sessionInput(session: OverstorySession, { runs, sessions }: Content): ImportSessionInput {
  const { id: externalId, agentName, capability, providerSessionId, taskId, startedAt, lastActivity } = session;
  const { worktreePath, branchName, tmuxSession, pid, transcriptPath } = session;
  const isOpen = ({ state }: OverstorySession) => state !== 'COMPLETED';
  const rivals = sessions.filter((one) => one.agentName === agentName && isOpen(one));
  const isSuperseded = isOpen(session) && newest(rivals) !== session;
  const state = isSuperseded ? 'COMPLETED' : session.state;
  const spawner = spawnerOf(session, sessions);
  const run = runs.find(({ id }) => id === session.runId);
  return {
    externalId,
    kind: 'AGENT',
    agentName,
    capability,
    providerSessionId,
    taskId,
    workspace: { worktreePath, branchName, tmuxSession, pid, transcriptPath },
    state,
    startedAt,
    lastActivityAt: lastActivity,
    ...(state === 'COMPLETED' && {
      endedAt: lastActivity > startedAt ? lastActivity : startedAt,
      endReason: isSuperseded ? 'SUPERSEDED' : 'FINISHED',
      outcome: 'UNKNOWN',
    }),
    ...(state === 'STALLED' && {
      stalledSince: session.stalledSince ?? lastActivity,
      escalationLevel: session.escalationLevel,
    }),
    runExternalId: run?.id ?? null,
    spawnedByExternalId: spawner?.id ?? null,
    metadata: present({
      promptVersion: session.promptVersion,
      state: isSuperseded ? session.state : null,
      stalledSince: state === 'STALLED' ? null : session.stalledSince,
      escalationLevel: state === 'STALLED' ? null : session.escalationLevel || null,
      parentAgent: spawner ? null : session.parentAgent,
      runId: run ? null : session.runId,
    }),
  };
}

/** A parent is told by name: of several who bore it, the last one that was there when the session began. */
function spawnerOf(session: OverstorySession, sessions: readonly OverstorySession[]): OverstorySession | undefined {
  const { id, parentAgent, startedAt } = session;
  const bearers = sessions.filter((one) => one.agentName === parentAgent && one.id !== id);
  return newest(bearers.filter((one) => one.startedAt <= startedAt)) ?? bearers[0];
}

/** The one that began last; of equals the later in the file. */
function newest<T extends { startedAt: string }>(rows: readonly T[]): T | undefined {
  return rows.reduce<T | undefined>((last, row) => (last && last.startedAt > row.startedAt ? last : row), undefined);
}

function present(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
