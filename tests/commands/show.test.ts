import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AppendEventsDocument,
  CreateCheckpointDocument,
  LogCommandsDocument,
  StartSessionDocument,
  type StartSessionInput,
} from '../../src/client/operation.js';
import { startTarget, type Target } from '../support/imported.js';
import { run } from '../support/program.js';
import { query } from '../support/sql.js';

let target: Target;
let ada: string;
let predecessor: string;

async function start(input: StartSessionInput): Promise<string> {
  return (await target.client.request(StartSessionDocument, { input })).startSession.session.id;
}

beforeAll(async () => {
  target = await startTarget();
  predecessor = await start({ agentName: 'ada', title: 'The plan' });
  ada = await start({
    agentName: 'ada',
    takeOver: true,
    title: 'Mend \u001b[31mthe login',
    externalId: 'run-7/ada',
    currentEpic: 'EPIC-9',
    workspace: { worktreePath: '/code', branchName: 'main', pid: 4281 },
  });
  const input = { sessionId: ada };
  await target.client.request(AppendEventsDocument, {
    input: { ...input, events: [{ type: 'USER_MESSAGE', data: { text: 'Mend it.' } }] },
  });
  await target.client.request(LogCommandsDocument, {
    input: { ...input, commands: [{ commandType: 'tool', action: 'ls', success: false }] },
  });
  await target.client.request(CreateCheckpointDocument, {
    input: { ...input, workState: {}, summary: 'half done', pendingWork: ['test it'] },
  });
  await start({ agentName: 'adabel' });
  await start({ agentName: 'bob', externalId: 'ada' });
  await start({ agentName: 'cy', spawnedById: ada });
});
afterAll(() => target[Symbol.asyncDispose]());

const show = (...args: string[]) => run(['show', '--url', target.url, ...args]);

describe('lifeline show', () => {
  it('tells of a session what there is to know', async () => {
    const { code, stdout, stderr } = await show(ada);
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.split('\n');
    expect(lines[0]).toBe(`${ada}  WORKING  ada`);
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^title +Mend \[31mthe login$/),
        expect.stringMatching(/^liveness +live, silent for \d+s, stalls after 5m, a zombie after 10m$/),
        expect.stringMatching(/^activity +epic EPIC-9$/),
        expect.stringMatching(/^host +process 4281$/),
        expect.stringMatching(/^worktree +\/code, branch main$/),
        expect.stringMatching(/^commands +1, 1 of them failed$/),
        'chain',
        expect.stringMatching(new RegExp(`^ +${predecessor} .* REGISTERED +→ SUPERSEDED +COMPLETED$`)),
        expect.stringMatching(new RegExp(`^\\* +${ada} .* TAKEN_OVER +WORKING$`)),
        '1 checkpoint',
        expect.stringMatching(/^chk_\w+ .* MANUAL MANUAL +half done$/),
        'where a successor would go on',
        expect.stringMatching(
          /^CHECKPOINT, confidence 100 of 100, with 0 events and 0 commands: \d+ bytes as of position \d+$/,
        ),
        expect.stringMatching(/^- .*test it/),
        '5 events, the last 5',
        expect.stringMatching(/^\d+ +\S+Z +USER_MESSAGE +\{"text":"Mend it\."\}$/),
      ]),
    );
    expect(stdout).not.toContain('null');
  });

  it('tells of an ended one why it ended, and nothing of its silence', async () => {
    const { stdout } = await show(predecessor);
    expect(stdout).toMatch(/^ended +\S+Z SUPERSEDED, UNKNOWN/m);
    expect(stdout).not.toContain('liveness');
  });

  it('tells who spawned a session, and what is waiting for it', async () => {
    const { stdout: before } = await show('cy');
    expect(before).toMatch(new RegExp(`^spawned by +${ada}, ada, depth 1$`, 'm'));
    expect(before).not.toContain('waiting');
    await query(
      target.databaseUrl,
      `INSERT INTO signals (project_id, id, session_id, kind, note, sent_by)
       SELECT project_id, gen_random_uuid(), id, 'NUDGE', 'Are you there?', 'watchdog' FROM sessions WHERE agent_name = 'cy'`,
    );
    expect((await show('cy')).stdout).toMatch(/^waiting\nsig_\w+ +signal NUDGE +\S+Z by watchdog +Are you there\?$/m);
  });

  it.each([
    ['its external id', 'run-7/ada'],
    ['the beginning of a handle', 'run-7'],
    ['its epic, in any case', 'epic-9'],
  ])('finds it by %s', async (_, ref) => {
    const { code, stdout } = await show(ref);
    expect([code, stdout.split(' ')[0]]).toEqual([0, ada]);
  });

  it('is one JSON document for programs', async () => {
    const session = JSON.parse((await show(ada, '--json')).stdout) as Record<string, unknown>;
    expect(session).toMatchObject({
      id: ada,
      title: 'Mend \u001b[31mthe login',
      chain: [{ id: predecessor }, { id: ada }],
      checkpoints: { nodes: [{ summary: 'half done' }] },
      resumePlan: { source: 'CHECKPOINT' },
    });
  });

  it('names the candidates where there are several, with status 1', async () => {
    const { code, stdout, stderr } = await show('ada');
    expect([code, stdout]).toEqual([1, '']);
    const lines = stderr.trimEnd().split('\n');
    expect(lines.map((line) => line.split('\t')[3])).toEqual(['ada', 'bob', undefined]);
    expect(lines[2]).toBe('lifeline: "ada" can mean any of these sessions. Name one by its id.');
  });

  it.each(['nobody', 'ad', 's', '', 'ses_00000000000000000000000000'])('knows nobody by "%s"', async (ref) => {
    expect(await show(ref)).toEqual({ code: 1, stdout: '', stderr: `lifeline: There is no session "${ref}".\n` });
  });
});

describe('an agent with several sessions', () => {
  it('is meant by its name as it is open, else as it was last', async () => {
    const first = await start({ agentName: 'dora' });
    const second = await start({ agentName: 'dora', takeOver: true });
    expect((await show('dora')).stdout).toContain(`${second}  BOOTING  dora`);
    expect((await show(first)).stdout).toContain(`${first}  COMPLETED  dora`);
  });
});
