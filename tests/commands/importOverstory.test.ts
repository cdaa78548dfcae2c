import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sqlite from 'node-sqlite3-wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeFolder, startTarget, type Folder, type Target } from '../support/imported.js';
import { run } from '../support/program.js';
import { query } from '../support/sql.js';

const REAL_FOLDER = fileURLToPath(new URL('../../../shared/data/overstory/', import.meta.url));
const hasRealFiles = existsSync(REAL_FOLDER);
if (!hasRealFiles) process.stderr.write(`\n!! NOT TESTED on overstory's own files: there is no ${REAL_FOLDER}\n\n`);

const lifeline = (...args: string[]) => run(['import', 'overstory', ...args]);

const SESSIONS = `
  SELECT s.external_id, s.agent_name, s.capability, s.task_id, s.state, s.worktree_path, s.branch_name, s.tmux_session, s.pid,
    s.depth, spawner.agent_name AS spawner, r.external_id AS run, s.started_at, p.last_activity_at, s.stalled_since,
    s.escalation_level, s.start_reason, s.end_reason, s.outcome, s.ended_at
  FROM sessions s
  JOIN pulses p ON p.session_id = s.id
  LEFT JOIN sessions spawner ON spawner.id = s.spawned_by_id
  LEFT JOIN runs r ON r.id = s.run_id
  ORDER BY s.external_id`;

const RUNS = `
  SELECT r.external_id, r.status, r.started_at, r.completed_at, s.external_id AS coordinator
  FROM runs r LEFT JOIN sessions s ON s.id = r.coordinator_session_id
  ORDER BY r.external_id`;

/** A row of either file, its keys in snake case, as it is in the one and not in the other. */
type Row = Record<string, string | number | null>;

/** How the session of a row is expected to stand here. */
function expected(row: Row): Record<string, unknown> {
  const date = (at: Row[string] | undefined) => (at == null ? null : new Date(at));
  const isStalled = row.state === 'stalled';
  const hasEnded = row.state === 'completed';
  return {
    external_id: row.id,
    agent_name: row.agent_name,
    capability: row.capability,
    task_id: row.bead_id,
    state: String(row.state).toUpperCase(),
    worktree_path: row.worktree_path,
    branch_name: row.branch_name,
    tmux_session: row.tmux_session,
    pid: row.pid,
    depth: row.depth,
    spawner: row.parent_agent,
    run: row.run_id ?? null,
    started_at: date(row.started_at),
    last_activity_at: date(row.last_activity),
    stalled_since: isStalled ? date(row.stalled_since) : null,
    escalation_level: isStalled ? row.escalation_level : null,
    start_reason: 'IMPORTED',
    end_reason: hasEnded ? 'FINISHED' : null,
    outcome: hasEnded ? 'UNKNOWN' : null,
    ended_at: hasEnded ? date(row.last_activity) : null,
  };
}

const snake = (row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  );

const byId = (one: Row, other: Row) => (String(one.id) < String(other.id) ? -1 : 1);

describe.skipIf(!hasRealFiles)("lifeline import overstory, of overstory's own", () => {
  let folder: Folder;
  beforeAll(async () => {
    folder = await makeFolder();
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  /** What is in the tables of the database, read by nothing that the importer is made of. */
  async function readTables(): Promise<{ sessions: Row[]; runs: Row[] }> {
    const copy = await folder.write('sessions.db', await readFile(`${REAL_FOLDER}sessions.db`));
    const database = new sqlite.Database(copy);
    try {
      const [sessions, runs] = ['sessions', 'runs'].map((table) => database.all(`SELECT * FROM ${table} ORDER BY id`));
      return { sessions: sessions as unknown as Row[], runs: runs as unknown as Row[] };
    } finally {
      database.close();
    }
  }

  it('database brings 16 sessions and 2 runs as they stand there', async () => {
    await using target = await startTarget();
    const { code, stdout, stderr } = await lifeline(`${REAL_FOLDER}sessions.db`, '--url', target.url);
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.slice(0, -1).map((line) => line.split('\t').slice(0, 2).join(' '))).toEqual([
      ...Array<string>(2).fill('created run'),
      ...Array<string>(16).fill('created session'),
    ]);
    expect(lines.at(-1)).toBe('18 created, 0 unchanged');

    const file = await readTables();
    expect(file.sessions).toHaveLength(16);
    expect(await query(target.databaseUrl, SESSIONS)).toEqual(file.sessions.map(expected));
    expect(await query(target.databaseUrl, RUNS)).toEqual(
      file.runs.map((row) => ({
        external_id: row.id,
        status: String(row.status).toUpperCase(),
        started_at: new Date(row.started_at!),
        completed_at: row.completed_at == null ? null : new Date(row.completed_at),
        coordinator: row.coordinator_session_id,
      })),
    );
  });

  it('older file brings 11 sessions as they stand there', async () => {
    await using target = await startTarget();
    const { code, stdout } = await lifeline(`${REAL_FOLDER}sessions.json`, '--url', target.url, '--json');
    expect(code).toBe(0);
    const file = JSON.parse(await readFile(`${REAL_FOLDER}sessions.json`, 'utf8')) as Row[];
    expect(file).toHaveLength(11);
    expect(JSON.parse(stdout)).toMatchObject({
      created: 11,
      unchanged: 0,
      rows: file.map(({ id, state }) => ({
        result: 'created',
        kind: 'session',
        externalId: id,
        state: String(state).toUpperCase(),
      })),
    });
    expect(await query(target.databaseUrl, SESSIONS)).toEqual(file.map(snake).sort(byId).map(expected));
  });

  it.each(['sessions.db', 'sessions.json'])('%s adds nothing a second time, and says so of every row', async (name) => {
    await using target = await startTarget();
    await lifeline(REAL_FOLDER + name, '--url', target.url);
    const position = await target.position();
    const before = await target.imported();
    const { code, stdout } = await lifeline(REAL_FOLDER + name, '--url', target.url, '--json');
    expect(code).toBe(0);
    const { created, unchanged, rows } = JSON.parse(stdout) as { created: number; unchanged: number; rows: Row[] };
    expect([created, unchanged]).toEqual([0, rows.length]);
    expect(new Set(rows.map(({ result }) => result))).toEqual(new Set(['unchanged']));
    expect(await target.position()).toBe(position);
    expect(await target.imported()).toEqual(before);
  });

  it.each(['sessions.db', 'sessions.json'])('%s is refused whole where it is cut off', async (name) => {
    await using target = await startTarget();
    const whole = await readFile(REAL_FOLDER + name);
    for (const share of [0.2, 0.5, 0.95]) {
      const path = await folder.write(`cut ${name}`, whole.subarray(0, Math.floor(whole.length * share)));
      const { code, stdout, stderr } = await lifeline(path, '--url', target.url);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^lifeline: .*cut off\.\n$/);
    }
    expect(await target.position()).toBe(0);
  });
});

describe('lifeline import overstory', () => {
  let target: Target;
  let folder: Folder;
  beforeAll(async () => {
    target = await startTarget();
    folder = await makeFolder();
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it.each([
    ['text', 'Hello'],
    ['nothing', ''],
    ['other JSON', '{"name": "lifeline"}'],
    ['a list of something else', '[{"name": "lifeline"}]'],
    ['a transcript', '{"type": "user"}\n{"type": "assistant"}\n'],
  ])('refuses a file of %s with a sentence that names it', async (_, content) => {
    const path = await folder.write('foreign.json', content);
    const { code, stdout, stderr } = await lifeline(path, '--url', target.url);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(new RegExp(`^lifeline: ${path}: [A-Z].*\\.\n$`));
    expect(await target.position()).toBe(0);
  });

  it("refuses a database that is not overstory's", async () => {
    const path = `${folder.path}/foreign.db`;
    const database = new sqlite.Database(path);
    database.exec('CREATE TABLE customers (id TEXT)');
    database.close();
    const { code, stderr } = await lifeline(path, '--url', target.url);
    expect(code).toBe(1);
    expect(stderr).toContain('is a database, but not overstory');
  });

  it.each([
    ['nothing is there', '/nowhere.db'],
    ['a folder is there', import.meta.dirname],
  ])('is misused, with status 2, where %s', async (_, path) => {
    const { code, stderr } = await lifeline(path, '--url', target.url);
    expect([code, stderr]).toEqual([2, `lifeline: There is no file ${path}.\n`]);
  });
});
