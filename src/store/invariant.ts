// What is always true of every project, as statements that look for where it is not: each answers with the project, what
// the breach is about, and what was found there; a healthy database gives no row for any. Where a purge has removed entries
// of the log, which `projects.log_purged` tells, only what came after it can be held to have no gap.
import { Prisma } from '../database/client.js';

export interface Invariant {
  readonly name: string;
  /** A sentence that is true of a healthy database. */
  readonly rule: string;
  /** Selects "projectId", "subject" and "found" of every breach. */
  readonly breaches: Prisma.Sql;
}

const invariant = (name: string, rule: string, breaches: Prisma.Sql): Invariant => ({ name, rule, breaches });

export const INVARIANTS: readonly Invariant[] = [
  // ─── At most one ───
  invariant(
    'open-conversation',
    'A conversation has at most one open session.',
    Prisma.sql`
      SELECT project_id AS "projectId", conversation_id::text AS subject, count(*) || ' open sessions' AS found
      FROM sessions WHERE ended_at IS NULL AND conversation_id IS NOT NULL
      GROUP BY project_id, conversation_id HAVING count(*) > 1`,
  ),
  invariant(
    'open-agent-name',
    'An agent name has at most one open session.',
    Prisma.sql`
      SELECT project_id AS "projectId", agent_name AS subject, count(*) || ' open sessions' AS found
      FROM sessions WHERE ended_at IS NULL AND agent_name IS NOT NULL
      GROUP BY project_id, agent_name HAVING count(*) > 1`,
  ),
  invariant(
    'handles',
    'A handle (instance id, external id) is the name of one session or one run of a project.',
    Prisma.sql`
      SELECT project_id AS "projectId", kind || ' ' || handle AS subject, count(*) || ' bearers' AS found
      FROM (
        SELECT project_id, 'instance id' AS kind, instance_id AS handle FROM sessions
        UNION ALL SELECT project_id, 'external id', external_id FROM sessions
        UNION ALL SELECT project_id, 'external id of a run', external_id FROM runs
      ) h WHERE handle IS NOT NULL GROUP BY project_id, kind, handle HAVING count(*) > 1`,
  ),
  invariant(
    'active-run',
    'A coordinator has at most one active run.',
    Prisma.sql`
      SELECT project_id AS "projectId", coordinator_name AS subject, count(*) || ' active runs' AS found
      FROM runs WHERE status = 'ACTIVE' AND coordinator_name IS NOT NULL
      GROUP BY project_id, coordinator_name HAVING count(*) > 1`,
  ),
  invariant(
    'open-saved-state',
    'A session has at most one open saved state, none once it has ended, and it sleeps with its session.',
    Prisma.sql`
      SELECT s.project_id AS "projectId", s.id::text AS subject,
        s.state || ' with ' || string_agg(v.status::text, ', ') AS found
      FROM saved_states v JOIN sessions s ON s.project_id = v.project_id AND s.id = v.session_id
      WHERE v.status IN ('ACTIVE', 'SUSPENDED')
      GROUP BY s.project_id, s.id, s.state
      HAVING count(*) > 1 OR s.state = 'COMPLETED' OR bool_or((v.status = 'SUSPENDED') <> (s.state = 'SUSPENDED'))`,
  ),
  invariant(
    'pending-handoff',
    'A session has at most one pending handoff, and none once it has ended.',
    Prisma.sql`
      SELECT s.project_id AS "projectId", s.id::text AS subject, s.state || ' with ' || count(*) || ' pending' AS found
      FROM handoffs h JOIN sessions s ON s.project_id = h.project_id AND s.id = h.from_id
      WHERE h.completed_at IS NULL AND h.cancelled_at IS NULL
      GROUP BY s.project_id, s.id, s.state HAVING count(*) > 1 OR s.state = 'COMPLETED'`,
  ),

  // ─── Facts that belong together ───
  invariant(
    'instance-id',
    'An instance id has the form of one.',
    Prisma.sql`
      SELECT project_id AS "projectId", id::text AS subject, left(instance_id, 200) AS found FROM sessions
      WHERE length(instance_id) > 128 OR instance_id !~ '^[a-z0-9][a-z0-9-]*-(PS|MS)-[a-z0-9]{6}$'`,
  ),
  invariant(
    'end-facts',
    'The facts of an end are there together, exactly where a session is COMPLETED, and not before its start.',
    Prisma.sql`
      SELECT project_id AS "projectId", id::text AS subject,
        concat_ws(', ', state, 'ended ' || ended_at, end_reason, outcome, 'by ' || ended_by) AS found
      FROM sessions
      WHERE (state = 'COMPLETED') <> (ended_at IS NOT NULL) OR (ended_at IS NULL) <> (end_reason IS NULL)
        OR (ended_at IS NULL) <> (outcome IS NULL) OR ended_at < started_at
        OR (ended_at IS NULL AND (ended_by IS NOT NULL OR end_note IS NOT NULL))`,
  ),
  invariant(
    'state-facts',
    'stalledSince is there exactly where a session is STALLED, zombieSince where it is ZOMBIE; a level is 0 to 3 and a stall’s.',
    Prisma.sql`
      SELECT project_id AS "projectId", id::text AS subject,
        concat_ws(', ', state, 'stalled ' || stalled_since, 'zombie ' || zombie_since, 'level ' || escalation_level)
          AS found
      FROM sessions
      WHERE (state = 'STALLED') <> (stalled_since IS NOT NULL) OR (state = 'ZOMBIE') <> (zombie_since IS NOT NULL)
        OR (state = 'STALLED') <> (escalation_level IS NOT NULL) OR escalation_level NOT BETWEEN 0 AND 3`,
  ),
  invariant(
    'chain',
    'A session follows an older one of its chain, by one; without a parent it is the root, unless that was purged.',
    Prisma.sql`
      SELECT s.project_id AS "projectId", s.id::text AS subject,
        'place ' || s.chain_index || coalesce(' after ' || p.chain_index, ' without a parent') AS found
      FROM sessions s JOIN projects j ON j.id = s.project_id
      LEFT JOIN sessions p ON p.project_id = s.project_id AND p.id = s.parent_id
      WHERE CASE WHEN s.parent_id IS NULL THEN
          (s.chain_index = 0) <> (s.chain_root_id = s.id) OR (s.chain_index > 0 AND j.log_purged = 0)
        ELSE s.chain_index <> p.chain_index + 1 OR s.chain_root_id <> p.chain_root_id OR p.ordinal >= s.ordinal END`,
  ),
  invariant(
    'spawn-tree',
    'A session is one deeper than the older one that spawned it; without one it is at the top, unless that was purged.',
    Prisma.sql`
      SELECT s.project_id AS "projectId", s.id::text AS subject,
        'depth ' || s.depth || coalesce(' under ' || p.depth, ' without a spawner') AS found
      FROM sessions s JOIN projects j ON j.id = s.project_id
      LEFT JOIN sessions p ON p.project_id = s.project_id AND p.id = s.spawned_by_id
      WHERE CASE WHEN s.spawned_by_id IS NULL THEN s.depth > 0 AND j.log_purged = 0
        ELSE s.depth <> p.depth + 1 OR p.ordinal >= s.ordinal END`,
  ),
  invariant(
    'pulse',
    'Every session has a pulse; it knows whether its session is steady, that no supervisor is quiet, and when to look; a context is 0 to 100 %.',
    Prisma.sql`
      SELECT s.project_id AS "projectId", s.id::text AS subject,
        s.state || CASE WHEN p.session_id IS NULL THEN ' without a pulse' ELSE
          ', steady ' || p.steady || ', quiet ' || p.quiet || ', look after ' || coalesce(p.look_after_seconds || ' s', 'nothing')
            || coalesce(', context ' || p.context_percent, '') END AS found
      FROM sessions s LEFT JOIN pulses p ON p.project_id = s.project_id AND p.session_id = s.id
      WHERE p.session_id IS NULL OR p.steady <> (s.state IN ('WORKING', 'SUSPENDED'))
        OR (p.quiet AND s.kind = 'SUPERVISOR') OR p.context_percent NOT BETWEEN 0 AND 100
        OR CASE WHEN s.state IN ('BOOTING', 'WORKING', 'STALLED')
          THEN least(s.stall_after_seconds, s.zombie_after_seconds) < coalesce(p.look_after_seconds, 2147483648)
          ELSE p.look_after_seconds IS NOT NULL END`,
  ),
  invariant(
    'run',
    'A run has an end exactly where it is not active.',
    Prisma.sql`
      SELECT project_id AS "projectId", id::text AS subject, concat_ws(', ', status, 'completed ' || completed_at) AS found
      FROM runs WHERE (status = 'ACTIVE') <> (completed_at IS NULL) OR completed_at < started_at`,
  ),
  invariant(
    'settled',
    'An approval, a signal and a handoff are settled in one way only.',
    Prisma.sql`
      SELECT project_id AS "projectId", id::text AS subject, 'approval ' || status AS found FROM approvals
      WHERE (status = 'PENDING') <> (resolved_at IS NULL) OR (status = 'RESOLVED') <> (resolution IS NOT NULL)
      UNION ALL
      SELECT project_id, id::text, 'signal both acknowledged and cancelled' FROM signals
      WHERE acknowledged_at IS NOT NULL AND cancelled_at IS NOT NULL
      UNION ALL
      SELECT project_id, id::text, 'handoff' FROM handoffs
      WHERE (completed_at IS NOT NULL AND cancelled_at IS NOT NULL) OR (completed_at IS NULL AND to_id IS NOT NULL)
        OR to_id = from_id`,
  ),

  // ─── The log ───
  invariant(
    'positions',
    'The positions of a log are 1, 2, 3, … to its head, each once, and it knows where it starts.',
    Prisma.sql`
      SELECT j.id AS "projectId", j.slug AS subject,
        concat('head ', j.log_position, ', start ', j.log_start, ', purged to ', j.log_purged, ', events ', e.count,
          ' of ', e.first, ' to ', e.last, ', after the purge ', e.kept) AS found
      FROM projects j CROSS JOIN LATERAL (
        SELECT count(*) AS count, min(position) AS first, max(position) AS last,
          count(*) FILTER (WHERE position > j.log_purged) AS kept,
          count(DISTINCT position) FILTER (WHERE position > j.log_purged) AS places
        FROM events WHERE project_id = j.id
      ) e
      WHERE e.kept <> j.log_position - j.log_purged OR e.places <> e.kept
        OR coalesce(e.last, j.log_purged) > j.log_position OR e.first < 1
        OR j.log_start <> coalesce(e.first, j.log_position + 1)`,
  ),
  invariant(
    'sequences',
    'The sequences of a session’s events are 1, 2, 3, … to its counter, in the order of their positions.',
    Prisma.sql`
      SELECT p.project_id AS "projectId", p.session_id::text AS subject,
        concat('counter ', p.event_sequence, ', events ', e.count, ' of ', e.first, ' to ', e.last,
          CASE WHEN e.disordered THEN ', out of order' END) AS found
      FROM pulses p JOIN projects j ON j.id = p.project_id
      JOIN sessions s ON s.project_id = p.project_id AND s.id = p.session_id
      CROSS JOIN LATERAL (
        SELECT count(*) AS count, min(sequence) AS first, max(sequence) AS last, bool_or(sequence <= before) AS disordered,
          count(*) FILTER (WHERE after_purge) AS kept, min(sequence) FILTER (WHERE after_purge) AS kept_first
        FROM (
          SELECT sequence, position > j.log_purged AS after_purge, lag(sequence) OVER (ORDER BY position) AS before
          FROM events WHERE project_id = p.project_id AND session_id = p.session_id
        ) o
      ) e
      WHERE e.disordered OR e.last > p.event_sequence OR e.first < 1
        OR CASE WHEN s.ended_at IS NULL OR j.log_purged = 0 THEN e.count <> p.event_sequence OR e.first <> 1
          ELSE e.kept > 0 AND (e.last <> p.event_sequence OR e.kept <> e.last - e.kept_first + 1) END`,
  ),
  invariant(
    'record-sequences',
    'The sequences of a session’s commands are 1, 2, 3, … to its counter; those of its checkpoints end there.',
    Prisma.sql`
      SELECT p.project_id AS "projectId", p.session_id::text AS subject,
        concat('commands ', c.count, ' to ', c.last, ' of ', p.command_sequence,
          ', checkpoints ', k.count, ' to ', k.last, ' of ', p.checkpoint_sequence) AS found
      FROM pulses p
      CROSS JOIN LATERAL (
        SELECT count(DISTINCT sequence) AS count, coalesce(max(sequence), 0) AS last FROM commands
        WHERE project_id = p.project_id AND session_id = p.session_id
      ) c CROSS JOIN LATERAL (
        SELECT count(*) AS count, count(DISTINCT sequence) AS places, coalesce(max(sequence), 0) AS last FROM checkpoints
        WHERE project_id = p.project_id AND session_id = p.session_id
      ) k
      WHERE c.count <> p.command_sequence OR c.last <> p.command_sequence
        OR k.last <> p.checkpoint_sequence OR k.places <> k.count`,
  ),
  invariant(
    'log-references',
    'An event carries the run and the conversation of its session, and no event is its own cause.',
    Prisma.sql`
      SELECT e.project_id AS "projectId", e.position::text AS subject, e.type::text AS found
      FROM events e LEFT JOIN sessions s ON s.project_id = e.project_id AND s.id = e.session_id
      WHERE (e.session_id IS NOT NULL AND (e.run_id, e.conversation_id) IS DISTINCT FROM (s.run_id, s.conversation_id))
        OR (e.session_id IS NULL) <> (e.sequence IS NULL) OR e.cause_id = e.id
        OR (e.type = 'CUSTOM' AND e.name IS NULL)`,
  ),
  invariant(
    'one-event-per-change',
    'Each change of a session’s state is one event: it leads from where the last one led, and the last to where the row is.',
    Prisma.sql`
      SELECT project_id AS "projectId", session_id::text AS subject, found FROM (
        SELECT s.project_id, s.id AS session_id, s.state::text, j.log_purged = 0 OR s.ended_at IS NULL AS whole,
          e.type, e.origin, e.target, e.before, e.is_last,
          concat(e.type, ' ', coalesce(e.origin, '–'), ' → ', e.target, ' after ', coalesce(e.before, 'nothing'),
            ', row ', s.state) AS found
        FROM sessions s JOIN projects j ON j.id = s.project_id
        LEFT JOIN LATERAL (
          SELECT type, data ->> 'from' AS origin, data ->> 'to' AS target,
            lag(data ->> 'to') OVER (ORDER BY sequence) AS before, lead(sequence) OVER (ORDER BY sequence) IS NULL AS is_last
          FROM events WHERE project_id = s.project_id AND session_id = s.id AND type IN ('SESSION_STARTED',
            'SESSION_STATE_CHANGED', 'SESSION_STALLED', 'SESSION_RECOVERED', 'SESSION_ZOMBIE', 'SESSION_REVIVED', 'SESSION_ENDED')
        ) e ON true
      ) c
      WHERE (type IS NULL AND whole) OR (is_last AND target IS DISTINCT FROM state)
        OR (before IS NOT NULL AND before IS DISTINCT FROM origin) OR (before IS NULL AND whole AND type <> 'SESSION_STARTED')
        OR (before IS NOT NULL AND (type = 'SESSION_STARTED' OR origin = target))`,
  ),
  invariant(
    'end-event',
    'A session has ended as its SESSION_ENDED says, and nothing is recorded of it afterwards but by the service.',
    Prisma.sql`
      SELECT s.project_id AS "projectId", s.id::text AS subject,
        concat('ended ', e.data ->> 'reason', ' ', e.data ->> 'outcome', ', row ', s.end_reason, ' ', s.outcome,
          ', recorded afterwards ', l.count) AS found
      FROM events e JOIN sessions s ON s.project_id = e.project_id AND s.id = e.session_id
      CROSS JOIN LATERAL (
        SELECT (
          SELECT count(*) FROM events n
          WHERE n.project_id = e.project_id AND n.session_id = e.session_id AND n.sequence > e.sequence
            AND n.type::text !~ '^(LATE_WRITE_REJECTED|APPROVAL_RESOLVED)$'
        ) + (
          SELECT count(*) FROM commands c
          WHERE c.project_id = e.project_id AND c.session_id = e.session_id AND c.event_sequence >= e.sequence
        ) + (
          SELECT count(*) FROM checkpoints k
          WHERE k.project_id = e.project_id AND k.session_id = e.session_id AND k.event_sequence >= e.sequence
        ) AS count
      ) l
      WHERE e.type = 'SESSION_ENDED' AND (l.count > 0
        OR (e.data ->> 'reason', e.data ->> 'outcome') IS DISTINCT FROM (s.end_reason::text, s.outcome::text))`,
  ),
  invariant(
    'ended-takes-nothing',
    'An ended session has no approval or signal that is still pending.',
    Prisma.sql`
      SELECT s.project_id AS "projectId", s.id::text AS subject, string_agg(o.kind, ', ') AS found
      FROM sessions s JOIN (
        SELECT project_id, session_id, 'approval' AS kind FROM approvals WHERE status = 'PENDING'
        UNION ALL
        SELECT project_id, session_id, 'signal' FROM signals WHERE acknowledged_at IS NULL AND cancelled_at IS NULL
      ) o ON o.project_id = s.project_id AND o.session_id = s.id
      WHERE s.ended_at IS NOT NULL GROUP BY s.project_id, s.id`,
  ),
  invariant(
    'run-events',
    'A run is told of once when it starts, when it is completed and when its workers have finished.',
    Prisma.sql`
      SELECT r.project_id AS "projectId", r.id::text AS subject,
        concat(r.status, ', started ', e.started, ', completed ', e.completed, ', workers finished ', e.finished) AS found
      FROM runs r JOIN projects j ON j.id = r.project_id CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE type = 'RUN_STARTED') AS started,
          count(*) FILTER (WHERE type = 'RUN_COMPLETED') AS completed,
          count(*) FILTER (WHERE type = 'RUN_WORKERS_FINISHED') AS finished
        FROM events WHERE project_id = r.project_id AND run_id = r.id
      ) e
      WHERE j.log_purged = 0 AND (e.started <> 1 OR e.completed <> (r.status <> 'ACTIVE')::int
        OR e.finished <> (r.workers_finished_at IS NOT NULL)::int)`,
  ),
  invariant(
    'command-events',
    'Every command is told of by one event.',
    Prisma.sql`
      SELECT p.project_id AS "projectId", p.session_id::text AS subject,
        concat('commands ', p.command_sequence, ', events ', e.count) AS found
      FROM pulses p JOIN projects j ON j.id = p.project_id CROSS JOIN LATERAL (
        SELECT count(*) AS count FROM events
        WHERE project_id = p.project_id AND session_id = p.session_id AND type = 'COMMAND_LOGGED'
      ) e
      WHERE j.log_purged = 0 AND e.count <> p.command_sequence`,
  ),
  invariant(
    'answers',
    'What an idempotency key answers lies within the log.',
    Prisma.sql`
      SELECT k.project_id AS "projectId", k.key AS subject, concat(k.position, ' beyond ', j.log_position) AS found
      FROM idempotency_keys k JOIN projects j ON j.id = k.project_id WHERE k.position > j.log_position`,
  ),

  // ─── Projects and keys ───
  invariant(
    'key',
    'Of a key there is a hash alone; it was neither used nor revoked before it was made, and the server’s own admin’s is an ADMIN’s.',
    Prisma.sql`
      SELECT project_id AS "projectId", id::text AS subject,
        concat_ws(', ', role, CASE WHEN server_admin THEN 'of the server' END, length(secret_hash) || ' bytes',
          'made ' || created_at, 'used ' || last_used_at, 'revoked ' || revoked_at) AS found
      FROM api_keys
      WHERE length(secret_hash) <> 32 OR revoked_at < created_at OR last_used_at < created_at
        OR (server_admin AND role <> 'ADMIN')`,
  ),
  invariant(
    'project',
    'Whatever a row refers to is there, in its own project.',
    Prisma.sql`
      SELECT r.project_id AS "projectId", r.subject, r.refers || ' ' || r.id AS found
      FROM (
        SELECT project_id, 'conversation ' || id AS subject, 'project' AS refers, project_id AS id FROM conversations
        UNION ALL SELECT project_id, 'run ' || id, 'project', project_id FROM runs
        UNION ALL SELECT project_id, 'session ' || id, 'project', project_id FROM sessions
        UNION ALL SELECT project_id, 'event ' || position, 'project', project_id FROM events
        UNION ALL SELECT project_id, 'idempotency key ' || key, 'project', project_id FROM idempotency_keys
        UNION ALL SELECT project_id, 'run ' || id, 'session', coordinator_session_id FROM runs
        UNION ALL SELECT project_id, 'session ' || id, 'session', parent_id FROM sessions
        UNION ALL SELECT project_id, 'session ' || id, 'session', spawned_by_id FROM sessions
        UNION ALL SELECT project_id, 'session ' || id, 'conversation', conversation_id FROM sessions
        UNION ALL SELECT project_id, 'session ' || id, 'run', run_id FROM sessions
        UNION ALL SELECT project_id, 'pulse', 'session', session_id FROM pulses
        UNION ALL SELECT project_id, 'event ' || position, 'session', session_id FROM events
        UNION ALL SELECT project_id, 'event ' || position, 'run', run_id FROM events
        UNION ALL SELECT project_id, 'event ' || position, 'conversation', conversation_id FROM events
        UNION ALL SELECT project_id, 'event ' || position, 'event', cause_id FROM events
        UNION ALL SELECT project_id, 'checkpoint ' || id, 'session', session_id FROM checkpoints
        UNION ALL SELECT project_id, 'command ' || id, 'session', session_id FROM commands
        UNION ALL SELECT project_id, 'saved state ' || id, 'session', session_id FROM saved_states
        UNION ALL SELECT project_id, 'handoff ' || id, 'session', from_id FROM handoffs
        UNION ALL SELECT project_id, 'handoff ' || id, 'session', to_id FROM handoffs
        UNION ALL SELECT project_id, 'handoff ' || id, 'checkpoint', checkpoint_id FROM handoffs
        UNION ALL SELECT project_id, 'approval ' || id, 'session', session_id FROM approvals
        UNION ALL SELECT project_id, 'signal ' || id, 'session', session_id FROM signals
      ) r LEFT JOIN (
        SELECT id AS project_id, 'project' AS kind, id FROM projects
        UNION ALL SELECT project_id, 'conversation', id FROM conversations
        UNION ALL SELECT project_id, 'run', id FROM runs
        UNION ALL SELECT project_id, 'session', id FROM sessions
        UNION ALL SELECT project_id, 'event', id FROM events
        UNION ALL SELECT project_id, 'checkpoint', id FROM checkpoints
      ) there ON there.project_id = r.project_id AND there.kind = r.refers AND there.id = r.id
      WHERE r.id IS NOT NULL AND there.id IS NULL`,
  ),
];
