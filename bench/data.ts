// The data that is there before anything is measured, made by the database itself with all its constraints and triggers on.
// Conversations go on at the same time, a session after the other, so that the events of one session lie scattered in the
// log, as they do in life.
import pg from 'pg';

export interface Sizes {
  readonly sessions: number;
  readonly conversations: number;
  readonly runs: number;
  readonly events: number;
  /** The sessions of one more conversation, a single chain. */
  readonly chain: number;
}

const SESSIONS_PER_CONVERSATION = 20;
const CONVERSATIONS_PER_RUN = 10;
const EVENTS_PER_SESSION = 10;
const EVENTS_PER_LINK = 3;
const CHAIN = 1_000;

export function sizesOf(sessions: number): Sizes {
  const conversations = sessions / SESSIONS_PER_CONVERSATION;
  return {
    sessions,
    conversations,
    runs: conversations / CONVERSATIONS_PER_RUN,
    events: sessions * EVENTS_PER_SESSION,
    chain: CHAIN,
  };
}

/** The rows that the cases ask for: uuids, and the names that they are known by. */
export interface Samples {
  /** Their names in GraphQL are `encodeId('Project', id)` and so on. */
  readonly project: Sample;
  /** Projects without anything in them, to be written into. */
  readonly emptyProjects: readonly Sample[];
  readonly sessions: readonly { readonly id: string; readonly externalId: string }[];
  readonly conversations: readonly { readonly id: string; readonly platform: string; readonly externalId: string }[];
  readonly runs: readonly { readonly id: string }[];
  /** The newest session of the chain. */
  readonly chainEnd: { readonly id: string };
}

export interface Sample {
  readonly id: string;
  readonly slug: string;
}

const EMPTY_PROJECTS = 16;
const SAMPLES = 500;

// What happens when, as a part of the time from the first session to the last: `k` is the sequence of an event.
const at = (k: string): string => `(slot + width * (${k} - 1 + lane / (SELECT max(lane) + 1.0 FROM planned)) / events)`;
const timeOf = (k: string): string => `now() - interval '30 days' + interval '29 days' * ${at(k)}`;

const START_REASON = `CASE wave WHEN 0 THEN 'FIRST_MESSAGE' ELSE 'CONTEXT_COMPACTED' END`;
const CONTEXT_PERCENT = 50;

const insertSessions = (project: string, waves: string): string => `
    INSERT INTO sessions (project_id, id, kind, agent_name, external_id, assistant, title, branch_name, metadata, state,
      state_changed_at, version, started_at, start_reason, ended_at, end_reason, outcome, ended_by, parent_id,
      chain_root_id, chain_index, conversation_id, run_id)
    SELECT '${project}', id, 'AGENT', 'agent-' || lane, 'session-' || lane || '-' || wave, 'claude-code',
      'Session ' || wave || ' of thread ' || lane, 'feature/' || lane, jsonb_build_object('wave', wave),
      CASE WHEN open THEN 'WORKING' ELSE 'COMPLETED' END::lifecycle_state,
      CASE WHEN open THEN ${timeOf('2')} ELSE ${timeOf('events')} END, CASE WHEN open THEN 2 ELSE 3 END, ${timeOf('1')},
      ${START_REASON}::start_reason,
      CASE WHEN NOT open THEN ${timeOf('events')} END, CASE WHEN NOT open THEN 'CONTEXT_COMPACTED'::end_reason END,
      CASE WHEN NOT open THEN 'UNKNOWN'::outcome END, CASE WHEN NOT open THEN 'bench' END,
      parent_id, root_id, wave, conversation_id, run_id
    FROM planned JOIN lanes USING (lane) WHERE ${waves} ORDER BY planned.id`;

const STATEMENTS = (project: string, { conversations, chain }: Sizes): string[] => [
  // A lane is a conversation, a wave the sessions that are open at the same time; the last lane is the chain.
  `CREATE TEMP TABLE planned AS
    SELECT *, lag(id) OVER w AS parent_id, first_value(id) OVER w AS root_id, lead(id) OVER w IS NULL AS open
    FROM (
      SELECT wave, lane, uuidv7() AS id, events, wave / waves AS slot, 1 / waves AS width
      FROM (
        SELECT lane, wave, waves::float8 AS waves, events
        FROM (
          SELECT generate_series(1, ${conversations}) AS lane, ${SESSIONS_PER_CONVERSATION} AS waves,
            ${EVENTS_PER_SESSION} AS events
          UNION ALL SELECT ${conversations + 1}, ${chain}, ${EVENTS_PER_LINK}
        ) lanes CROSS JOIN LATERAL generate_series(0, waves - 1) wave
        ORDER BY wave / waves::float8, lane
      ) places
    ) numbered
    WINDOW w AS (PARTITION BY lane ORDER BY wave)`,
  `CREATE TEMP TABLE lanes AS
    SELECT lane, uuidv7() AS conversation_id, NULL::uuid AS run_id FROM (SELECT DISTINCT lane FROM planned ORDER BY lane) l`,
  `CREATE TEMP TABLE planned_runs AS
    SELECT number, uuidv7() AS id FROM generate_series(0, ${conversations} / ${CONVERSATIONS_PER_RUN}) number`,
  `UPDATE lanes SET run_id = r.id FROM planned_runs r WHERE r.number = (lane - 1) / ${CONVERSATIONS_PER_RUN}`,
  `ANALYZE planned, lanes`,
  `INSERT INTO conversations (project_id, id, platform, external_id, title, created_at, last_activity_at)
    SELECT '${project}', conversation_id, 'bench', 'thread-' || lane, 'Thread ' || lane, now() - interval '30 days', now()
    FROM lanes ORDER BY lane`,
  `INSERT INTO runs (project_id, id, external_id, description, coordinator_name, started_at)
    SELECT '${project}', id, 'run-' || number, 'Run ' || number, 'coordinator-' || number, now() - interval '30 days'
    FROM planned_runs ORDER BY number`,
  // Triggers and foreign keys plan their look-ups by what is known of a table: not for one that is still empty.
  `ANALYZE conversations, runs`,
  insertSessions(project, 'wave = 0'),
  `ANALYZE sessions`,
  insertSessions(project, 'wave > 0'),
  `ANALYZE sessions`,
  `INSERT INTO pulses (project_id, session_id, last_heartbeat_at, last_activity_at, context_percent, recorded_context,
      event_sequence, steady, look_after_seconds)
    SELECT '${project}', id, ${timeOf('events')}, ${timeOf('events')}, ${CONTEXT_PERCENT}, ${CONTEXT_PERCENT}, events, open,
      NULL FROM planned ORDER BY id`,
  `INSERT INTO events (project_id, position, id, run_id, conversation_id, type, data, occurred_at, recorded_at, size_bytes)
    SELECT '${project}', row_number() OVER (ORDER BY run_id, conversation_id), uuidv7(), run_id, conversation_id,
      type::event_type, data, now() - interval '30 days', now() - interval '30 days', octet_length(data::text) + 2
    FROM (
      SELECT id AS run_id, NULL AS conversation_id, 'RUN_STARTED' AS type,
        jsonb_build_object('coordinatorName', 'coordinator-' || number) AS data FROM planned_runs
      UNION ALL SELECT NULL, conversation_id, 'CONVERSATION_OPENED', '{}' FROM lanes
    ) openings`,
  `INSERT INTO events (project_id, position, id, session_id, sequence, run_id, conversation_id, type, tool_name, data,
      occurred_at, recorded_at, size_bytes)
    SELECT '${project}', opened + row_number() OVER (ORDER BY at, lane), uuidv7(), id, k, run_id, conversation_id,
      type::event_type, CASE WHEN type LIKE 'TOOL_%' THEN 'Edit' END, data, time, time, octet_length(data::text) + 2
    FROM (
      SELECT *, CASE type
        WHEN 'SESSION_STARTED' THEN jsonb_build_object('from', NULL, 'to', 'BOOTING', 'reason', ${START_REASON},
          'contextPercent', ${CONTEXT_PERCENT})
        WHEN 'SESSION_STATE_CHANGED' THEN jsonb_build_object('from', 'BOOTING', 'to', 'WORKING')
        WHEN 'SESSION_ENDED' THEN jsonb_build_object('from', 'WORKING', 'to', 'COMPLETED', 'reason', 'CONTEXT_COMPACTED',
          'outcome', 'UNKNOWN', 'by', 'bench', 'note', NULL)
        ELSE jsonb_build_object('step', k, 'path', 'src/module' || lane || '/part' || wave || '.ts',
          'text', 'Looks for what the failing test of thread ' || lane || ' expects, and mends it.') END AS data
      FROM (
        SELECT id, lane, wave, k, ${at('k')} AS at, ${timeOf('k')} AS time, CASE
          WHEN k = 1 THEN 'SESSION_STARTED' WHEN k = 2 THEN 'SESSION_STATE_CHANGED'
          WHEN k = events AND NOT open THEN 'SESSION_ENDED'
          ELSE (ARRAY['TOOL_STARTED', 'TOOL_ENDED', 'ASSISTANT_MESSAGE', 'PROGRESS'])[k % 4 + 1] END AS type
        FROM planned CROSS JOIN LATERAL generate_series(1, events) k
      ) typed
    ) told JOIN lanes USING (lane),
      (SELECT count(*) AS opened FROM events WHERE project_id = '${project}') o
    ORDER BY at, lane`,
  `UPDATE projects SET log_position = (SELECT count(*) FROM events WHERE project_id = '${project}') WHERE id = '${project}'`,
  `DROP TABLE planned, lanes, planned_runs`,
];

/** Fills an empty database that is migrated. What it makes is steady: nothing becomes due by its silence. */
export async function load(databaseUrl: string, sizes: Sizes, say: (line: string) => void): Promise<Samples> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const slugs = ['default', ...Array.from({ length: EMPTY_PROJECTS }, (_, index) => `bench-${index + 1}`)];
    const { rows } = await client.query<Sample>(
      'INSERT INTO projects (id, slug, name) SELECT uuidv7(), slug, slug FROM unnest($1::text[]) slug RETURNING id, slug',
      [slugs],
    );
    const [project, ...emptyProjects] = rows;
    if (!project) throw new Error('there is no project to fill');
    await client.query('BEGIN');
    for (const statement of STATEMENTS(project.id, sizes)) {
      const begun = performance.now();
      const { rowCount } = await client.query(statement);
      if (rowCount) say(`  ${/^[A-Z ]*\w+/.exec(statement.trim())?.[0]}: ${rowCount} rows, ${seconds(begun)} s`);
    }
    await client.query('COMMIT');
    await client.query('VACUUM (ANALYZE)');
    await client.query('CHECKPOINT');
    return { project, emptyProjects, ...(await pick(client, project.id)) };
  } finally {
    await client.end();
  }
}

const seconds = (since: number): string => ((performance.now() - since) / 1_000).toFixed(1);

async function pick(client: pg.Client, project: string): Promise<Omit<Samples, 'project' | 'emptyProjects'>> {
  // The same in every run.
  const some = async <Row extends pg.QueryResultRow>(columns: string, table: string, where = 'true'): Promise<Row[]> =>
    (
      await client.query<Row>(
        `SELECT ${columns} FROM ${table} WHERE project_id = $1 AND ${where} ORDER BY md5(external_id) LIMIT ${SAMPLES}`,
        [project],
      )
    ).rows;
  const [chainEnd] = await some<{ id: string }>('id', 'sessions', `chain_index = ${CHAIN - 1}`);
  if (!chainEnd) throw new Error('there is no chain');
  return {
    chainEnd,
    sessions: await some('id, external_id AS "externalId"', 'sessions', 'parent_id IS NOT NULL'),
    conversations: await some('id, platform, external_id AS "externalId"', 'conversations'),
    runs: await some('id', 'runs'),
  };
}
