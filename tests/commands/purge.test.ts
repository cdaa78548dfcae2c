import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EndSessionDocument, StartSessionDocument } from '../../src/client/operation.js';
import { startTarget, type Target } from '../support/imported.js';
import { run } from '../support/program.js';

let target: Target;
beforeEach(async () => {
  target = await startTarget();
  for (const [agentName, ended] of [
    ['ada', '2026-01-01'],
    ['bob', '2026-02-01'],
    ['cy', null],
  ] as const) {
    const occurredAt = '2025-12-01T00:00:00.000Z';
    const started = await target.client.request(StartSessionDocument, { input: { agentName, occurredAt } });
    const { id: sessionId } = started.startSession.session;
    const end = { sessionId, reason: 'FINISHED' as const, occurredAt: `${ended}T00:00:00.000Z` };
    if (ended) await target.client.request(EndSessionDocument, { input: end });
  }
});
afterEach(() => target[Symbol.asyncDispose]());

const purge = (...args: string[]) => run(['purge', '--url', target.url, ...args]);
const left = async () => {
  const { stdout } = await run(['sessions', '--reverse', '--url', target.url]);
  return stdout.split('\n').flatMap((line) => line.split('\t')[3] ?? []);
};

describe('lifeline purge', () => {
  it('says what would go, and deletes it only with --yes', async () => {
    expect(await purge('--all')).toEqual({
      code: 0,
      stdout:
        'It would delete 2 sessions, with 4 events, 0 checkpoints and 0 commands. Nothing has been deleted: --yes does it.\n',
      stderr: '',
    });
    expect(await left()).toEqual(['ada', 'bob', 'cy']);
    expect(await purge('--all', '--yes')).toEqual({
      code: 0,
      stdout: 'It has deleted 2 sessions, with 4 events, 0 checkpoints and 0 commands.\n',
      stderr: '',
    });
    expect(await left()).toEqual(['cy']);
  });

  it.each([
    [
      ['--session', 'ada'],
      ['bob', 'cy'],
    ],
    [['--session', 'ada', '--session', 'bob'], ['cy']],
    [
      ['--agent', 'bob'],
      ['ada', 'cy'],
    ],
    [
      ['--state', 'completed', '--ended-before', '2026-01-15'],
      ['bob', 'cy'],
    ],
    [
      ['--agent', 'cy'],
      ['ada', 'bob', 'cy'],
    ],
    [
      ['--agent', 'cy', '--force'],
      ['ada', 'bob'],
    ],
    [['--all', '--force'], []],
  ])('leaves with %j what it does not name', async (args, names) => {
    expect(await purge(...args, '--yes')).toMatchObject({ code: 0 });
    expect(await left()).toEqual(names);
  });

  it('is one JSON document for programs', async () => {
    const { stdout } = await purge('--all', '--json');
    expect(JSON.parse(stdout)).toEqual({ sessions: 2, events: 4, checkpoints: 0, commands: 0, dryRun: true });
  });

  it.each([
    [2, [], 'What is to go?'],
    [2, ['--yes'], 'What is to go?'],
    [2, ['--ended-before', 'yesterday'], 'It is a time such as'],
    [1, ['--session', 'nobody', '--yes'], 'There is no session "nobody".'],
    [1, ['--session', '', '--yes'], 'There is no session "".'],
    [1, ['--session', 'ses_', '--yes'], 'There is no session "ses_".'],
  ])('ends with status %i and deletes nothing by %j', async (status, args, complaint) => {
    const { code, stdout, stderr } = await purge(...args);
    expect([code, stdout]).toEqual([status, '']);
    expect(stderr).toContain(complaint);
    expect(await left()).toHaveLength(3);
  });
});
