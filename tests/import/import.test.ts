import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.js';
import { EndSessionDocument, FindSessionDocument, StartSessionDocument } from '../../src/client/operation.js';
import { importTranscripts } from '../../src/import/import.js';
import type { Report } from '../../src/import/report.js';
import { findTranscripts, identify } from '../../src/import/transcript.js';
import { makeFolder, startTarget, type Folder, type Imported, type Target } from '../support/imported.js';
import { query } from '../support/sql.js';
import {
  answer,
  at,
  boundary,
  bytes,
  call,
  hasRealTranscripts,
  line,
  message,
  REAL_FOLDER,
  SID,
} from '../support/transcript.js';

const bring = async ({ client }: Target, path: string): Promise<Report> =>
  importTranscripts(client, await findTranscripts(path), { repeatForMs: 0 });

interface NaiveBlock {
  type: string;
  id: string;
  name: string;
  tool_use_id: string;
  is_error?: boolean;
}

/** The lines of all files, as anybody would read them. */
function naiveLines() {
  const files = readdirSync(REAL_FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.jsonl'),
  );
  const texts = files.flatMap((name) => readFileSync(join(REAL_FOLDER, name), 'utf8').trim().split('\n'));
  return texts.map(
    (text) =>
      JSON.parse(text) as {
        timestamp: string;
        isCompactSummary?: boolean;
        message?: { content?: string | NaiveBlock[] };
      },
  );
}

/** The tool calls and their answers, by the id of the call. */
function naiveCalls() {
  const calls = new Map<string, NaiveBlock & { at: string }>();
  const answers = new Map<string, NaiveBlock & { at: string }>();
  for (const { message, timestamp: at } of naiveLines()) {
    for (const block of Array.isArray(message?.content) ? message.content : []) {
      if (block.type === 'tool_use') calls.set(block.id, { ...block, at });
      if (block.type === 'tool_result') answers.set(block.tool_use_id, { ...block, at });
    }
  }
  return { calls, answers };
}

describe.skipIf(!hasRealTranscripts)('the real transcripts', () => {
  let target: Target;
  let imported: Imported;
  let report: Report;
  beforeAll(async () => {
    target = await startTarget();
    report = await bring(target, REAL_FOLDER);
    imported = await target.imported();
  });
  afterAll(() => target[Symbol.asyncDispose]());

  it('become 4 runs and 11 sessions: 6 windows in the chains of 4 conversations, and 5 subagents with their spawners', () => {
    const { sessions, runs } = imported;
    const windows = sessions.filter(({ conversation }) => conversation !== null);
    const subagents = sessions.filter(({ conversation }) => conversation === null);
    expect(sessions).toHaveLength(11);
    expect(new Set(windows.map(({ conversation }) => conversation)).size).toBe(4);
    expect(windows.map(({ chain_index }) => chain_index).sort()).toEqual([0, 0, 0, 0, 1, 1]);
    const later = windows.filter(({ chain_index }) => chain_index === 1);
    for (const { external_id, parent, start_reason } of later) {
      expect([external_id, start_reason]).toEqual([`${String(parent)}#2`, 'CONTEXT_COMPACTED']);
    }
    expect(subagents).toHaveLength(5);
    for (const { spawner, depth } of subagents) {
      expect(windows.map(({ external_id }) => external_id)).toContain(spawner);
      expect(depth).toBe(1);
    }
    expect(runs.map(({ status }) => status)).toEqual(Array(4).fill('COMPLETED'));
    expect(sessions.map(({ run }) => run)).not.toContain(null);
    expect(sessions.map(({ state }) => state)).toEqual(Array(11).fill('COMPLETED'));
  });

  it('have one TOOL_STARTED for each tool_use block and one TOOL_ENDED, caused by it, for each tool_result block', () => {
    const of = (wanted: string) => imported.events.filter(({ type }) => type === wanted);
    const ids = (wanted: string) => of(wanted).map(({ data }) => (data as { toolUseId: string }).toolUseId);
    const { calls, answers } = naiveCalls();
    expect(calls.size).toBeGreaterThan(300);
    expect(ids('TOOL_STARTED').sort()).toEqual([...calls.keys()].sort());
    expect(ids('TOOL_ENDED').sort()).toEqual([...answers.keys()].sort());
    expect(of('TOOL_ENDED').map(({ cause }) => cause)).not.toContain(null);
  });

  it('have one command for each tool_use block that is answered, which failed exactly where its answer says is_error', () => {
    const { calls, answers } = naiveCalls();
    const told = [...answers].map(([id, { at, is_error }]) => {
      const call = calls.get(id);
      const milliseconds = Math.max(0, Date.parse(at) - Date.parse(call?.at ?? ''));
      return [id, call?.name, is_error !== true, milliseconds, at];
    });
    const logged = imported.commands.map(({ dedupe_key, tool_name, success, execution_time_ms, created_at }) => {
      return [dedupe_key, tool_name, success, execution_time_ms, (created_at as Date).toISOString()];
    });
    expect(logged.sort()).toEqual(told.sort());
    expect(logged).toHaveLength(434);
    expect(imported.commands.filter(({ success }) => success === false)).toHaveLength(23);
    for (const { command_type, source, success, error_message } of imported.commands) {
      expect([command_type, source, error_message === null]).toEqual(['tool', 'AUTO', success]);
    }
  });

  it('have one automatic checkpoint for each compaction, which holds its summary and is the last of its window', () => {
    const summaries = naiveLines().filter(({ isCompactSummary }) => isCompactSummary);
    expect(imported.checkpoints).toHaveLength(2);
    expect(imported.checkpoints.map(({ summary }) => summary).sort()).toEqual(
      summaries.map(({ message }) => message?.content).sort(),
    );
    for (const { session, type, trigger, summary, work_state, created_at } of imported.checkpoints) {
      expect([type, trigger, work_state]).toMatchObject(['AUTOMATIC', 'CONTEXT_WINDOW', { summary }]);
      const closed = imported.sessions.find(({ external_id }) => external_id === session);
      expect(closed).toMatchObject({ end_reason: 'CONTEXT_COMPACTED', ended_at: created_at });
      const types = imported.events.filter((event) => event.session === session).map((event) => event.type);
      expect(types.slice(-2)).toEqual(['CHECKPOINT_CREATED', 'SESSION_ENDED']);
    }
  });

  it('fill the log without a gap, and every session with sequences from 1', async () => {
    const positions = await query(target.databaseUrl, 'SELECT position FROM events ORDER BY position');
    expect(positions.map(({ position }) => Number(position))).toEqual(positions.map((_, index) => index + 1));
    expect(positions).toHaveLength(await target.position());
    let before: Imported['events'][number] | undefined;
    for (const event of imported.events) {
      expect(Number(event.sequence)).toBe(event.session === before?.session ? Number(before?.sequence) + 1 : 1);
      before = event;
    }
  });

  it('add nothing when they are imported again, and the report says so', async () => {
    const position = await target.position();
    const again = await bring(target, REAL_FOLDER);
    expect(await target.position()).toBe(position);
    expect(await target.imported()).toEqual(imported);
    expect(report).toMatchObject({ sessions: 11, known: 0, skips: [], refusals: [] });
    expect(report.events).toBe(imported.events.filter(({ dedupe_key }) => dedupe_key !== null).length);
    expect(report).toMatchObject({ commands: 434, checkpoints: 2 });
    expect(again).toMatchObject({ sessions: 0, known: 11, events: 0, skips: [], refusals: [] });
    expect(again).toMatchObject({ commands: 0, checkpoints: 0 });
    expect(again.late.size).toBe(0);
  });
});

describe('an import', () => {
  let target: Target;
  let folder: Folder;
  beforeEach(async () => {
    target = await startTarget();
    folder = await makeFolder();
  });
  afterEach(async () => {
    await target[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  const summary = message('user', 'what was done', { isCompactSummary: true });
  const write = (...lines: string[]) => folder.write(`${SID}.jsonl`, bytes(...lines));
  const append = (...lines: string[]) => folder.write(`${SID}.jsonl`, bytes(...lines), { append: true });
  const eventsOf = async (session: string) =>
    (await target.imported()).events.filter((event) => event.session === session && event.dedupe_key !== null);

  it('ties an answer to a call of the window before', async () => {
    await write(line(1, call('t1', 'Bash')), line(2, boundary), line(3, answer('t1', 'ok')));
    await bring(target, folder.path);
    expect(await eventsOf(`${SID}#2`)).toMatchObject([{ type: 'TOOL_ENDED', tool_name: 'Bash', cause: 'u1/0' }]);
  });

  it('brings a session that takes many calls, in its order', async () => {
    const heavy = 'x'.repeat(250_000);
    const lines = Array.from({ length: 1050 }, (_, index) =>
      line(1, { ...message('user', index % 30 === 0 ? heavy : `message ${index}`), uuid: `line-${index}` }),
    );
    await write(...lines);
    const report = await bring(target, folder.path);
    expect(report).toMatchObject({ sessions: 1, events: 1050, refusals: [] });
    expect((await eventsOf(SID)).map(({ dedupe_key }) => dedupe_key)).toEqual(
      lines.map((_, index) => `line-${index}/0`),
    );
  });

  it('leaves out what was appended after its session had ended, says so, and writes nothing late', async () => {
    await write(line(1, message('user', 'one')), line(2, call('t1', 'Bash')));
    await bring(target, folder.path);
    const position = await target.position();
    await append(line(3, answer('t1', 'ok')), line(4, message('user', 'two')));
    const report = await bring(target, folder.path);
    expect([...report.late]).toEqual([[SID, 2]]);
    expect(report.lines()).toContain(`  2 events of session ${SID}: it had ended before`);
    expect(await target.position()).toBe(position);
  });

  it('brings a window that began after its run had been completed, outside that run', async () => {
    await write(line(1, message('user', 'one')));
    await bring(target, folder.path);
    await append(line(2, call('lost', 'Bash')), line(3, boundary), line(4, answer('lost', 'ok')));
    const report = await bring(target, folder.path);
    expect(report).toMatchObject({ sessions: 1, known: 1, events: 1, outside: [`${SID}#2`], refusals: [] });
    expect([...report.late]).toEqual([[SID, 1]]);
    const { sessions, events } = await target.imported();
    expect(sessions).toMatchObject([
      { external_id: SID, run: SID, end_reason: 'FINISHED' },
      { external_id: `${SID}#2`, run: null, parent: SID, state: 'COMPLETED' },
    ]);
    // The call that it answers was left out.
    expect(events.find(({ type }) => type === 'TOOL_ENDED')).toMatchObject({ session: `${SID}#2`, cause: null });
    expect(events.map(({ type }) => type)).not.toContain('LATE_WRITE_REJECTED');
  });

  it('takes no second checkpoint of a compaction where it had been stopped before the window ended', async () => {
    await write(line(1, message('user', 'one')), line(2, boundary), line(3, summary));
    const stop = new Error('stopped');
    const request: Client['request'] = async (document, variables, options) => {
      if (Object.is(document, EndSessionDocument)) throw stop;
      return target.client.request(document, variables, options);
    };
    const families = await findTranscripts(folder.path);
    await expect(importTranscripts({ ...target.client, request }, families, { repeatForMs: 0 })).rejects.toBe(stop);
    // As after a day, when the key of the call is forgotten.
    await query(target.databaseUrl, 'DELETE FROM idempotency_keys');
    const report = await bring(target, folder.path);
    expect(report).toMatchObject({ known: 1, sessions: 1, checkpoints: 0, refusals: [] });
    const { checkpoints, sessions } = await target.imported();
    expect(checkpoints).toMatchObject([{ session: SID, summary: 'what was done', branch_name: 'main' }]);
    expect(sessions).toMatchObject([{ end_reason: 'CONTEXT_COMPACTED' }, { external_id: `${SID}#2` }]);
  });

  it('stops writing to a session that somebody else ends meanwhile', async () => {
    await write(line(1, message('user', 'one')));
    const { startSession } = await target.client.request(StartSessionDocument, { input: { externalId: SID } });
    const input = { sessionId: startSession.session.id, reason: 'STOPPED' as const };
    const request: Client['request'] = async (document, variables, options) => {
      const result = await target.client.request(document, variables, options);
      // As soon as the importer has found it open.
      if (Object.is(document, FindSessionDocument)) await target.client.request(EndSessionDocument, { input });
      return result;
    };
    const report = await importTranscripts({ ...target.client, request }, await findTranscripts(folder.path), {
      repeatForMs: 0,
    });
    expect([...report.late]).toEqual([[SID, 1]]);
    expect((await target.imported()).sessions).toMatchObject([{ end_reason: 'STOPPED' }]);
  });

  it('gives up a transcript that the server refuses, and brings the others', async () => {
    await write(line(1, message('user', 'one')));
    const other = 'fa812bfe-b295-4cca-9c2f-fdf01028cb46';
    await folder.write(`${other}.jsonl`, bytes(line(1, { ...message('user', 'x'), sessionId: other })));
    const conversation = { platform: 'claude-code', externalId: SID };
    await target.client.request(StartSessionDocument, { input: { externalId: 'holder', conversation } });
    const report = await bring(target, folder.path);
    expect(report.refusals).toMatchObject([{ file: join(folder.path, `${SID}.jsonl`) }]);
    expect(report.refusals[0]!.reason).toContain('open');
    expect((await target.imported()).sessions.map(({ external_id }) => external_id)).toEqual([other, 'holder'].sort());
  });

  it('skips a file that cannot be read and lines that are broken, and names them', async () => {
    const path = await write(line(1, message('user', 'one')), '{"broken', line(3, message('user', 'two')));
    const missing = join(folder.path, 'missing.jsonl');
    const families = [[identify(missing)], ...(await findTranscripts(folder.path))];
    const report = await importTranscripts(target.client, families, { repeatForMs: 0 });
    expect(report).toMatchObject({ sessions: 1, events: 2, refusals: [] });
    expect(report.lines()).toEqual(
      expect.arrayContaining([`  ${path}:2 is not JSON`, expect.stringContaining(`  ${missing} cannot be read: `)]),
    );
  });

  it('takes a time to come for now', async () => {
    await write(
      line(1, message('user', 'one')),
      line(2, { ...message('user', 'two'), timestamp: '2999-01-01T00:00:00Z' }),
    );
    expect(await bring(target, folder.path)).toMatchObject({ events: 2, refusals: [] });
    const { sessions } = await target.imported();
    expect(sessions).toMatchObject([{ started_at: new Date(at(1)) }]);
    expect((sessions[0]!.ended_at as Date).getTime()).toBeLessThanOrEqual(Date.now());
  });

  it('makes the same alone as with another at the same time', async () => {
    await write(
      line(1, message('user', 'one')),
      line(2, call('t1', 'Bash')),
      line(3, boundary),
      line(4, summary),
      line(5, answer('t1', 'ok')),
    );
    const reports = await Promise.all([bring(target, folder.path), bring(target, folder.path)]);
    const together = await target.imported();
    expect(reports.flatMap(({ refusals }) => refusals)).toEqual([]);
    await using alone = await startTarget();
    await bring(alone, folder.path);
    expect(together).toEqual(await alone.imported());
  });
});
