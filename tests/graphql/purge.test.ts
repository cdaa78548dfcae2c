import { afterAll, beforeAll, expect, it } from 'vitest';
import { mutation, openGraphql, type Data, type TestGraphql } from '../support/graphql.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const act: TestGraphql['act'] = (...call) => graphql.act(...call);
const COUNTS = 'sessions events checkpoints commands dryRun position';
const start = async (input: object = {}): Promise<string> =>
  (await act('startSession', input, 'session { id }')).session.id;
const read = async (id: string, selection: string): Promise<Data> =>
  (await graphql.ask(`query ($id: ID!) { session(by: { id: $id }) { ${selection} } }`, { id })).session;

it('purgeSessions counts what would go, and deletes it only when it is told to', async () => {
  const agentName = 'purged';
  const first = await start({ agentName });
  await act('createCheckpoint', { sessionId: first, workState: {} }, 'position');
  await act('logCommands', { sessionId: first, commands: [{ commandType: 'tool', action: 'run' }] }, 'position');
  const { checkpoint } = await act('createCheckpoint', { sessionId: first, workState: {} }, 'checkpoint { id }');
  await act('endSession', { sessionId: first, reason: 'FINISHED' }, 'position');
  const second = await start({ agentName });
  const filter = { agentName };
  const dry = await act('purgeSessions', { filter }, COUNTS);
  expect(dry).toMatchObject({ sessions: 1, events: 6, checkpoints: 2, commands: 1, dryRun: true });
  expect(await read(first, 'id')).not.toBeNull();
  const wet = await act('purgeSessions', { filter, dryRun: false }, COUNTS);
  expect(wet).toEqual({ ...dry, dryRun: false, position: dry.position + 1 });
  expect(await read(first, 'id')).toBeNull();
  expect(await graphql.ask('query ($id: ID!) { node(id: $id) { id } }', checkpoint)).toEqual({ node: null });
  // What stays is readable as before: only its edge to what is gone is cut.
  expect(await read(second, 'parent { id } chainIndex chain { id } isOpen')).toEqual({
    parent: null,
    chainIndex: 1,
    chain: [{ id: second }],
    isOpen: true,
  });
  expect(await act('purgeSessions', { filter, force: true, dryRun: false }, COUNTS)).toMatchObject({ sessions: 1 });
  expect(await read(second, 'id')).toBeNull();
});

it('purgeSessions deletes nothing for ids that name none, and refuses an empty filter', async () => {
  const sessionIds = ['malformed', (await start()).replace('ses_', 'run_')];
  expect(await act('purgeSessions', { filter: { sessionIds }, force: true, dryRun: false }, COUNTS)).toMatchObject({
    sessions: 0,
    events: 0,
  });
  const { extensions } = await graphql.refusal(mutation('purgeSessions', 'position'), { input: { filter: {} } });
  expect(extensions).toMatchObject({ code: 'VALIDATION', issues: [{ path: 'input.filter' }] });
});

it.each(['OBSERVER', 'AGENT'] as const)(
  'purgeSessions and importSessions are refused to a caller who is %s',
  async (role) => {
    const as = { caller: { ...graphql.caller, role } };
    for (const [name, input] of [
      ['purgeSessions', { filter: { all: true } }],
      ['importSessions', { source: 'x', runs: [], sessions: [] }],
    ] as const) {
      const { extensions } = await graphql.refusal(mutation(name, 'position'), { input }, as);
      expect(extensions).toMatchObject({ code: 'FORBIDDEN', retryable: false, required: 'ADMIN' });
    }
  },
);
