import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  CreateRunDocument,
  EndSessionDocument,
  StartSessionDocument,
  type StartSessionInput,
} from '../../src/client/operation.js';
import { startTarget, type Target } from '../support/imported.js';
import { run, start, type Running } from '../support/program.js';
import { openRelay } from '../support/relay.js';

let target: Target;
let runId: string;

beforeAll(async () => {
  target = await startTarget();
  runId = (await target.client.request(CreateRunDocument, { input: { externalId: 'nightly' } })).createRun.run.id;
});
afterAll(() => target[Symbol.asyncDispose]());

async function register(input: Partial<StartSessionInput>): Promise<string> {
  const { startSession } = await target.client.request(StartSessionDocument, { input });
  return startSession.session.id;
}

async function beat(sessionId: string, said: object = {}): Promise<void> {
  const response = await fetch(target.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      query: 'mutation ($input: HeartbeatInput!) { heartbeat(input: $input) { recommendedAction } }',
      variables: { input: { sessionId, ...said } },
    }),
  });
  expect(await response.json()).toMatchObject({ data: {} });
}

async function end(sessionId: string): Promise<void> {
  const input = { sessionId, reason: 'FINISHED' as const, outcome: 'SUCCESS' as const };
  await target.client.request(EndSessionDocument, { input });
}

/** Watches; what it has printed so far, line by line and cell by cell. */
function watch(...args: string[]): Running & { lines: () => string[]; rows: () => string[][]; said: () => string } {
  const running = start(['watch', '--url', target.url, ...args]);
  let [out, err] = ['', ''];
  running.process.stdout.on('data', (text: Buffer) => (out += text.toString()));
  running.process.stderr.on('data', (text: Buffer) => (err += text.toString()));
  const lines = () => out.split('\n').slice(0, -1);
  return { ...running, lines, rows: () => lines().map((line) => line.split('\t')), said: () => err };
}

/** Of each line the state, the context and what is said. */
const facts = (rows: string[][]) => rows.map(([, , state, , , context, , , , doing]) => [state, context, doing]);

describe('lifeline watch', () => {
  it('tells who is there and then every change, a line each, and ends well when it is interrupted', async () => {
    const ada = await register({ agentName: 'ada', title: 'Mend\tthe login', runId });
    await using running = watch('--run', 'nightly');
    await expect.poll(running.rows).toHaveLength(1);
    const [[at, id, state, level, , context, , ...rest] = []] = running.rows();
    expect(at).toMatch(/^\S+Z$/);
    expect([id, state, level, context]).toEqual([ada, 'BOOTING', '', '']);
    expect(rest).toEqual(['ada', 'nightly', 'Mend the login']);
    await register({ agentName: 'of no run' });
    await beat(ada, { contextPercent: 40 });
    await expect.poll(() => facts(running.rows()).at(-1)).toEqual(['WORKING', '40 %', 'Mend the login']);
    await end(ada);
    const last = ['COMPLETED', '40 %', 'FINISHED, SUCCESS · Mend the login'];
    await expect.poll(() => facts(running.rows()).at(-1)).toEqual(last);
    expect(new Set(running.rows().map(([, id]) => id))).toEqual(new Set([ada]));
    running.process.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('hears of heartbeats that the log does not know of', async () => {
    const bob = await register({ agentName: 'bob', contextPercent: 10 });
    await beat(bob, { contextPercent: 10 });
    const position = await target.position();
    await using running = watch('--agent', 'bob');
    await expect.poll(running.rows).toHaveLength(1);
    // Heard as soon as somebody listens: nothing is replayed.
    await expect
      .poll(async () => {
        await beat(bob, { contextPercent: 11, activity: 'reading' });
        return facts(running.rows()).at(-1);
      })
      .toEqual(['WORKING', '11 %', 'reading']);
    expect(running.rows()).toHaveLength(2);
    expect(await target.position()).toBe(position);
  });

  it('is a JSON document a line for programs', async () => {
    const cy = await register({ agentName: 'cy' });
    await using running = watch('--agent', 'cy', '--json');
    await expect.poll(running.lines).toHaveLength(1);
    await beat(cy, { currentEpic: 'E-7' });
    await expect
      .poll(() => JSON.parse(running.lines().at(-1)!) as object)
      .toMatchObject({ id: cy, state: 'WORKING', currentEpic: 'E-7', liveness: { escalationLevel: null } });
  });

  it('goes on by itself where the connection is lost, and says so', async () => {
    await using relay = await openRelay(target.url);
    const dee = await register({ agentName: 'dee' });
    await using running = watch('--agent', 'dee', '--url', relay.url);
    await expect.poll(running.rows).toHaveLength(1);
    relay.cut();
    await end(dee);
    await expect.poll(() => facts(running.rows()).at(-1)).toEqual(['COMPLETED', '', 'FINISHED, SUCCESS']);
    await expect.poll(running.said).toBe('the connection is lost: trying again\nthe server is back\n');
  });

  it('tells once what there is, also the suspended where all are asked for', async () => {
    const eve = await register({ agentName: 'eve', kind: 'WORKFLOW' });
    const suspend = 'mutation ($input: SuspendSessionInput!) { suspendSession(input: $input) { position } }';
    await fetch(target.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: suspend, variables: { input: { sessionId: eve } } }),
    });
    const args = ['watch', '--url', target.url, '--kind', 'workflow', '--once'];
    expect(await run(args)).toEqual({ code: 0, stdout: '', stderr: '' });
    const { stdout } = await run([...args, '--all']);
    expect(stdout.split('\t').slice(0, 2)).toEqual([eve, 'SUSPENDED']);
    const { stdout: json } = await run([...args, '--all', '--json']);
    expect(JSON.parse(json)).toMatchObject([{ id: eve, state: 'SUSPENDED' }]);
  });

  it.each([
    ['1', ['--run', 'none'], 'There is no run "none".'],
    ['2', ['--kind', 'robot'], 'It is one of CONVERSATION'],
  ])('ends with status %s by %j', async (status, args, complaint) => {
    const { code, stdout, stderr } = await run(['watch', '--url', target.url, ...args]);
    expect([String(code), stdout]).toEqual([status, '']);
    expect(stderr).toContain(complaint);
  });
});

const script = spawnSync('script', ['--version'], { encoding: 'utf8' });
const hasTerminals = script.error === undefined && script.stdout.includes('util-linux');
if (!hasTerminals) process.stderr.write('NOT TESTED: a terminal, since there is no `script` of util-linux.\n');

describe.runIf(hasTerminals)('lifeline watch on a terminal', () => {
  /** The program, in a terminal of 100 by 12 characters; `typed` is what somebody types. */
  function open() {
    const program = [process.execPath, path.resolve('dist/cli.js'), 'watch', '--url', target.url];
    const command = `stty cols 100 rows 12; echo $$; exec ${program.map((part) => `'${part}'`).join(' ')}`;
    const child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: 'xterm', SHELL: '/bin/sh' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let out = '';
    child.stdout.on('data', (text: Buffer) => (out += text.toString()));
    const ended = once(child, 'close').then(([code]) => code as number);
    return { out: () => out, pid: () => Number.parseInt(out), type: (keys: string) => child.stdin.write(keys), ended };
  }
  const ENTERED = '\u001b[?1049h\u001b[?25l\u001b[?7l';
  const LEFT = '\u001b[?7h\u001b[?25h\u001b[?1049l';

  it('changes what has changed, and q gives the terminal back', async () => {
    const fay = await register({ agentName: 'fay' });
    const { out, type, ended } = open();
    await expect.poll(out).toContain('fay');
    expect(out()).toContain(ENTERED);
    await expect
      .poll(async () => {
        await beat(fay, { activity: 'mending' });
        return out();
      })
      .toContain('mending');
    type('s');
    await expect.poll(out).toContain('sort: silence');
    type('q');
    expect(await ended).toBe(0);
    expect(out().endsWith(LEFT)).toBe(true);
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('gives the terminal back by %s', async (signal) => {
    const { out, pid, ended } = open();
    await expect.poll(out).toContain('q quit');
    process.kill(pid(), signal);
    expect(await ended).toBe(0);
    expect(out().endsWith(LEFT)).toBe(true);
  });

  it('gives the terminal back by Ctrl-C', async () => {
    const { out, type, ended } = open();
    await expect.poll(out).toContain('q quit');
    type('\u0003');
    expect(await ended).toBe(0);
    expect(out().endsWith(LEFT)).toBe(true);
  });
});
