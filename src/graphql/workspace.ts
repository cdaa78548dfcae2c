import type { Workspace } from '../domain/workspace.js';
import { builder } from './builder.js';

const DESCRIPTIONS = {
  hostMachine: 'The name of the machine.',
  worktreePath: 'The folder that it works in.',
  branchName: 'The branch that is checked out there.',
  tmuxSession: 'The terminal session that its process runs in.',
  pid: 'Its process on that machine.',
  transcriptPath: 'Where its transcript is written.',
} satisfies Record<keyof Workspace, string>;

export const WorkspaceType = builder.objectRef<Workspace>('Workspace').implement({
  description: 'Where a session works. Each part is null where nobody said.',
  fields: (t) => ({
    hostMachine: t.exposeString('hostMachine', { nullable: true, description: DESCRIPTIONS.hostMachine }),
    worktreePath: t.exposeString('worktreePath', { nullable: true, description: DESCRIPTIONS.worktreePath }),
    branchName: t.exposeString('branchName', { nullable: true, description: DESCRIPTIONS.branchName }),
    tmuxSession: t.exposeString('tmuxSession', { nullable: true, description: DESCRIPTIONS.tmuxSession }),
    pid: t.exposeInt('pid', { nullable: true, description: DESCRIPTIONS.pid }),
    transcriptPath: t.exposeString('transcriptPath', { nullable: true, description: DESCRIPTIONS.transcriptPath }),
  }),
});

export const WorkspaceInput = builder.inputType('WorkspaceInput', {
  description: 'Where a session works. When it is updated, an absent part stays and null clears it.',
  fields: (t) => ({
    hostMachine: t.string({ description: DESCRIPTIONS.hostMachine }),
    worktreePath: t.string({ description: DESCRIPTIONS.worktreePath }),
    branchName: t.string({ description: DESCRIPTIONS.branchName }),
    tmuxSession: t.string({ description: DESCRIPTIONS.tmuxSession }),
    pid: t.int({ description: DESCRIPTIONS.pid }),
    transcriptPath: t.string({ description: DESCRIPTIONS.transcriptPath }),
  }),
});
