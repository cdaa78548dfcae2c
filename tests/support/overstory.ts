import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sqlite from 'node-sqlite3-wasm';

/** Files that overstory itself has written, where they are at hand. */
export const REAL_OVERSTORY = fileURLToPath(new URL('../../../shared/data/overstory', import.meta.url));
export const hasRealOverstory = existsSync(REAL_OVERSTORY);
if (!hasRealOverstory)
  process.stderr.write(`\n!! NOT TESTED on overstory's own files: there is no ${REAL_OVERSTORY}\n\n`);

export type Entry = Record<string, string | number | null>;

/** A session as overstory's list of them has it. */
export const entry = (agentName: string, more: Entry = {}): Entry => ({
  id: `session-${agentName}`,
  agentName,
  capability: 'builder',
  worktreePath: `/repo/.overstory/worktrees/${agentName}`,
  branchName: `overstory/${agentName}`,
  taskId: 'task-1',
  tmuxSession: '',
  state: 'working',
  pid: null,
  parentAgent: null,
  depth: 0,
  startedAt: '2026-02-14T09:00:00.000Z',
  lastActivity: '2026-02-14T10:00:00.000Z',
  escalationLevel: 0,
  stalledSince: null,
  ...more,
});

/** Runs SQL on the database at the path, which is made where it is not there, and what `meanwhile` does before it is closed. */
export async function withDatabase(path: string, sql: string, meanwhile?: () => Promise<void>): Promise<void> {
  const database = new sqlite.Database(path);
  try {
    database.exec(sql);
    await meanwhile?.();
  } finally {
    database.close();
  }
}
