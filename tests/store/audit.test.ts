import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/client.js';
import { audit, BREACHES_MAX } from '../../src/store/audit.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { logCommands } from '../../src/store/command.js';
import { initiateHandoff } from '../../src/store/handoff.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { importSessions } from '../../src/store/import.js';
import { INVARIANTS } from '../../src/store/invariant.js';
import { purgeSessions } from '../../src/store/purge.js';
import { retain } from '../../src/store/retention.js';
import { createRun } from '../../src/store/run.js';
import { saveState } from '../../src/store/savedState.js';
import { endSession } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { live } from '../support/life.js';
import { query } from '../support/sql.js';
import { openStore } from '../support/store.js';

const fixture = await openStore();
const { store, database, url, newCaller, start } = fixture;
afterAll(() => fixture[Symbol.asyncDispose]());

/** The names of the rules that are broken, in this project only where one is given. */
async function broken(caller?: Caller): Promise<string[]> {
  const audited = await audit(database);
  return audited
    .filter(({ breaches }) => breaches.some(({ projectId }) => !caller || projectId === caller.projectId))
    .map(({ name }) => name);
}

const end = (caller: Caller, sessionId: string) =>
  endSession(store, caller, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' });

describe('a database that has seen everything', () => {
  it('breaks no rule', async () => {
    await live(store, await newCaller());
    expect(await broken()).toEqual([]);
  });

  it('breaks none where sessions and events were purged', async () => {
    const caller = await newCaller();
    await live(store, caller);
    const [root] = await database.prisma.session.findMany({
      where: { projectId: caller.projectId, children: { some: {} } },
      orderBy: { ordinal: 'asc' },
    });
    await purgeSessions(store, caller, { filter: { sessionIds: [root?.id ?? ''] }, force: true, dryRun: false });
    await retain(store, { sessionDays: null, eventDays: 0, checkpointDays: 0 });
    expect(await broken()).toEqual([]);
  });

  it('breaks none with what was imported', async () => {
    const startedAt = new Date('2026-01-01T00:00:00Z');
    const states = ['BOOTING', 'WORKING', 'SUSPENDED', 'STALLED', 'ZOMBIE', 'COMPLETED'] as const;
    const sessions = states.map((state) => ({
      externalId: state,
      kind: 'AGENT' as const,
      state,
      startedAt,
      ...(state === 'STALLED' && { escalationLevel: 2 }),
      ...(state === 'COMPLETED' && { endedAt: startedAt, parentExternalId: 'WORKING' }),
    }));
    await importSessions(store, await newCaller(), { source: 'elsewhere', runs: [], sessions });
    expect(await broken()).toEqual([]);
  });
});

type Damage = (caller: Caller, session: Session) => Promise<string>;

/** What it takes, in SQL, once nothing refuses it any more; `session` is an open one with an end event's worth of history. */
const set =
  (table: string, change: string): Damage =>
  (_caller, { id }) =>
    Promise.resolve(`UPDATE ${table} SET ${change} WHERE ${table === 'sessions' ? 'id' : 'session_id'} = '${id}'`);

const copied = (columns: string): Damage => {
  return (_caller, { id }) =>
    Promise.resolve(`
      INSERT INTO sessions (project_id, id, kind, start_reason, chain_root_id, agent_name, conversation_id, instance_id)
      SELECT project_id, gen_random_uuid(), kind, start_reason, chain_root_id, ${columns} FROM sessions WHERE id = '${id}'`);
};

const DAMAGES: Record<string, Damage> = {
  'open-conversation': copied("'another', conversation_id, NULL"),
  'open-agent-name': copied('agent_name, NULL, NULL'),
  handles: copied("'another', NULL, instance_id"),
  'active-run': async (caller) => {
    const { run } = await createRun(store, caller, { coordinatorName: 'one' });
    return `INSERT INTO runs (project_id, id, coordinator_name)
      SELECT project_id, gen_random_uuid(), coordinator_name FROM runs WHERE id = '${run.id}'`;
  },
  'open-saved-state': async (caller, { id: sessionId }) => {
    await saveState(store, caller, { sessionId });
    return `UPDATE saved_states SET status = 'SUSPENDED' WHERE session_id = '${sessionId}'`;
  },
  'pending-handoff': async (caller, { id: sessionId }) => {
    const checkpoint = { trigger: 'MANUAL', workState: {} } as const;
    const { handoff } = await initiateHandoff(store, caller, { sessionId, reason: 'MANUAL', checkpoint });
    return `INSERT INTO handoffs (project_id, id, from_id, checkpoint_id, reason)
      SELECT project_id, gen_random_uuid(), from_id, checkpoint_id, reason FROM handoffs WHERE id = '${handoff.id}'`;
  },
  'instance-id': set('sessions', "instance_id = 'Nobody'"),
  'end-facts': set('sessions', "outcome = 'SUCCESS'"),
  'state-facts': set('sessions', "state = 'STALLED'"),
  chain: set('sessions', 'chain_index = 7'),
  'spawn-tree': set('sessions', 'depth = 1'),
  pulse: set('pulses', 'steady = NOT steady'),
  run: async (caller) => {
    const { run } = await createRun(store, caller, {});
    return `UPDATE runs SET status = 'FAILED' WHERE id = '${run.id}'`;
  },
  settled: async (_caller, { id }) =>
    `INSERT INTO signals (project_id, id, session_id, kind, sent_by, acknowledged_at, cancelled_at)
      SELECT project_id, gen_random_uuid(), id, 'STOP', 'me', now(), now() FROM sessions WHERE id = '${id}'`,
  positions: async ({ projectId }) => `UPDATE projects SET log_position = log_position + 1 WHERE id = '${projectId}'`,
  sequences: set('pulses', 'event_sequence = event_sequence + 1'),
  'record-sequences': async (caller, { id: sessionId }) => {
    await createCheckpoint(store, caller, { sessionId, type: 'MANUAL', trigger: 'MANUAL', workState: {} });
    return `UPDATE checkpoints SET sequence = 2 WHERE session_id = '${sessionId}'`;
  },
  'log-references': set('events', 'conversation_id = NULL'),
  'one-event-per-change': set('sessions', "state = 'ZOMBIE', zombie_since = now()"),
  'end-event': async (caller, { id }) => {
    await end(caller, id);
    return `UPDATE sessions SET outcome = 'FAILURE' WHERE id = '${id}'`;
  },
  'ended-takes-nothing': async (caller, { id }) => {
    await end(caller, id);
    return `INSERT INTO signals (project_id, id, session_id, kind, sent_by)
      SELECT project_id, gen_random_uuid(), id, 'STOP', 'me' FROM sessions WHERE id = '${id}'`;
  },
  'run-events': async (caller) => {
    const { run } = await createRun(store, caller, {});
    return `UPDATE runs SET workers_finished_at = now() WHERE id = '${run.id}'`;
  },
  'command-events': async (caller, { id: sessionId }) => {
    const command = { commandType: 'tool', action: 'Read', success: true, source: 'AUTO' } as const;
    await logCommands(store, caller, { sessionId, commands: [command] });
    return `UPDATE events SET type = 'PROGRESS' WHERE session_id = '${sessionId}' AND type = 'COMMAND_LOGGED'`;
  },
  answers: async ({ projectId }) =>
    `UPDATE idempotency_keys SET position = position + 1000 WHERE project_id = '${projectId}'`,
  key: async ({ projectId }) => `INSERT INTO api_keys (project_id, id, name, role, secret_hash, revoked_at)
    VALUES ('${projectId}', gen_random_uuid(), 'k', 'AGENT', 'llk_plain', NULL)`,
  project: set('sessions', 'spawned_by_id = gen_random_uuid()'),
  replay: set('sessions', "end_reason = 'FAILED'"),
};

describe('the rule', () => {
  beforeAll(async () => {
    // What would refuse the damages: the rules that are held by PostgreSQL itself.
    await query(url, DISARM);
  });

  it('has a breach below that shows it', () => {
    expect(Object.keys(DAMAGES)).toEqual([...INVARIANTS.map(({ name }) => name), 'replay']);
  });

  it.each(Object.entries(DAMAGES))('%s finds its breach', async (name, damage) => {
    const caller = await newCaller();
    const conversation = { platform: 'slack', externalId: 'C1' };
    const instanceId = 'team-PS-abc123';
    const session = await start(caller, { agentName: 'ada', conversation, instanceId, idempotencyKey: 'key' });
    await heartbeat(store, caller, { sessionId: session.id });
    expect(await broken(caller)).toEqual([]);
    const sql = await damage(caller, session);
    await query(withoutTriggers(url), sql);
    expect(await broken(caller)).toContain(name);
  });

  it(`tells ${BREACHES_MAX} breaches at most`, async () => {
    const caller = await newCaller();
    for (let index = 0; index <= BREACHES_MAX; index++) await start(caller);
    await query(withoutTriggers(url), `UPDATE sessions SET depth = 9 WHERE project_id = '${caller.projectId}'`);
    const depth = (await audit(database)).find(({ name }) => name === 'spawn-tree');
    expect(depth?.breaches).toHaveLength(BREACHES_MAX);
    expect(depth?.breaches).toContainEqual(expect.objectContaining({ found: 'depth 9 without a spawner' }));
  });
});

it('is made of one snapshot, while others write', async () => {
  const other = openDatabase(url);
  const caller = await newCaller();
  const writing = (async () => {
    for (let index = 0; index < 40; index++) await start(caller);
  })();
  for (let round = 0; round < 3; round++) expect(await broken(caller)).toEqual([]);
  await writing;
  await other.close();
});

/** Triggers and foreign keys are off in what connects by it. */
function withoutTriggers(target: string): string {
  const disarmed = new URL(target);
  disarmed.searchParams.set('options', '-c session_replication_role=replica');
  return disarmed.href;
}

const DISARM = `
  DO $$ DECLARE guard record; BEGIN
    FOR guard IN SELECT conrelid::regclass AS owner, conname FROM pg_constraint
      WHERE contype = 'c' AND connamespace = 'public'::regnamespace
    LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', guard.owner, guard.conname); END LOOP;
    FOR guard IN SELECT indexrelid::regclass AS name FROM pg_index JOIN pg_class c ON c.oid = indexrelid
      WHERE indisunique AND NOT indisprimary AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'conversations_key'
    LOOP EXECUTE format('DROP INDEX %s CASCADE', guard.name); END LOOP;
  END $$`;
