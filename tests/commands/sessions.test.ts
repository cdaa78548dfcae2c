import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateRunDocument,
  EndSessionDocument,
  ImportSessionsDocument,
  StartSessionDocument,
} from '../../src/client/operation.js';
import { startTarget, type Target } from '../support/imported.js';
import { run } from '../support/program.js';

let target: Target;
/** The ids of ada, bob and cy, in the order in which they began. */
let ids: string[];
let runId: string;

beforeAll(async () => {
  target = await startTarget();
  const { createRun } = await target.client.request(CreateRunDocument, { input: { externalId: 'run-1' } });
  runId = createRun.run.id;
  const inputs = [
    { agentName: 'ada', title: 'Mend\tthe\nlogin', taskId: 'T-1', contextPercent: 41.6, runId },
    { kind: 'SUPERVISOR' as const, instanceId: 'bob-PS-abc123' },
    { kind: 'CONVERSATION' as const, conversation: { platform: 'slack', externalId: 'cy' } },
  ];
  ids = [];
  for (const [day, input] of inputs.entries()) {
    const occurredAt = `2026-01-0${day + 1}T00:00:00.000Z`;
    const { startSession } = await target.client.request(StartSessionDocument, { input: { ...input, occurredAt } });
    ids.push(startSession.session.id);
  }
  const input = { sessionId: ids[1]!, reason: 'FINISHED' as const };
  await target.client.request(EndSessionDocument, { input });
});
afterAll(() => target[Symbol.asyncDispose]());

const sessions = (...args: string[]) => run(['sessions', '--url', target.url, ...args]);
const listed = async (...args: string[]) => {
  const { code, stdout } = await sessions(...args);
  expect(code).toBe(0);
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')[0]]));
};

describe('lifeline sessions', () => {
  it('lists the newest first, cells apart by tabs where nobody reads them on a terminal', async () => {
    const { code, stdout, stderr } = await sessions();
    expect([code, stderr]).toEqual([0, '']);
    const rows = stdout.split('\n').map((line) => line.split('\t'));
    expect(rows).toEqual([
      [ids[2], 'BOOTING', 'CONVERSATION', 'slack:cy', expect.any(String), '', '2026-01-03T00:00:00Z', ''],
      [ids[1], 'COMPLETED', 'SUPERVISOR', 'bob-PS-abc123', '', '', '2026-01-02T00:00:00Z', ''],
      [ids[0], 'BOOTING', 'AGENT', 'ada', expect.any(String), '42 %', '2026-01-01T00:00:00Z', 'Mend the login'],
      [''],
    ]);
  });

  it.each([
    [['--state', 'completed'], [1]],
    [
      ['--state', 'COMPLETED', '--state', 'booting'],
      [2, 1, 0],
    ],
    [['--open'], [2, 0]],
    [['--live'], [2, 0]],
    [['--stale'], []],
    [
      ['--kind', 'agent,supervisor'],
      [1, 0],
    ],
    [['--agent', 'ada'], [0]],
    [['--run', 'run-1'], [0]],
    [['--task', 'T-1'], [0]],
    [['--search', 'LOGIN'], [0]],
    [['--silent-for', '86400'], []],
    [
      ['--order', 'ended'],
      [1, 2, 0],
    ],
    [['--reverse'], [0, 1, 2]],
    [['--limit', '1'], [2]],
    [['--limit', '0'], []],
    [
      ['--limit', '1', '--all'],
      [2, 1, 0],
    ],
  ])('lists with %j only what is asked for', async (args, places) => {
    expect(await listed(...args)).toEqual(places.map((place) => ids[place]));
  });

  it('finds a run by its id too, and says where there is none', async () => {
    expect(await listed('--run', runId)).toEqual([ids[0]]);
    expect(await sessions('--run', 'run-2')).toMatchObject({ code: 1, stderr: 'lifeline: There is no run "run-2".\n' });
  });

  it('is one JSON list for programs', async () => {
    const { stdout } = await sessions('--json');
    const rows = JSON.parse(stdout) as Record<string, unknown>[];
    expect(rows.map(({ id }) => id)).toEqual(ids.toReversed());
    expect(rows[2]).toMatchObject({ agentName: 'ada', title: 'Mend\tthe\nlogin', contextPercent: 41.6 });
    expect(JSON.parse((await sessions('--json', '--stale')).stdout)).toEqual([]);
  });

  it.each([
    ['--state', 'idle', 'It is one of BOOTING, WORKING'],
    ['--limit', 'all', 'It is a whole number.'],
    ['--order', 'name', 'Allowed choices are started, activity, ended.'],
    ['--url', 'localhost', '--url is "localhost"'],
  ])('is misused, with status 2, by %s %s', async (flag, value, complaint) => {
    const { code, stdout, stderr } = await sessions(flag, value);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(complaint);
  });
});

describe('a long list', () => {
  it('is whole with --all, page by page', async () => {
    await using large = await startTarget();
    const sessions = Array.from({ length: 1203 }, (_, index) => ({
      externalId: `s${index}`,
      state: 'COMPLETED' as const,
      startedAt: '2026-01-01T00:00:00.000Z',
      endedAt: '2026-01-01T00:00:00.000Z',
    }));
    await large.client.request(ImportSessionsDocument, { input: { source: 'test', runs: [], sessions } });
    const { stdout } = await run(['sessions', '--all', '--url', large.url]);
    expect(new Set(stdout.trimEnd().split('\n')).size).toBe(1203);
    expect((await run(['sessions', '--limit', '600', '--url', large.url])).stdout.trimEnd().split('\n')).toHaveLength(
      600,
    );
    expect((await run(['sessions', '--url', large.url])).stdout.trimEnd().split('\n')).toHaveLength(50);
  });
});
