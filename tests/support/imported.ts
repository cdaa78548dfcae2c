import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createClient, type Client } from '../../src/client/client.js';
import type { App } from '../../src/app.js';
import { startApp } from './app.js';
import { createDatabase } from './postgres.js';
import { query } from './sql.js';

type Row = Record<string, unknown>;

/** What imports have made, without what differs from one time to the next: ids, positions and the service's own times. */
export interface Imported {
  sessions: Row[];
  events: Row[];
  runs: Row[];
  commands: Row[];
  checkpoints: Row[];
}

const SESSIONS = `
  SELECT s.external_id, s.kind, s.assistant, s.provider_session_id, s.title, s.capability, s.worktree_path, s.branch_name,
    s.transcript_path, s.metadata, s.state, s.start_reason, s.started_at, s.end_reason, s.outcome, s.ended_at,
    s.chain_index, s.depth, parent.external_id AS parent, spawner.external_id AS spawner, r.external_id AS run,
    c.platform, c.external_id AS conversation
  FROM sessions s
  LEFT JOIN sessions parent ON parent.id = s.parent_id
  LEFT JOIN sessions spawner ON spawner.id = s.spawned_by_id
  LEFT JOIN runs r ON r.id = s.run_id
  LEFT JOIN conversations c ON c.id = s.conversation_id
  ORDER BY s.external_id COLLATE "C"`;

const EVENTS = `
  SELECT s.external_id AS session, e.sequence, e.type, e.level, e.tool_name, e.dedupe_key, cause.dedupe_key AS cause,
    CASE WHEN e.dedupe_key IS NOT NULL THEN e.data END AS data,
    CASE WHEN e.dedupe_key IS NOT NULL THEN e.occurred_at END AS occurred_at
  FROM events e
  JOIN sessions s ON s.id = e.session_id
  LEFT JOIN events cause ON cause.id = e.cause_id
  ORDER BY s.external_id COLLATE "C", e.sequence`;

const RUNS = 'SELECT external_id, status, started_at, completed_at FROM runs ORDER BY external_id COLLATE "C"';

const COMMANDS = `
  SELECT s.external_id AS session, c.sequence, c.command_type, c.action, c.tool_name, c.parameters, c.result, c.success,
    c.error_message, c.execution_time_ms, c.source, c.dedupe_key, c.created_at
  FROM commands c
  JOIN sessions s ON s.id = c.session_id
  ORDER BY s.external_id COLLATE "C", c.sequence`;

const CHECKPOINTS = `
  SELECT s.external_id AS session, c.sequence, c.type, c.trigger, c.summary, c.work_state, c.metadata, c.branch_name,
    c.event_sequence, c.created_at
  FROM checkpoints c
  JOIN sessions s ON s.id = c.session_id
  ORDER BY s.external_id COLLATE "C", c.sequence`;

/** A server on a database of its own, to import into. */
export interface Target extends App, AsyncDisposable {
  databaseUrl: string;
  client: Client;
  imported(): Promise<Imported>;
  /** How far the log has grown. */
  position(): Promise<number>;
}

export async function startTarget(): Promise<Target> {
  const database = await createDatabase();
  const app = await startApp({ databaseUrl: database.url });
  const read = (sql: string): Promise<Row[]> => query(database.url, sql);
  return {
    ...app,
    databaseUrl: database.url,
    client: createClient({ url: app.url }),
    imported: async () => ({
      sessions: await read(SESSIONS),
      events: await read(EVENTS),
      runs: await read(RUNS),
      commands: await read(COMMANDS),
      checkpoints: await read(CHECKPOINTS),
    }),
    position: async () =>
      Number((await read("SELECT log_position FROM projects WHERE slug = 'default'"))[0]!.log_position),
    async [Symbol.asyncDispose]() {
      await app.close();
      await database.drop();
    },
  };
}

/** A folder of a test's own, with a space in its name. */
export interface Folder extends AsyncDisposable {
  path: string;
  /** Writes a file in it, or appends to it; answers with its path. */
  write(name: string, content: string | Buffer, options?: { append?: boolean }): Promise<string>;
}

export async function makeFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'life line '));
  return {
    path,
    async write(name, content, { append = false } = {}) {
      const file = join(path, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content, { flag: append ? 'a' : 'w' });
      return file;
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
