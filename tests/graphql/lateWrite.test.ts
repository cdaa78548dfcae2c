import { afterAll, beforeAll, expect, it } from 'vitest';
import { mutation, openGraphql, type TestGraphql } from '../support/graphql.js';

let graphql: TestGraphql;
let ended: string;
let successor: string;
let signalId: string;

beforeAll(async () => {
  graphql = await openGraphql();
  const conversation = { platform: 'test', externalId: 'late' };
  ended = (await graphql.act('startSession', { conversation }, 'session { id }')).session.id;
  signalId = (await graphql.act('sendSignal', { sessionId: ended, kind: 'NUDGE' }, 'signal { id }')).signal.id;
  await graphql.act('saveState', { sessionId: ended }, 'position');
  const moved = await graphql.act('transitionSession', { conversation, trigger: 'PLAN_TO_EXECUTE' }, 'session { id }');
  successor = moved.session.id;
});
afterAll(() => graphql[Symbol.asyncDispose]());

const LATE: [string, () => object][] = [
  ['heartbeat', () => ({})],
  ['heartbeat', () => ({ processAlive: false })],
  ['appendEvents', () => ({ events: [{ type: 'PROGRESS' }] })],
  ['createCheckpoint', () => ({ workState: {} })],
  ['logCommands', () => ({ commands: [{ commandType: 'tool', action: 'run' }] })],
  ['saveState', () => ({ expectedVersion: 1 })],
  ['suspendSession', () => ({})],
  ['resumeSession', () => ({})],
  ['reviveSession', () => ({})],
  ['updateSession', () => ({ title: 'late' })],
  ['initiateHandoff', () => ({ reason: 'MANUAL', checkpoint: { workState: {} } })],
  ['requestApproval', () => ({ question: '?' })],
  ['sendSignal', () => ({ kind: 'STOP' })],
  ['acknowledgeSignals', () => ({ signalIds: [signalId] })],
];

it.each(LATE)('%s after the end changes nothing and names the successor', async (name, input) => {
  const WHOLE = `query ($id: ID!) { session(by: { id: $id }) {
    version title checkpoints { totalCount } commands { totalCount } savedState { version status }
    approvals { id } pendingSignals { id } pendingHandoff { id } liveness { lastActivityAt }
  } }`;
  const before = await graphql.ask(WHOLE, { id: ended });
  const { extensions } = await graphql.refusal(mutation(name, '__typename'), {
    input: { sessionId: ended, ...input() },
  });
  expect(extensions).toMatchObject({
    code: 'SESSION_ENDED',
    retryable: false,
    sessionId: ended,
    endReason: 'PLAN_TO_EXECUTE',
    successorId: successor,
  });
  expect(await graphql.ask(WHOLE, { id: ended })).toEqual(before);
});

it('late writes are recorded once a minute, with a count', async () => {
  const document = `query ($id: ID!) { session(by: { id: $id }) {
    events(filter: { types: [LATE_WRITE_REJECTED] }) { nodes { level data } } } }`;
  const { events } = (await graphql.ask(document, { id: ended })).session;
  expect(events.nodes).toEqual([{ level: 'WARN', data: { count: 1, by: 'tester' } }]);
});
