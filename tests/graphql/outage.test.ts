// Subscriptions that have begun wait out a database that fails, and bring what they had to bring.
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { encodeId } from '../../src/domain/id.js';
import { requestApproval } from '../../src/store/approval.js';
import { completeRun, createRun } from '../../src/store/run.js';
import { endSession, updateSession } from '../../src/store/session.js';
import { sendSignal } from '../../src/store/signal.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';
import { bar, query } from '../support/sql.js';

let graphql: TestGraphql;
let sessionId: string;
let runId: string;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

/**
 * While the database breaks off every connection on which `table` is read: resolves once a subscription has tried in vain to
 * read it.
 */
async function without(table: string, read: () => Promise<Data>): Promise<Data> {
  const waits = vi.spyOn(graphql.store.log, 'warn');
  await using barrier = await bar(graphql.url, table);
  let settled = false;
  const reading = read().finally(() => (settled = true));
  await expect
    .poll(async () => {
      await barrier.breakOff();
      return waits.mock.calls.length;
    })
    .toBe(1);
  expect(settled).toBe(false);
  await barrier.release();
  waits.mockRestore();
  return await reading;
}

const signal = (kind: 'NUDGE' | 'STOP') => sendSignal(graphql.store, graphql.caller, { sessionId, kind });
const QUESTION = { type: 'TOOL_CALL', question: 'May I?', timeoutSeconds: 60 } as const;

it.each([
  {
    field: 'session',
    table: 'sessions',
    document: 'subscription ($session: ID!) { session(id: $session) { title } }',
    change: () => updateSession(graphql.store, graphql.caller, { sessionId, title: 'new' }),
    expected: { session: { title: 'new' } },
  },
  {
    field: 'run',
    table: 'runs',
    document: 'subscription ($run: ID!) { run(id: $run) { status } }',
    change: () => completeRun(graphql.store, graphql.caller, { runId, status: 'FAILED' }),
    expected: { run: { status: 'FAILED' } },
  },
  {
    field: 'signals',
    table: 'signals',
    document: 'subscription ($session: ID!) { signals(sessionId: $session) { kind } }',
    change: () => signal('STOP'),
    expected: { signals: { kind: 'STOP' } },
  },
  {
    field: 'approvals',
    table: 'approvals',
    document: 'subscription ($after: SafeInt) { approvals(after: $after) { status } }',
    change: () => requestApproval(graphql.store, graphql.caller, { sessionId, ...QUESTION }),
    expected: { approvals: { status: 'PENDING' } },
  },
  {
    field: 'sessionEnded',
    table: 'sessions',
    document: 'subscription ($after: SafeInt) { sessionEnded(after: $after) { reason } }',
    change: () => endSession(graphql.store, graphql.caller, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' }),
    expected: { sessionEnded: { reason: 'FINISHED' } },
  },
])('$field waits for the database, and brings what it had to bring', async ({ table, document, change, expected }) => {
  const { store, caller } = graphql;
  runId = (await createRun(store, caller, {})).run.id;
  sessionId = (await graphql.start(caller, { runId })).id;
  await signal('NUDGE');
  const after = Number((await graphql.log(caller)).at(-1)?.position);
  const variables = { session: encodeId('Session', sessionId), run: encodeId('Run', runId), after };
  const stream = await graphql.watch(document, variables);
  // What there is already comes first.
  if (!document.includes('$after')) await stream.next();
  await change();

  expect((await without(table, () => stream.next())).value).toEqual(expected);
  await stream.return();
});

it('signals that are pending when it begins are waited for as well', async () => {
  sessionId = (await graphql.start(graphql.caller)).id;
  await signal('NUDGE');
  const id = encodeId('Session', sessionId);
  const stream = await graphql.watch('subscription ($id: ID!) { signals(sessionId: $id) { kind } }', { id });

  expect((await without('signals', () => stream.next())).value).toEqual({ signals: { kind: 'NUDGE' } });
  await stream.return();
});

it('a read that fails for another reason ends the subscription instead', async () => {
  const { store, caller, url } = graphql;
  sessionId = (await graphql.start(caller)).id;
  const id = encodeId('Session', sessionId);
  const stream = await graphql.watch('subscription ($id: ID!) { session(id: $id) { title } }', { id });
  await stream.next();
  await updateSession(store, caller, { sessionId, title: 'new' });
  await query(url, 'ALTER TABLE sessions RENAME TO away');
  try {
    await expect(stream.next()).rejects.toThrow('does not exist');
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await expect.poll(() => store.tail(caller.projectId).followers).toBe(0);
  } finally {
    await query(url, 'ALTER TABLE away RENAME TO sessions');
  }
});
