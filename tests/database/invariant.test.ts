// What domain.md calls an invariant of the database: each is refused on direct SQL, whatever the code would do.
import { beforeEach, describe, expect, test } from 'vitest';
import { newId } from '../../src/domain/id.js';
import { connectDirectly, refused } from '../support/direct.js';

const client = await connectDirectly();

type Row = Record<string, unknown>;
let project: string;
let position: number;

async function insert(table: string, ...rows: Row[]): Promise<void> {
  const columns = Object.keys(rows[0]!);
  const values = rows.map((_, row) => `(${columns.map((__, index) => `$${row * columns.length + index + 1}`).join()})`);
  await client.query(
    `INSERT INTO ${table} (${columns.join()}) VALUES ${values.join()}`,
    rows.flatMap((row) => columns.map((column) => row[column])),
  );
}

const session = (row: Row = {}) => {
  const id = newId();
  return { project_id: project, id, kind: 'AGENT', start_reason: 'REGISTERED', chain_root_id: id, ...row };
};
const end = { state: 'COMPLETED', ended_at: new Date(), end_reason: 'FINISHED', outcome: 'SUCCESS' };
const event = (row: Row = {}) => ({
  project_id: project,
  position: ++position,
  id: newId(),
  type: 'PROGRESS',
  size_bytes: 4,
  ...row,
});

async function begin(row: Row = {}): Promise<string> {
  const whole = session(row);
  await insert('sessions', whole);
  await insert('pulses', { project_id: project, session_id: whole.id });
  return whole.id;
}

const change = (table: string, id: string, set: string) =>
  client.query(`UPDATE ${table} SET ${set} WHERE ${table === 'pulses' ? 'session_id' : 'id'} = '${id}'`);

beforeEach(async () => {
  project = newId();
  position = 0;
  await insert('projects', { id: project, slug: project, name: 'P', log_position: 1_000 });
});

describe('1: a conversation', () => {
  const conversation = async () => {
    const id = newId();
    await insert('conversations', { project_id: project, id, platform: 'p', external_id: id });
    return id;
  };

  test('has at most one open session', async () => {
    const conversation_id = await conversation();
    const first = await begin({ conversation_id });

    await refused(begin({ conversation_id }), 'sessions_open_conversation');
    await change(
      'sessions',
      first,
      `state = 'COMPLETED', ended_at = now(), end_reason = 'FINISHED', outcome = 'UNKNOWN'`,
    );
    await begin({ conversation_id });
  });

  test('is known by platform and external id', async () => {
    await insert('conversations', { project_id: project, id: newId(), platform: 'p', external_id: 'x' });

    await refused(
      insert('conversations', { project_id: project, id: newId(), platform: 'p', external_id: 'x' }),
      'conversations_key',
    );
  });
});

describe('2: a name and a handle', () => {
  test('an agent name has at most one open session', async () => {
    await begin({ agent_name: 'coder', ...end });
    await begin({ agent_name: 'coder' });

    await refused(begin({ agent_name: 'coder' }), 'sessions_open_agent_name');
  });

  test.for([
    ['instance_id', 'coder-PS-abc123', 'sessions_instance_id'],
    ['external_id', 'x', 'sessions_external_id'],
  ] as const)('an %s is one session’s, also after its end', async ([column, handle, index]) => {
    await begin({ [column]: handle, ...end });

    await refused(begin({ [column]: handle }), index);
  });
});

describe('3: an instanceId', () => {
  test.for([
    'coder',
    'coder-XX-abc123',
    'Coder-PS-abc123',
    '-PS-abc123',
    'coder-PS-abc12',
    'coder-PS-abc123\n',
    `${'a'.repeat(119)}-PS-abc123`,
  ])('is not %j', async (instanceId) => {
    await refused(begin({ instance_id: instanceId }), 'sessions_instance_id_form');
  });

  test('may have 128 characters, and any prefix', async () => {
    await begin({ instance_id: `${'a'.repeat(118)}-MS-abc123` });
  });
});

describe('4: an end', () => {
  test.for<[string, Row]>([
    ['a reason', { ended_at: new Date(), outcome: 'SUCCESS', state: 'COMPLETED' }],
    ['an outcome', { ended_at: new Date(), end_reason: 'FINISHED', state: 'COMPLETED' }],
    ['a time', { end_reason: 'FINISHED', outcome: 'SUCCESS', state: 'COMPLETED' }],
    ['its state', { ...end, state: 'WORKING' }],
    ['its facts', { state: 'COMPLETED' }],
    ['ending, but with a note', { end_note: 'why' }],
    ['ending, but with an author', { ended_by: 'me' }],
  ])('does not come without %s', async ([, row]) => {
    await refused(begin(row), 'sessions_ended_together');
  });

  test.for([
    `state = 'WORKING', ended_at = NULL, end_reason = NULL, outcome = NULL`,
    `end_reason = 'FAILED'`,
    `outcome = 'FAILURE'`,
    `ended_at = now()`,
    `ended_by = 'x'`,
    `end_note = 'x'`,
    `title = 'x'`,
    `task_id = 'x'`,
    `provider_session_id = 'x'`,
    `metadata = '{"a":1}'`,
    `pid = 1`,
    `branch_name = 'x'`,
    `evidence = '{}'`,
    `version = version + 1`,
    `state_changed_at = now() + interval '1 s'`,
    `stall_after_seconds = 1`,
    `max_escalation_level = 1`,
  ])('leaves a row that is frozen: %s', async (set) => {
    const id = await begin({ ...end, ended_at: new Date(0) });

    await refused(change('sessions', id, set), 'sessions_frozen');
  });

  test.for([
    `kind = 'WORKFLOW'`,
    `agent_name = 'x'`,
    `capability = 'x'`,
    `instance_id = 'x-PS-abc123'`,
    `external_id = 'x'`,
    `assistant = 'x'`,
    `started_at = now() + interval '1 s'`,
    `start_reason = 'SPAWNED'`,
    `chain_root_id = gen_random_uuid()`,
    `chain_index = 1`,
    `depth = 1`,
    `parent_id = spawned_by_id`,
    `spawned_by_id = id`,
    `ordinal = ordinal + 1000`,
    `conversation_id = gen_random_uuid()`,
    `run_id = gen_random_uuid()`,
    `id = gen_random_uuid()`,
  ])('is not needed for identity, lineage and start to be immutable: %s', async (set) => {
    const spawner = await begin();
    const id = await begin({ spawned_by_id: spawner });

    await refused(change('sessions', id, set), 'sessions_written_once');
  });

  test('does not cut lineage either: that is a purge’s to do', async () => {
    const [parent, spawner] = [await begin(end), await begin()];
    const child = await begin({
      parent_id: parent,
      spawned_by_id: spawner,
      chain_root_id: parent,
      chain_index: 1,
      ...end,
    });
    const cut = 'parent_id = NULL, spawned_by_id = NULL';

    await refused(change('sessions', child, cut), 'sessions_written_once');
    await client.query('BEGIN');
    await client.query(`SET LOCAL lifeline.purging = 'on'`);
    await change('sessions', child, cut);
    await client.query('COMMIT');
  });
});

describe('5: a chain', () => {
  test('does not lead a session to itself', async () => {
    const id = newId();

    await refused(begin({ id, parent_id: id, chain_root_id: id, chain_index: 1 }), 'sessions_chain');
  });

  test('counts its index on from the parent, in the chain of the parent', async () => {
    const root = await begin();
    const child = { parent_id: root, chain_root_id: root, chain_index: 1 };

    await refused(begin({ ...child, chain_index: 2 }), 'sessions_chain');
    await refused(begin({ ...child, chain_index: 0 }), 'sessions_chain');
    await refused(begin({ ...child, chain_root_id: newId() }), 'sessions_chain');
    await begin(child);
  });

  test('begins with index 0 and itself as the root', async () => {
    await refused(begin({ chain_index: 1 }), 'sessions_chain');
    await refused(begin({ chain_root_id: newId() }), 'sessions_chain');
  });

  test('has only parents that are older rows, so that it has no cycle, not even by one statement', async () => {
    const [one, two] = [newId(), newId()];
    const link = (id: string, parent: string, index: number) =>
      session({ id, parent_id: parent, chain_root_id: one, chain_index: index });

    await refused(insert('sessions', link(one, two, 1), link(two, one, 2)), 'sessions_chain');
    await refused(insert('sessions', link(one, newId(), 1)), 'sessions_chain');
  });

  test('does not lead to another project', async () => {
    const root = await begin();
    const here = project;
    project = newId();
    await insert('projects', { id: project, slug: project, name: 'Q' });

    await refused(begin({ parent_id: root, chain_root_id: root, chain_index: 1 }), 'sessions_chain');
    await refused(begin({ spawned_by_id: root }), 'sessions_project_id_spawned_by_id_fkey');
    await refused(insert('pulses', { project_id: project, session_id: root }), 'pulses_project_id_session_id_fkey');
    await refused(insert('events', event({ session_id: root, sequence: 1 })), 'events_project_id_session_id_fkey');
    project = here;
  });
});

describe('6: a position and a sequence', () => {
  test('are given once', async () => {
    const [one, two] = [await begin(), await begin()];
    await insert('events', event({ position: 1, session_id: one, sequence: 1 }));

    await refused(insert('events', event({ position: 1 })), 'events_pkey');
    await refused(insert('events', event({ position: 2, session_id: one, sequence: 1 })), 'events_sequence');
    await insert('events', event({ position: 2, session_id: two, sequence: 1 }));
  });

  test('begin with 1, and a sequence belongs to a session', async () => {
    const id = await begin();

    await refused(insert('events', event({ position: 0 })), 'events_position_positive');
    await refused(insert('events', event({ sequence: 1 })), 'events_sequence_with_session');
    await refused(insert('events', event({ session_id: id })), 'events_sequence_with_session');
  });
});

describe('7: events', () => {
  test.for([`UPDATE events SET data = '{"a":1}'`, 'DELETE FROM events', 'TRUNCATE events CASCADE'])(
    'are append-only but for a purge: %s',
    async (statement) => {
      await insert('events', event());

      await refused(client.query(statement), 'append_only');
      await client.query('BEGIN');
      await client.query(`SET LOCAL lifeline.purging = 'on'`);
      await client.query(statement);
      await client.query('ROLLBACK');
      await refused(client.query(statement), 'append_only');
    },
  );

  test('are known by one id, have one dedupe key in their session, and are not their own cause', async () => {
    const id = await begin();
    const first = event({ session_id: id, sequence: 1, dedupe_key: 'k' });
    await insert('events', first);

    await refused(insert('events', event({ id: first.id })), 'events_id');
    await refused(insert('events', event({ session_id: id, sequence: 2, dedupe_key: 'k' })), 'events_dedupe_key');
    const own = newId();
    await refused(insert('events', event({ id: own, cause_id: own })), 'events_not_own_cause');
    await refused(insert('events', event({ cause_id: newId() })), 'events_project_id_cause_id_fkey');
  });

  test('that are CUSTOM have a name', async () => {
    await refused(insert('events', event({ type: 'CUSTOM' })), 'events_custom_named');
  });
});

describe('8: liveness', () => {
  test.for([-0.1, 100.1, Number.NaN])('knows no context of %d %', async (percent) => {
    const id = await begin();

    await refused(change('pulses', id, `context_percent = '${percent}'`), 'pulses_context_percent');
  });

  test.for([
    [`state = 'STALLED'`, 'sessions_stalled_since'],
    [`stalled_since = now()`, 'sessions_stalled_since'],
    [`state = 'ZOMBIE'`, 'sessions_zombie_since'],
    [`zombie_since = now()`, 'sessions_zombie_since'],
    [`state = 'STALLED', stalled_since = now(), escalation_level = 4`, 'sessions_escalation_level'],
    [`state = 'STALLED', stalled_since = now(), escalation_level = -1`, 'sessions_escalation_level'],
    [`escalation_level = 0`, 'sessions_escalation_level'],
    [`max_escalation_level = 4`, 'sessions_policy'],
    [`stall_after_seconds = 0`, 'sessions_policy'],
    [`zombie_after_seconds = 0`, 'sessions_policy'],
    [`escalate_every_seconds = 0`, 'sessions_policy'],
  ] as const)('refuses %s', async ([set, constraint]) => {
    const id = await begin();

    await refused(change('sessions', id, set), constraint);
  });

  test('has signs of life that never move back', async () => {
    const id = await begin();
    const read = async () =>
      (await client.query<Row>(`SELECT last_activity_at, last_heartbeat_at FROM pulses WHERE session_id = '${id}'`))
        .rows;
    await change('pulses', id, `last_activity_at = '2030-01-01Z', last_heartbeat_at = '2030-01-01Z'`);
    const before = await read();

    await change('pulses', id, `last_activity_at = now(), last_heartbeat_at = now()`);
    await change('pulses', id, `last_heartbeat_at = NULL`);

    expect(await read()).toEqual(before);
  });
});

describe('10: a run', () => {
  const run = (row: Row = {}) => insert('runs', { project_id: project, id: newId(), ...row });

  test('is the only active one of its coordinator', async () => {
    await run({ coordinator_name: 'boss', status: 'FAILED', completed_at: new Date() });
    await run({ coordinator_name: 'boss' });

    await refused(run({ coordinator_name: 'boss' }), 'runs_active_coordinator');
  });

  test('is completed exactly where it is not active', async () => {
    await refused(run({ completed_at: new Date() }), 'runs_completed_unless_active');
    for (const status of ['COMPLETED', 'FAILED']) await refused(run({ status }), 'runs_completed_unless_active');
  });

  test('has an external id of its own', async () => {
    await run({ external_id: 'x' });

    await refused(run({ external_id: 'x' }), 'runs_external_id');
  });
});
