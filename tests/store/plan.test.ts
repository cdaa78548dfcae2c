// What PostgreSQL does for a write must not depend on how much it knows of the tables, nor be thought over with each call.
import { afterAll, expect, test } from 'vitest';
import { requestApproval, resolveApproval } from '../../src/store/approval.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { logCommands } from '../../src/store/command.js';
import { transitionSession } from '../../src/store/conversation.js';
import { appendEvents } from '../../src/store/event.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { createRun } from '../../src/store/run.js';
import { saveState } from '../../src/store/savedState.js';
import { endSession, startSession, updateSession } from '../../src/store/session.js';
import { acknowledgeSignals, sendSignal } from '../../src/store/signal.js';
import { resumeSession, suspendSession } from '../../src/store/suspension.js';
import type { Caller } from '../../src/store/store.js';
import { query } from '../support/sql.js';
import { openStore, type TestStore } from '../support/store.js';

/** A store whose database looks at its tables when it is told to; of its one connection all can be asked what it has planned. */
async function openQuiet(): Promise<TestStore> {
  const home = await openStore({ poolSize: 1 });
  const tables = await query(
    home.url,
    `SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
  );
  const quiet = tables.map(({ relname }) => `ALTER TABLE ${String(relname)} SET (autovacuum_enabled = off)`);
  await query(home.url, quiet.join(';'));
  return home;
}

const home = await openQuiet();
const { store, database, newCaller, start, url } = home;
afterAll(() => home[Symbol.asyncDispose]());

/** The first five times PostgreSQL makes a plan with what it is given, and then one without, where that is as good. */
const OFTEN = 15;

test('what is written often is planned once for a connection, also in a small project beside large ones', async () => {
  const large = await newCaller();
  await query(
    url,
    `WITH s AS (
       INSERT INTO sessions (project_id, id, kind, start_reason, chain_root_id, agent_name)
       SELECT $1, i, 'AGENT', 'REGISTERED', i, i::text FROM (SELECT gen_random_uuid() AS i FROM generate_series(1, 5000)) ids
       RETURNING project_id, id
     )
     INSERT INTO pulses (project_id, session_id) SELECT project_id, id FROM s`,
    [large.projectId],
  );
  const me = await newCaller();
  const { run } = await createRun(store, me, {});
  const conversation = { platform: 'test', externalId: 'planned' };
  const turn = async (): Promise<void> => {
    await transitionSession(store, me, { conversation, trigger: 'PLAN_TO_EXECUTE' });
    const { session } = await startSession(store, me, { kind: 'AGENT', runId: run.id, takeOver: false });
    for (let beat = 0; beat < 2; beat++) await heartbeat(store, me, { sessionId: session.id });
    const told = [{ type: 'PROGRESS', level: 'INFO', dedupeKey: 'once' } as const];
    const { events } = await appendEvents(store, me, { sessionId: session.id, events: told });
    const caused = { type: 'PROGRESS', level: 'INFO', causeId: events[0]?.id } as const;
    await appendEvents(store, me, { sessionId: session.id, events: [caused, { ...caused, dedupeKey: 'once' }] });
    await logCommands(store, me, {
      sessionId: session.id,
      commands: [{ commandType: 'tool', action: 'edit', success: true, source: 'AUTO' }],
    });
    await createCheckpoint(store, me, { sessionId: session.id, type: 'MANUAL', trigger: 'MANUAL', workState: {} });
    for (const expectedVersion of [null, 1, 2]) await saveState(store, me, { sessionId: session.id, expectedVersion });
    await suspendSession(store, me, { sessionId: session.id });
    await resumeSession(store, me, { sessionId: session.id });
    const { signal } = await sendSignal(store, me, { sessionId: session.id, kind: 'NUDGE' });
    await acknowledgeSignals(store, me, { sessionId: session.id, signalIds: [signal.id] });
    const { approval } = await requestApproval(store, me, {
      sessionId: session.id,
      type: 'OTHER',
      question: '?',
      timeoutSeconds: 60,
    });
    await resolveApproval(store, me, { approvalId: approval.id, resolution: 'APPROVED' });
    await updateSession(store, me, { sessionId: session.id, title: 'planned' });
    await endSession(store, me, { sessionId: session.id, reason: 'FINISHED', outcome: 'SUCCESS' });
  };
  await turn();
  await query(url, 'ANALYZE');
  const planned = async (): Promise<Map<string, number>> => {
    const rows = await database.writer.$queryRaw<{ statement: string; plans: bigint }[]>`
      SELECT statement, custom_plans AS plans FROM pg_prepared_statements WHERE cardinality(parameter_types) > 0`;
    return new Map(rows.map(({ statement, plans }) => [statement, Number(plans)]));
  };
  for (let done = 0; done < OFTEN; done++) await turn();
  const atFirst = await planned();
  for (let done = 0; done < OFTEN; done++) await turn();
  const atLast = await planned();

  expect(atFirst.size).toBeGreaterThan(25);
  expect([...atFirst].filter(([statement, plans]) => atLast.get(statement) !== plans)).toEqual([]);
});

/** How many rows have been read so far, whatever the way. */
async function rowsRead({ database: { writer }, url }: TestStore): Promise<number> {
  await writer.$queryRaw`SELECT pg_stat_force_next_flush()`;
  const [row] = await query(
    url,
    `SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS rows FROM pg_stat_user_tables WHERE relname <> 'projects'`,
  );
  return Number(row?.rows);
}

test('what an append has to know of a young log is looked up by its key, however long that has become', async () => {
  await using young = await openQuiet();
  const { id: sessionId } = await young.start(young.caller);
  let keys = 0;
  const append = (count: number) => {
    const events = Array.from({ length: count }, () => ({
      type: 'PROGRESS' as const,
      level: 'INFO' as const,
      dedupeKey: `${++keys}`,
    }));
    return appendEvents(young.store, young.caller, { sessionId, events });
  };
  const each = async (): Promise<number> => {
    const before = await rowsRead(young);
    for (let done = 0; done < OFTEN; done++) await append(1);
    return ((await rowsRead(young)) - before) / OFTEN;
  };
  await each();
  const atFirst = await each();
  for (let done = 0; done < 4; done++) await append(500);

  expect(await each()).toBeLessThan(2 * atFirst + 10);
});

test('every table says that it is planned for its largest project', async () => {
  const others = await query(
    url,
    `SELECT attrelid::regclass FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE a.attname = 'project_id' AND c.relkind = 'r' AND a.attoptions IS DISTINCT FROM '{n_distinct=1}'`,
  );
  expect(others).toEqual([]);
});

test('a write in a large project beside many small ones reads no more than in a small one', async () => {
  const [large, small] = [await newCaller(), await newCaller()];
  // In the order of an index, those of the large one come before what is written below.
  await query(
    url,
    `WITH p AS (INSERT INTO projects (id, slug, name) SELECT i, i, i FROM (
       SELECT gen_random_uuid() AS i FROM generate_series(1, 1000)) ids RETURNING id
     ), s AS (
       INSERT INTO sessions (project_id, id, kind, start_reason, chain_root_id)
       SELECT project, i, 'AGENT', 'REGISTERED', i FROM (
         SELECT id AS project, gen_random_uuid() AS i FROM p
         UNION ALL SELECT $1, overlay(gen_random_uuid()::text PLACING '00000000' FROM 1)::uuid
           FROM generate_series(1, 5000)) planned
       RETURNING project_id, id
     )
     INSERT INTO pulses (project_id, session_id) SELECT project_id, id FROM s`,
    [large.projectId],
  );
  const write = async (me: Caller): Promise<void> => {
    const { id: sessionId } = await start(me);
    await appendEvents(store, me, { sessionId, events: [{ type: 'PROGRESS', level: 'INFO' }] });
    await heartbeat(store, me, { sessionId });
    await endSession(store, me, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' });
  };
  const each = async (me: Caller): Promise<number> => {
    const before = await rowsRead(home);
    for (let done = 0; done < OFTEN; done++) await write(me);
    return ((await rowsRead(home)) - before) / OFTEN;
  };
  await write(large);
  await query(url, 'ANALYZE');
  await each(small);

  expect(await each(large)).toBeLessThan(2 * (await each(small)));
});
