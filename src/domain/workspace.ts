// Where a session works: a machine, a worktree and its branch, a terminal, a process, a transcript. All of it is optional,
// and what is said of it is kept field by field.
import { checkName, checkNote, checkRange, checkTitle, type Issues } from './limits.js';

export interface Workspace {
  hostMachine?: string | null;
  worktreePath?: string | null;
  branchName?: string | null;
  tmuxSession?: string | null;
  pid?: number | null;
  transcriptPath?: string | null;
}

export const WORKSPACE_FIELDS = [
  'hostMachine',
  'worktreePath',
  'branchName',
  'tmuxSession',
  'pid',
  'transcriptPath',
] as const satisfies readonly (keyof Workspace)[];

/** Nowhere that is known. */
export const NO_WORKSPACE = {
  hostMachine: null,
  worktreePath: null,
  branchName: null,
  tmuxSession: null,
  pid: null,
  transcriptPath: null,
} as const satisfies Required<Workspace>;

const PID_MAX = 2 ** 31 - 1;

/** Machine and terminal are names; a branch has a title's length (git allows 255 bytes), a path a note's. */
export function checkWorkspace(issues: Issues, path: string, workspace: Workspace | null | undefined): void {
  if (!workspace) return;
  checkName(issues, `${path}.hostMachine`, workspace.hostMachine);
  checkNote(issues, `${path}.worktreePath`, workspace.worktreePath);
  checkTitle(issues, `${path}.branchName`, workspace.branchName);
  checkName(issues, `${path}.tmuxSession`, workspace.tmuxSession);
  checkRange(issues, `${path}.pid`, workspace.pid, 0, PID_MAX);
  checkNote(issues, `${path}.transcriptPath`, workspace.transcriptPath);
}
