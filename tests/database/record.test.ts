// The invariants of the records that hang on a session: each is refused on direct SQL, whatever the code would do.
import { beforeEach, describe, test } from 'vitest';
import { newId } from '../../src/domain/id.js';
import { connectDirectly, refused } from '../support/direct.js';

const client = await connectDirectly();

type Row = Record<string, unknown>;
let project_id: string;
let session_id: string;

async function insert(table: string, row: Row): Promise<string> {
  const whole: Row = { project_id, id: newId(), ...row };
  const columns = Object.keys(whole);
  await client.query(
    `INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map((_, index) => `$${index + 1}`).join()})`,
    Object.values(whole),
  );
  return String(whole.id);
}

const begin = async (): Promise<string> => {
  const id = newId();
  return insert('sessions', { id, kind: 'AGENT', start_reason: 'REGISTERED', chain_root_id: id });
};
const checkpoint = (row: Row = {}) =>
  insert('checkpoints', {
    session_id,
    sequence: 1,
    type: 'MANUAL',
    trigger: 'MANUAL',
    work_state: {},
    event_sequence: 1,
    size_bytes: 2,
    ...row,
  });
const command = (row: Row = {}) =>
  insert('commands', {
    session_id,
    sequence: 1,
    command_type: 't',
    action: 'a',
    success: true,
    source: 'AUTO',
    redacted: false,
    event_sequence: 1,
    ...row,
  });
const state = (row: Row = {}) => insert('saved_states', { session_id, mode: 'm', ...row });
const handoff = async (row: Row = {}) =>
  insert('handoffs', {
    from_id: session_id,
    checkpoint_id: await checkpoint({ sequence: ++taken }),
    reason: 'CRASH',
    ...row,
  });
const approval = (row: Row = {}) =>
  insert('approvals', { session_id, type: 'PLAN', question: '?', expires_at: new Date(), ...row });
const signal = (row: Row = {}) => insert('signals', { session_id, kind: 'STOP', sent_by: 'me', ...row });
let taken = 0;

const change = (table: string, id: string, set: string) =>
  client.query(`UPDATE ${table} SET ${set} WHERE id = '${id}'`);

/** What is inserted from now on belongs to a new project. */
async function enterProject(): Promise<void> {
  project_id = newId();
  await client.query(`INSERT INTO projects (id, slug, name) VALUES ('${project_id}', '${project_id}', 'P')`);
}

beforeEach(async () => {
  await enterProject();
  taken = 0;
  session_id = await begin();
});

describe.for([
  ['checkpoints', checkpoint, `summary = 'x'`],
  ['commands', command, `success = false`],
] as const)('7: %s', ([table, add, set]) => {
  test.for([`UPDATE ${table} SET ${set}`, `DELETE FROM ${table}`, `TRUNCATE ${table} CASCADE`])(
    'are append-only but for a purge: %s',
    async (statement) => {
      await add();

      await refused(client.query(statement), 'append_only');
      await client.query('BEGIN');
      await client.query(`SET LOCAL lifeline.purging = 'on'`);
      await client.query(statement);
      await client.query('ROLLBACK');
      await refused(client.query(statement), 'append_only');
    },
  );

  test('have a sequence of their own in their session, from 1', async () => {
    await add();

    await refused(add(), `${table}_sequence`);
    await refused(add({ sequence: 0 }), table === 'commands' ? 'commands_counts' : 'checkpoints_sequence_positive');
    await add({ sequence: 2 });
    await add({ session_id: await begin() });
  });

  test('keep their session from going without a purge', async () => {
    await add();

    await refused(
      client.query(`DELETE FROM sessions WHERE id = '${session_id}'`),
      `${table}_project_id_session_id_fkey`,
    );
  });

  test('belong to a session of their project', async () => {
    const foreign = session_id;
    await enterProject();

    await refused(add({ session_id: foreign }), `${table}_project_id_session_id_fkey`);
  });
});

describe('7: a command', () => {
  test('has a dedupe key of its own in its session', async () => {
    await command({ dedupe_key: 'k' });

    await refused(command({ sequence: 2, dedupe_key: 'k' }), 'commands_dedupe_key');
    await command({ session_id: await begin(), dedupe_key: 'k' });
  });

  test('takes no less than no time', async () => {
    await refused(command({ execution_time_ms: -1 }), 'commands_counts');
  });
});

describe('8: a checkpoint', () => {
  test.for([-1, 100.5, Number.NaN])('knows no context of %d %', async (context_percent) => {
    await refused(checkpoint({ context_percent }), 'checkpoints_context_percent');
  });
});

describe('9: a saved state', () => {
  test.for(['ACTIVE', 'SUSPENDED'])('that is %s is the only open one of its session', async (status) => {
    await state({ status: 'COMPLETED' });
    await state({ status: 'EXPIRED' });
    await state({ status });

    for (const second of ['ACTIVE', 'SUSPENDED']) await refused(state({ status: second }), 'saved_states_open');
    await state({ session_id: await begin() });
  });

  test('counts its version on by one, from 1', async () => {
    const id = await state();

    await refused(state({ version: 0, status: 'EXPIRED' }), 'saved_states_version');
    for (const version of ['version + 2', 'version - 1']) {
      await refused(change('saved_states', id, `version = ${version}`), 'saved_states_next_version');
    }
    await change('saved_states', id, `version = version + 1, current_step = 1`);
  });

  test.for(['COMPLETED', 'EXPIRED'])('that is %s stays as it is', async (status) => {
    const id = await state();
    await change('saved_states', id, `status = '${status}'`);

    for (const set of [`status = 'ACTIVE'`, `current_step = 1`, `version = version + 1`]) {
      await refused(change('saved_states', id, set), 'saved_states_next_version');
    }
  });
});

describe('11: a handoff', () => {
  test('is the only pending one of its session', async () => {
    const first = await handoff();

    await refused(handoff(), 'handoffs_pending');
    await change('handoffs', first, 'cancelled_at = now()');
    const second = await handoff();
    await change('handoffs', second, `completed_at = now(), to_id = '${await begin()}'`);
    await handoff();
  });

  test('is completed or cancelled, and has a taker only where it is completed', async () => {
    const id = await handoff();

    await refused(change('handoffs', id, 'completed_at = now(), cancelled_at = now()'), 'handoffs_settled');
    await refused(change('handoffs', id, `to_id = '${await begin()}'`), 'handoffs_settled');
    await refused(change('handoffs', id, `completed_at = now(), to_id = from_id`), 'handoffs_not_to_itself');
  });
});

describe('an approval', () => {
  test.for<Row>([
    { status: 'PENDING', resolved_at: new Date() },
    { status: 'RESOLVED', resolved_at: new Date() },
    { status: 'RESOLVED', resolution: 'APPROVED' },
    { status: 'EXPIRED', resolved_at: new Date(), resolution: 'APPROVED' },
    { status: 'CANCELLED' },
  ])('is not %o', async (row) => {
    await refused(approval(row), 'approvals_settled');
  });

  test('is resolved with a resolution, else closed without', async () => {
    await approval({ status: 'RESOLVED', resolution: 'REJECTED', resolved_at: new Date() });
    await approval({ status: 'EXPIRED', resolved_at: new Date() });
  });
});

describe('a signal', () => {
  test('is acknowledged or cancelled, not both', async () => {
    const id = await signal();

    await refused(change('signals', id, 'acknowledged_at = now(), cancelled_at = now()'), 'signals_settled');
    await change('signals', id, 'acknowledged_at = now()');
  });
});
