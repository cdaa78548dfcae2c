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
import { query } from '../support/sql.js';
import { openStore } from '../support/store.js';

// Of one connection all can be asked what it has planned.
const { store, database, newCaller, start, url, ...fixture } = await openStore({ poolSize: 1 });
afterAll(() => fixture[Symbol.asyncDispose]());

/** How often PostgreSQL makes a plan with what it is given before it settles for one without. */
const PLANNED_AT_FIRST = 5;
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
    const events = [{ type: 'PROGRESS', level: 'INFO', dedupeKey: 'once' } as const];
    await appendEvents(store, me, { sessionId: session.id, events });
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
  for (let done = 0; done < OFTEN; done++) await turn();

  const statements = await database.writer.$queryRaw<{ statement: string; plans: number; calls: number }[]>`
    SELECT statement, custom_plans::int AS plans, (custom_plans + generic_plans)::int AS calls FROM pg_prepared_statements`;

  const often = statements.filter(({ calls }) => calls > PLANNED_AT_FIRST);
  expect(often.length).toBeGreaterThan(10);
  expect(often.filter(({ plans }) => plans > PLANNED_AT_FIRST)).toEqual([]);
});

test('what an append has to know of a young log is looked up by its key, however long that has become', async () => {
  await query(url, 'ALTER TABLE events SET (autovacuum_enabled = off)');
  const me = await newCaller();
  const { id: sessionId } = await start(me);
  let keys = 0;
  const append = (count: number) => {
    const events = Array.from({ length: count }, () => ({
      type: 'PROGRESS' as const,
      level: 'INFO' as const,
      dedupeKey: `${++keys}`,
    }));
    return appendEvents(store, me, { sessionId, events });
  };
  const read = async (): Promise<number> => {
    await database.writer.$queryRaw`SELECT pg_stat_force_next_flush()`;
    const [row] = await query(
      url,
      `SELECT sum(idx_tup_read)::int AS rows FROM pg_stat_user_indexes WHERE relname = 'events'`,
    );
    return Number(row?.rows);
  };
  const each = async (): Promise<number> => {
    const before = await read();
    for (let done = 0; done < OFTEN; done++) await append(1);
    return ((await read()) - before) / OFTEN;
  };
  await each();
  const atFirst = await each();
  for (let done = 0; done < 4; done++) await append(500);

  expect(await each()).toBeLessThan(2 * atFirst + 10);
});
