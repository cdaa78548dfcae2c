import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AppendEventsDocument, StartSessionDocument } from '../../src/client/operation.js';
import { startTarget, type Target } from '../support/imported.js';
import { run, start, type Running } from '../support/program.js';
import { openRelay } from '../support/relay.js';

let target: Target;
let ada: string;
let bob: string;

beforeAll(async () => {
  target = await startTarget();
  ada = await register('ada');
  bob = await register('bob');
});
afterAll(() => target[Symbol.asyncDispose]());

async function register(agentName: string): Promise<string> {
  const { startSession } = await target.client.request(StartSessionDocument, { input: { agentName } });
  return startSession.session.id;
}

async function tell(sessionId: string, text: string): Promise<void> {
  const events = [{ type: 'PROGRESS' as const, level: 'WARN' as const, data: { text } }];
  await target.client.request(AppendEventsDocument, { input: { sessionId, events } });
}

/** Follows; what it has printed so far, line by line. */
function tail(...args: string[]): Running & { lines: () => string[]; said: () => string } {
  const running = start(['tail', '--url', target.url, ...args]);
  let [out, err] = ['', ''];
  running.process.stdout.on('data', (text: Buffer) => (out += text.toString()));
  running.process.stderr.on('data', (text: Buffer) => (err += text.toString()));
  return { ...running, lines: () => out.split('\n').slice(0, -1), said: () => err };
}

describe('lifeline tail', () => {
  it('tells every entry after a position, a line each, and ends well when it is interrupted', async () => {
    await using running = tail('--after', '0');
    await expect.poll(running.lines).toHaveLength(2);
    await tell(ada, 'one\ntwo');
    await expect.poll(running.lines).toHaveLength(4);
    const [first, , , last] = running.lines().map((line) => line.split('\t'));
    expect(first).toEqual(['1', expect.stringMatching(/^\S+Z$/), ada, 'SESSION_STARTED', expect.stringContaining('{')]);
    expect(last?.slice(2)).toEqual([ada, 'PROGRESS', '{"text":"one\\ntwo"}']);
    running.process.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('begins from now on where no position is given, and says where that is', async () => {
    const position = await target.position();
    await using running = tail();
    await expect.poll(running.said).toBe(`following the log after ${position}; to stop it, press Ctrl+C\n`);
    await tell(ada, 'new');
    await expect.poll(running.lines).toHaveLength(1);
    expect(running.lines()[0]).toContain('{"text":"new"}');
  });

  it('tells of one session alone, and of some types alone', async () => {
    await tell(bob, 'three');
    await using running = tail('--after', '0', '--session', 'bob', '--types', 'progress,error');
    await tell(ada, 'not this');
    await tell(bob, 'four');
    await expect.poll(running.lines).toHaveLength(2);
    expect(running.lines().map((line) => line.split('\t').slice(2))).toEqual([
      [bob, 'PROGRESS', '{"text":"three"}'],
      [bob, 'PROGRESS', '{"text":"four"}'],
    ]);
  });

  it('is a JSON document a line for programs', async () => {
    await using running = tail('--after', '0', '--json');
    const head = await target.position();
    await expect.poll(running.lines).toHaveLength(head);
    const positions = running.lines().map((line) => (JSON.parse(line) as { position: number }).position);
    expect(positions).toEqual(positions.map((_, index) => index + 1));
  });

  it('goes on by itself where the connection is lost, and loses and repeats nothing', async () => {
    await using relay = await openRelay(target.url);
    await using running = tail('--after', '0', '--url', relay.url);
    await expect.poll(running.lines).toHaveLength(await target.position());
    relay.cut();
    await tell(ada, 'meanwhile');
    await expect.poll(running.lines).toHaveLength(await target.position());
    expect(running.lines().at(-1)).toContain('meanwhile');
    running.process.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ code: 0 });
  });

  it('ends without a word where its reader has seen enough', async () => {
    const head = start(['tail', '--url', target.url, '--after', '0']);
    onTestFinished(() => void head.process.kill('SIGKILL'));
    // It rejects, since the output was not read to its end.
    head.ended.catch(() => undefined);
    await once(head.process.stdout, 'data');
    head.process.stdout.destroy();
    await tell(ada, 'to nobody');
    await expect.poll(() => head.process.exitCode).toBe(0);
  });

  it.each([
    ['1', ['--after', '99999999'], 'after must be from 0 to'],
    ['1', ['--session', 'nobody'], 'There is no session "nobody".'],
    ['2', ['--after', '-1'], 'It is a whole number.'],
    ['2', ['--types', 'NOTHING'], 'It is one of INSTANCE_REGISTERED'],
  ])('ends with status %s by %j', async (status, args, complaint) => {
    const { code, stdout, stderr } = await run(['tail', '--url', target.url, ...args]);
    expect([String(code), stdout]).toEqual([status, '']);
    expect(stderr).toContain(complaint);
  });

  it('says where no server answers', async () => {
    const closed = await openRelay(target.url);
    await closed[Symbol.asyncDispose]();
    const { code, stderr } = await run(['tail', '--url', closed.url]);
    expect(code).toBe(1);
    expect(stderr).toContain(`lifeline: No answer came from ${closed.url}: `);
  });
});
