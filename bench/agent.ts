// More sessions than the conversations have: agents that live, each WORKING and told of by two entries of the log.
import pg from 'pg';

export interface Agents {
  readonly projectId: string;
  readonly count: number;
  /** Null: its silence never matters. */
  readonly stallAfterSeconds?: number | null;
  readonly silentForSeconds?: number;
}

// Where they are many, those after the first are planned for by what is known of these.
const BATCH = 1_000;

const ADD = `
  WITH planned AS MATERIALIZED (
    SELECT uuidv7() AS id, now() - make_interval(secs => $3) AS since FROM generate_series(1, $2)
  ), made AS (
    INSERT INTO sessions (project_id, id, kind, state, state_changed_at, version, started_at, start_reason, chain_root_id,
      stall_after_seconds)
    SELECT $1, id, 'AGENT', 'WORKING', since, 2, since, 'REGISTERED', id, $4 FROM planned
  ), pulse AS (
    INSERT INTO pulses (project_id, session_id, last_heartbeat_at, last_activity_at, event_sequence, steady, quiet,
      look_after_seconds, context_percent, recorded_context)
    SELECT $1, id, since, since, 2, true, true, $4, 50, 50 FROM planned
  ), head AS (
    UPDATE projects SET log_position = log_position + 2 * $2 WHERE id = $1 RETURNING log_position - 2 * $2 AS base
  ), told AS (
    INSERT INTO events (project_id, position, id, session_id, sequence, type, data, occurred_at, recorded_at, size_bytes)
    SELECT $1, base + row_number() OVER (ORDER BY p.id, t.sequence), uuidv7(), p.id, t.sequence, t.type, t.data, since,
      since, octet_length(t.data::text) + 2
    FROM head, planned p, (VALUES
      (1, 'SESSION_STARTED'::event_type,
        '{"from": null, "to": "BOOTING", "reason": "REGISTERED", "contextPercent": 50}'::jsonb),
      (2, 'SESSION_STATE_CHANGED', '{"from": "BOOTING", "to": "WORKING"}')) t (sequence, type, data)
  )
  SELECT id FROM planned ORDER BY id`;

/** Adds them, and answers with their uuids. */
export async function addAgents(databaseUrl: string, agents: Agents): Promise<string[]> {
  const { projectId, count, stallAfterSeconds = null, silentForSeconds = 0 } = agents;
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const ids: string[] = [];
    while (ids.length < count) {
      const batch = Math.min(BATCH, count - ids.length);
      const { rows } = await client.query<{ id: string }>(ADD, [projectId, batch, silentForSeconds, stallAfterSeconds]);
      if (ids.length === 0 && batch < count) await client.query('ANALYZE');
      ids.push(...rows.map(({ id }) => id));
    }
    return ids;
  } finally {
    await client.end();
  }
}
