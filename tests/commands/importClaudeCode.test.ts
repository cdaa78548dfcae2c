import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeFolder, startTarget, type Folder, type Target } from '../support/imported.js';
import { run, start } from '../support/program.js';
import { openRelay } from '../support/relay.js';
import { bytes, hasRealTranscripts, line, message, REAL_FOLDER, SID } from '../support/transcript.js';

const lifeline = (...args: string[]) => run(['import', 'claude-code', ...args]);

describe('lifeline import claude-code', () => {
  let target: Target;
  let folder: Folder;
  let path: string;
  beforeAll(async () => {
    target = await startTarget();
    folder = await makeFolder();
    path = await folder.write(`${SID}.jsonl`, bytes(line(1, message('user', 'one')), '{"broken'));
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it('ends with a report of what it brought and of what it skipped', async () => {
    const { code, stdout, stderr } = await lifeline(path, '--url', target.url);
    expect([code, stderr]).toEqual([0, '']);
    const [family, summary, ...rest] = stdout.trimEnd().split('\n');
    expect(family).toBe(`1 of 1: ${SID}.jsonl`);
    expect(summary).toMatch(/^1 session started, 0 known before; 1 event, 0 commands and 0 checkpoints recorded in /);
    expect(rest).toEqual(['skipped: 1', `  ${path}:2 is not JSON`]);
  });

  it('ends with the report as one JSON document for programs', async () => {
    const { code, stdout, stderr } = await lifeline(path, '--json', '--url', target.url);
    expect([code, stderr]).toEqual([0, `1 of 1: ${SID}.jsonl\n`]);
    const skipped = [{ file: path, line: 2, reason: 'is not JSON' }];
    const nothing = { sessions: 0, events: 0, commands: 0, checkpoints: 0, late: {}, outside: [], refusals: [] };
    expect(JSON.parse(stdout)).toEqual({ ...nothing, known: 1, skipped });
  });

  it('finds the endpoint where only the server is given', async () => {
    expect(await lifeline(folder.path, '--url', new URL(target.url).origin)).toMatchObject({ code: 0 });
  });

  it('says where no server answers, and what would start one', async () => {
    const closed = await openRelay(target.url);
    await closed[Symbol.asyncDispose]();
    const { code, stderr } = await lifeline(folder.path, '--url', closed.url);
    expect(code).toBe(1);
    expect(stderr).toContain(`lifeline: No answer came from ${closed.url}: connect ECONNREFUSED`);
    expect(stderr).toContain('`npm start` starts one');
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it.each([
    ['nothing is there', () => ['/nowhere'], 'There is no file and no folder /nowhere.'],
    ['no transcript is there', () => [import.meta.dirname], 'There is no transcript in'],
    ['the URL is none', () => [folder.path, '--url', 'localhost'], '--url is "localhost"'],
    ['no path is given', () => [], "missing required argument 'path'"],
  ])('is misused, with status 2, where %s', async (_, args, complaint) => {
    const { code, stderr } = await lifeline(...args());
    expect(code).toBe(2);
    expect(stderr).toContain(complaint);
  });

  it('follows until it is interrupted, and then reports', async () => {
    const other = 'fa812bfe-b295-4cca-9c2f-fdf01028cb46';
    const url = ['--url', target.url];
    await using running = start(['import', 'claude-code', folder.path, '--follow', ...url]);
    let said = '';
    running.process.stdout.on('data', (text: Buffer) => (said += text.toString()));
    await expect.poll(() => said).toContain(`following ${folder.path}`);
    await folder.write(`${other}.jsonl`, bytes(line(1, { ...message('user', 'one'), sessionId: other })));
    const sessions = async () => (await target.imported()).sessions.map(({ external_id }) => external_id);
    await expect.poll(sessions).toContain(other);
    running.process.kill('SIGINT');
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(stdout).toContain('1 session started');
  });
});

describe.skipIf(!hasRealTranscripts)('an importer that is killed half-way', () => {
  it('leaves what another one completes to exactly what one alone would have made', async () => {
    await using whole = await startTarget();
    expect(await lifeline(REAL_FOLDER, '--url', whole.url)).toMatchObject({ code: 0 });
    const all = await whole.imported();

    await using target = await startTarget();
    for (const share of [0.3, 0.6]) {
      await using relay = await openRelay(target.url);
      await using running = start(['import', 'claude-code', REAL_FOLDER, '--url', relay.url]);
      await expect.poll(() => target.position(), { interval: 5 }).toBeGreaterThan(share * all.events.length);
      relay.hold();
      running.process.kill('SIGKILL');
      expect(await running.ended).toMatchObject({ code: null });
      expect((await target.imported()).events.length).toBeLessThan(all.events.length);
    }
    const { code, stdout } = await lifeline(REAL_FOLDER, '--url', target.url);
    expect(code).toBe(0);
    expect(stdout).not.toContain('left out');
    expect(await target.imported()).toEqual(all);
    // Four processes and two servers, one after another.
  }, 120_000);
});
