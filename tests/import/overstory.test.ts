import { copyFile, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImportSessionsInput } from '../../src/client/operation.js';
import { readOverstory } from '../../src/import/overstory.js';
import { ForeignFileError } from '../../src/import/sqlite.js';
import { makeFolder, type Folder } from '../support/imported.js';
import { entry, withDatabase, type Entry } from '../support/overstory.js';

let folder: Folder;
beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

/** What a list of these sessions becomes. */
const listed = async (...entries: Entry[]) =>
  readOverstory(await folder.write('sessions.json', JSON.stringify(entries)));
const sessionsOf = async (...entries: Entry[]) => (await listed(...entries)).sessions;

const TABLES = `
  CREATE TABLE sessions (id TEXT PRIMARY KEY, agent_name TEXT, capability TEXT, worktree_path TEXT, branch_name TEXT,
    task_id TEXT, tmux_session TEXT, state TEXT, pid INTEGER, parent_agent TEXT, depth INTEGER, run_id TEXT,
    started_at TEXT, last_activity TEXT, escalation_level INTEGER, stalled_since TEXT, transcript_path TEXT,
    prompt_version TEXT, claude_session_id TEXT);
  CREATE TABLE runs (id TEXT PRIMARY KEY, started_at TEXT, completed_at TEXT, agent_count INTEGER,
    coordinator_session_id TEXT, coordinator_name TEXT, status TEXT);`;
const insert = (table: string, row: Entry) => {
  const values = Object.values(row).map((value) => (typeof value === 'string' ? `'${value}'` : String(value)));
  return `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${values.join(', ')});`;
};
const session = (name: string, more: Entry = {}) =>
  insert('sessions', {
    id: `session-${name}`,
    agent_name: name,
    state: 'working',
    started_at: '2026-02-14T09:00:00.000Z',
    last_activity: '2026-02-14T10:00:00.000Z',
    ...more,
  });
const run = (id: string, more: Entry = {}) =>
  insert('runs', { id, started_at: '2026-02-14T09:00:00.000Z', status: 'active', ...more });

let databases = 0;
const databasePath = () => join(folder.path, `${++databases}.db`);
async function stored(...rows: string[]): Promise<ImportSessionsInput> {
  const path = databasePath();
  await withDatabase(path, TABLES + rows.join('\n'));
  return readOverstory(path);
}

describe('a session of overstory', () => {
  it('becomes one that says the same', async () => {
    const full = {
      id: 's-1',
      agentName: 'builder-1',
      capability: 'builder',
      worktreePath: '/w',
      branchName: 'b',
      taskId: 't-1',
      tmuxSession: 'tmux-1',
      pid: 42,
      transcriptPath: '/t.jsonl',
      claudeSessionId: 'c-1',
      promptVersion: 'builder@17',
    };
    expect(await listed(entry('x', full))).toEqual({
      source: 'overstory',
      runs: [],
      sessions: [
        {
          externalId: 's-1',
          kind: 'AGENT',
          agentName: 'builder-1',
          capability: 'builder',
          providerSessionId: 'c-1',
          taskId: 't-1',
          workspace: {
            worktreePath: '/w',
            branchName: 'b',
            tmuxSession: 'tmux-1',
            pid: 42,
            transcriptPath: '/t.jsonl',
          },
          state: 'WORKING',
          startedAt: '2026-02-14T09:00:00.000Z',
          lastActivityAt: '2026-02-14T10:00:00.000Z',
          runExternalId: null,
          spawnedByExternalId: null,
          metadata: { promptVersion: 'builder@17' },
        },
      ],
    });
  });

  it.each([
    ['booting', 'BOOTING'],
    ['working', 'WORKING'],
    ['in_turn', 'WORKING'],
    ['between_turns', 'WORKING'],
    ['zombie', 'ZOMBIE'],
  ])('that is %s is %s, and nothing is said of an end', async (state, expected) => {
    const [imported] = await sessionsOf(entry('a', { state }));
    expect(imported).toMatchObject({ state: expected, metadata: {} });
    for (const field of ['endedAt', 'endReason', 'outcome', 'stalledSince', 'escalationLevel']) {
      expect(imported).not.toHaveProperty(field);
    }
  });

  it('that was completed ended with its last sign of life, nobody knows how', async () => {
    const completed = { state: 'completed' };
    expect(await sessionsOf(entry('a', completed))).toMatchObject([
      { state: 'COMPLETED', endedAt: '2026-02-14T10:00:00.000Z', endReason: 'FINISHED', outcome: 'UNKNOWN' },
    ]);
    const early = { ...completed, lastActivity: '2026-02-14T08:00:00.000Z' };
    expect(await sessionsOf(entry('a', early))).toMatchObject([{ endedAt: '2026-02-14T09:00:00.000Z' }]);
  });

  it('that is stalled says since when and how far it was escalated', async () => {
    const stalledSince = '2026-02-14T10:05:00.000Z';
    const stalled = { state: 'stalled', escalationLevel: 2 };
    expect(await sessionsOf(entry('a', { ...stalled, stalledSince }))).toMatchObject([
      { state: 'STALLED', stalledSince, escalationLevel: 2, metadata: {} },
    ]);
    expect(await sessionsOf(entry('a', stalled))).toMatchObject([{ stalledSince: '2026-02-14T10:00:00.000Z' }]);
  });

  it('that was stalled before it died keeps what was said of it', async () => {
    const facts = { escalationLevel: 3, stalledSince: '2026-02-14T10:05:00.000Z' };
    expect(await sessionsOf(entry('a', { state: 'zombie', ...facts }))).toMatchObject([
      { state: 'ZOMBIE', metadata: facts },
    ]);
  });

  it.each(['taskId', 'beadId', 'task_id', 'bead_id'])('has its task from %s', async (name) => {
    const { taskId: _, ...rest } = entry('a');
    expect(await sessionsOf({ ...rest, [name]: 'task-7' })).toMatchObject([{ taskId: 'task-7' }]);
  });
});

describe('the spawn tree', () => {
  const at = (hour: number) => ({ startedAt: `2026-02-14T${String(hour).padStart(2, '0')}:00:00.000Z` });
  const spawners = async (...entries: Entry[]) =>
    (await sessionsOf(...entries)).map(({ spawnedByExternalId }) => spawnedByExternalId);

  it('is told by the name of the parent, wherever in the file it stands', async () => {
    expect(await spawners(entry('c', { parentAgent: 'b' }), entry('b', { parentAgent: 'a' }), entry('a'))).toEqual([
      'session-b',
      'session-a',
      null,
    ]);
  });

  it('takes of several of that name the last that was there', async () => {
    const lead = (id: string, hour: number) => entry('lead', { id, state: 'completed', ...at(hour) });
    const leads = [lead('l-1', 1), lead('l-3', 9), lead('l-2', 5)];
    for (const [hour, expected] of [
      [3, 'l-1'],
      [5, 'l-2'],
      [8, 'l-2'],
      [10, 'l-3'],
      [0, 'l-1'],
    ] as const) {
      expect((await spawners(...leads, entry('child', { parentAgent: 'lead', ...at(hour) }))).at(-1)).toBe(expected);
    }
  });

  it('does not know a parent that is not in the file, but its name', async () => {
    const [orphan, own] = await sessionsOf(entry('a', { parentAgent: 'gone' }), entry('b', { parentAgent: 'b' }));
    expect(orphan).toMatchObject({ spawnedByExternalId: null, metadata: { parentAgent: 'gone' } });
    expect(own).toMatchObject({ spawnedByExternalId: null, metadata: { parentAgent: 'b' } });
  });
});

describe('an agent’s name in several rows', () => {
  const row = (id: string, hour: number, state: string) =>
    entry('builder', { id, state, startedAt: `2026-02-14T0${hour}:00:00.000Z` });

  it('leaves the newest that is open as it is, and has the others superseded by it', async () => {
    const sessions = await sessionsOf(
      row('1', 1, 'working'),
      row('2', 2, 'completed'),
      row('3', 5, 'stalled'),
      row('4', 3, 'zombie'),
      row('5', 6, 'completed'),
      entry('other', { id: '6' }),
    );
    const superseded = { state: 'COMPLETED', endReason: 'SUPERSEDED', outcome: 'UNKNOWN' };
    expect(sessions).toMatchObject([
      { ...superseded, endedAt: '2026-02-14T10:00:00.000Z', metadata: { state: 'WORKING' } },
      { state: 'COMPLETED', endReason: 'FINISHED', metadata: {} },
      { state: 'STALLED' },
      { ...superseded, metadata: { state: 'ZOMBIE' } },
      { state: 'COMPLETED', endReason: 'FINISHED' },
      { state: 'WORKING' },
    ]);
  });

  it('leaves the later in the file where two began at once', async () => {
    const states = (await sessionsOf(row('1', 1, 'working'), row('2', 1, 'working'))).map(({ state }) => state);
    expect(states).toEqual(['COMPLETED', 'WORKING']);
  });
});

describe('a run', () => {
  it('has its coordinator by name and session, and its sessions', async () => {
    const { runs, sessions } = await stored(
      run('r-1', { coordinator_session_id: 'session-lead' }),
      run('r-2', { coordinator_name: 'chief', status: 'failed', completed_at: '2026-02-14T11:00:00.000Z' }),
      session('lead', { run_id: 'r-1' }),
      session('a', { run_id: 'gone' }),
    );
    const startedAt = '2026-02-14T09:00:00.000Z';
    expect(runs).toEqual([
      {
        externalId: 'r-1',
        status: 'ACTIVE',
        startedAt,
        completedAt: null,
        coordinatorName: 'lead',
        coordinatorExternalId: 'session-lead',
      },
      {
        externalId: 'r-2',
        status: 'FAILED',
        startedAt,
        completedAt: '2026-02-14T11:00:00.000Z',
        coordinatorName: 'chief',
        coordinatorExternalId: null,
      },
    ]);
    expect(sessions).toMatchObject([
      { runExternalId: 'r-1', metadata: {} },
      { runExternalId: null, metadata: { runId: 'gone' } },
    ]);
  });

  it('whose end was not noted was over when its last session was heard of', async () => {
    const last = { run_id: 'r', state: 'completed', last_activity: '2026-02-14T12:00:00.000Z' };
    const { runs } = await stored(run('r', { status: 'completed' }), session('a', { run_id: 'r' }), session('b', last));
    expect(runs).toMatchObject([{ status: 'COMPLETED', completedAt: '2026-02-14T12:00:00.000Z' }]);
    expect(await stored(run('r', { status: 'completed' }))).toMatchObject({
      runs: [{ completedAt: '2026-02-14T09:00:00.000Z' }],
    });
  });

  it('that its coordinator left behind for another does not bear its name', async () => {
    const { runs } = await stored(
      run('r-1', { coordinator_name: 'lead', status: 'completed' }),
      run('r-2', { coordinator_name: 'lead' }),
      run('r-3', { coordinator_name: 'lead', started_at: '2026-02-15T09:00:00.000Z' }),
    );
    expect(runs.map(({ coordinatorName }) => coordinatorName)).toEqual(['lead', null, 'lead']);
  });
});

describe('a database', () => {
  it('may have been made before there were runs', async () => {
    const path = databasePath();
    await withDatabase(path, `${TABLES} DROP TABLE runs; ${session('a')}`);
    expect(await readOverstory(path)).toMatchObject({ runs: [], sessions: [{ agentName: 'a' }] });
  });

  it('is read with what was committed and lies beside it still, and is left as it was', async () => {
    const [live, path] = [databasePath(), databasePath()];
    const setUp = 'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;';
    await withDatabase(live, `${setUp} ${TABLES} ${session('a')} ${session('b')}`, async () => {
      for (const suffix of ['', '-wal']) await copyFile(live + suffix, path + suffix);
    });
    const before = [await readFile(path), await readFile(`${path}-wal`), await readdir(folder.path)];

    expect((await readOverstory(path)).sessions.map(({ agentName }) => agentName)).toEqual(['a', 'b']);

    expect([await readFile(path), await readFile(`${path}-wal`), await readdir(folder.path)]).toEqual(before);
  });

  it('is refused wherever it is cut off', async () => {
    const path = databasePath();
    const many = Array.from({ length: 100 }, (_, n) => session(`agent-${n}`)).join('\n');
    await withDatabase(path, TABLES + many);
    const whole = await readFile(path);
    for (const length of [1, 15, 16, 99, 100, 1000, 4096, 4097, 8192, whole.length - 4096, whole.length - 1]) {
      const cut = await folder.write('cut.db', whole.subarray(0, length));
      await expect(readOverstory(cut), `cut off after ${length} bytes`).rejects.toThrow(ForeignFileError);
    }
  });

  it('is refused where it is damaged', async () => {
    const path = databasePath();
    await withDatabase(path, TABLES + session('a'));
    const bytes = await readFile(path);
    bytes.fill(0xa5, 4096, 4200);
    await expect(readOverstory(await folder.write('damaged.db', bytes))).rejects.toThrow(/damaged or cut off/);
  });

  it.each(['CREATE TABLE a (b);', 'CREATE TABLE sessions (id TEXT, user_id TEXT);'])(
    'is refused where it is another program’s: %s',
    async (sql) => {
      const path = databasePath();
      await withDatabase(path, sql);
      await expect(readOverstory(path)).rejects.toThrow(/^The file is a database, but not overstory’s/);
    },
  );
});

describe('a file', () => {
  it.each([
    ['', 'is neither an SQLite database nor JSON, or it is cut off'],
    ['# Notes', 'is neither'],
    [JSON.stringify([entry('a'), entry('b')]).slice(0, -20), 'it is cut off'],
    ['{"sessions": []}', 'it is no list of sessions'],
    ['[1]', 'it is no list of sessions'],
    ['[null]', 'it is no list of sessions'],
    ['[[]]', 'Session 1 of the file is not overstory’s: its id is missing'],
    ['[{"name": "a"}]', 'its id is missing'],
    [
      JSON.stringify([entry('a'), entry('b', { agentName: '' })]),
      'Session 2 of the file is not overstory’s: its agentName',
    ],
    [JSON.stringify([entry('a', { state: 'asleep' })]), 'its state is none that overstory knows, but booting, working'],
    [JSON.stringify([entry('a', { state: 'toString' })]), 'its state is none'],
    [JSON.stringify([entry('a', { startedAt: 'yesterday' })]), 'its startedAt is no time'],
    [JSON.stringify([entry('a', { startedAt: '2026-02-14 09:00:00' })]), 'its startedAt is no time'],
    [JSON.stringify([entry('a', { lastActivity: null })]), 'its lastActivity is missing'],
    [JSON.stringify([entry('a', { pid: 1.5 })]), 'its pid is no integer'],
    [JSON.stringify([entry('a', { taskId: 7 })]), 'its taskId is no text'],
  ])('is refused whole with a sentence: %j', async (text, reason) => {
    const refusal = readOverstory(await folder.write('refused.json', text));
    await expect(refusal).rejects.toThrow(ForeignFileError);
    await expect(refusal).rejects.toThrow(reason);
    await expect(refusal).rejects.toThrow(/^(The file|Session \d+ of the file) .*\.$/);
  });

  it('that is not there is the caller’s to tell', async () => {
    await expect(readOverstory(join(folder.path, 'gone.db'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('of no sessions is no fault', async () => {
    expect(await listed()).toEqual({ source: 'overstory', runs: [], sessions: [] });
    expect(await stored()).toEqual({ source: 'overstory', runs: [], sessions: [] });
  });
});
