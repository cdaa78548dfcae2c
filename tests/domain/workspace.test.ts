import { expect, it } from 'vitest';
import { checkWorkspace, WORKSPACE_FIELDS, type Workspace } from '../../src/domain/workspace.js';
import { complaints } from '../support/complaint.js';

const complaintsOf = (workspace: Workspace | null | undefined) =>
  complaints((issues) => checkWorkspace(issues, 'workspace', workspace));

const FULL: Required<Workspace> = {
  hostMachine: 'h'.repeat(128),
  worktreePath: '/'.repeat(4096),
  branchName: 'b'.repeat(512),
  tmuxSession: 't'.repeat(128),
  pid: 2 ** 31 - 1,
  transcriptPath: '/'.repeat(4096),
};

it('takes nothing, a part, nulls and values at their limits', () => {
  const nulls = Object.fromEntries(WORKSPACE_FIELDS.map((field) => [field, null]));
  for (const workspace of [undefined, null, {}, nulls, { pid: 0 }, FULL]) expect(complaintsOf(workspace)).toEqual([]);
});

it.each(WORKSPACE_FIELDS)('refuses %s beyond its limit and names it', (field) => {
  const value = FULL[field];
  const beyond = typeof value === 'number' ? value + 1 : `${value}x`;
  expect(complaintsOf({ ...FULL, [field]: beyond })).toEqual([`workspace.${field}`]);
});

it('refuses a negative process id', () => {
  expect(complaintsOf({ pid: -1 })).toEqual(['workspace.pid']);
});
