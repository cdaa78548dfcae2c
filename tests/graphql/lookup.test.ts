// What is told of an event beside it is as it stands when it is told, however slow the consumer is.
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { requestApproval, resolveApproval } from '../../src/store/approval.js';
import { updateSession } from '../../src/store/session.js';
import { FRESH_MS } from '../../src/store/stream.js';
import { openGraphql, type Data, type TestGraphql, type Watched } from '../support/graphql.js';

let graphql: TestGraphql;
/** Of a clock that stands still unless the test moves it on. */
let nowMs = performance.now();

beforeAll(async () => {
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  graphql = await openGraphql();
});
afterAll(async () => {
  await graphql[Symbol.asyncDispose]();
  vi.restoreAllMocks();
});

const next = async (stream: Watched): Promise<Data> => Object.values((await stream.next()).value)[0];
const last = async () => Number((await graphql.log(graphql.caller)).at(-1)?.position ?? 0);
/** How many of the statements have read sessions. */
const looks = () => graphql.statements.filter((sql) => /FROM .*\bsessions\b/.test(sql)).length;
const TRANSITIONS = 'subscription ($after: SafeInt) { sessionTransitioned(after: $after) { session { title } } }';

it('a session is told as it stands by the time that a slow consumer comes to it', async () => {
  const { store, caller, start } = graphql;
  const after = await last();
  await start(caller, { title: 'old' });
  const { id: sessionId } = await start(caller, { title: 'old' });
  const streams = await Promise.all([1, 2].map(() => graphql.watch(TRANSITIONS, { after })));
  expect(await Promise.all(streams.map(next))).toEqual([{ session: { title: 'old' } }, { session: { title: 'old' } }]);

  await updateSession(store, caller, { sessionId, title: 'new' });
  nowMs += FRESH_MS + 1;
  graphql.statements.length = 0;
  const told = await Promise.all(streams.map(next));

  expect(told).toEqual([{ session: { title: 'new' } }, { session: { title: 'new' } }]);
  expect(looks()).toBe(1);
  await Promise.all(streams.map((stream) => stream.return()));
});

it('so is an approval', async () => {
  const { store, caller, start } = graphql;
  const { id: sessionId } = await start(caller);
  const after = await last();
  const ask = async () => {
    const asked = { sessionId, type: 'OTHER', question: 'May I?', timeoutSeconds: 60 } as const;
    return (await requestApproval(store, caller, asked)).approval.id;
  };
  await ask();
  const approvalId = await ask();
  const stream = await graphql.watch('subscription ($after: SafeInt) { approvals(after: $after) { status } }', {
    after,
  });
  expect(await next(stream)).toEqual({ status: 'PENDING' });

  await resolveApproval(store, caller, { approvalId, resolution: 'APPROVED' });
  nowMs += FRESH_MS + 1;

  expect(await next(stream)).toEqual({ status: 'RESOLVED' });
  await stream.return();
});

it('equal consumers look once for each step of fifty events', async () => {
  const { caller, start } = graphql;
  const after = await last();
  for (let count = 0; count < 60; count++) await start(caller);
  const streams = await Promise.all([1, 2, 3].map(() => graphql.watch(TRANSITIONS, { after })));

  graphql.statements.length = 0;
  for (let count = 0; count < 50; count++) await Promise.all(streams.map(next));
  expect(looks()).toBe(1);
  for (let count = 50; count < 60; count++) await Promise.all(streams.map(next));
  expect(looks()).toBe(2);
  await Promise.all(streams.map((stream) => stream.return()));
});
