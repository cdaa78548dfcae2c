import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { transitionSession } from '../../src/store/conversation.js';
import { appendEvents } from '../../src/store/event.js';
import { createRun } from '../../src/store/run.js';
import { openGraphql, type TestGraphql } from '../support/graphql.js';

// What a document costs must not grow with the rows that it finds.
let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
  const { store, caller, start } = graphql;
  const { run } = await createRun(store, caller, { externalId: 'run' });
  const root = await start(caller, { runId: run.id, agentName: 'root' });
  for (let i = 0; i < 20; i++) {
    const conversation = { platform: 'test', externalId: `c${i}` };
    const first = await start(caller, { runId: run.id, spawnedById: root.id, conversation });
    const events = Array.from({ length: 5 }, () => ({ type: 'PROGRESS', level: 'INFO' }) as const);
    await appendEvents(store, caller, { sessionId: first.id, events });
    await transitionSession(store, caller, { conversation, trigger: 'PLAN_TO_EXECUTE' });
    await transitionSession(store, caller, { conversation, trigger: 'CONTEXT_COMPACTED' });
  }
});
afterAll(() => graphql[Symbol.asyncDispose]());

/** How many statements the document takes, with pages of so many sessions. */
async function cost(document: string, first: number): Promise<number> {
  graphql.statements.length = 0;
  await graphql.ask(document, { first });
  return graphql.statements.length;
}

describe('a page of sessions', () => {
  it.each([
    ['the rows alone', '{ id state metadata isOpen registryStatus workspace { branchName } }', 1],
    ['their neighbours', '{ parent { id } spawnedBy { id } conversation { id } run { id } }', 1],
    [
      'their neighbours through fragments',
      '{ ...N ... on Session { run { id } } } fragment N on Session { parent { id } }',
      1,
    ],
    ['their ancestors, one by one', '{ parent { parent { parent { id } } } }', 1],
    [
      'what their heartbeats say',
      '{ contextPercent activity liveness { silentSeconds policy { stallAfterSeconds } } }',
      1,
    ],
    ['the places of lists without their entries', '{ children { pageInfo { hasNextPage endCursor } } }', 1],
    ['their newest events', '{ events(last: 3) { nodes { id position session { id } } } }', 1],
    [
      'lists in lists',
      '{ children(first: 2) { totalCount edges { cursor node { events(first: 1) { nodes { id } } } } } }',
      1,
    ],
    ['one list twice', '{ a: events(first: 1) { nodes { id } } b: events(last: 1) { nodes { id } } }', 2],
    ['their chains', '{ chain { id run { id } } }', 2],
    ['the roots of their chains', '{ chainRoot { id } }', 2],
    ['their events by type', '{ eventCounts { type count } }', 2],
    ['their runs, counted', '{ run { agentCount workersFinished sessionsByState { count } } }', 4],
    [
      'their newest records',
      '{ latestCheckpoint { id } savedState { id } pendingHandoff { id } pendingSignals { id } approvals { id } }',
      1,
    ],
    ['their records, counted', '{ checkpoints(first: 1) { totalCount nodes { id } } commands { totalCount } }', 1],
    ['what their commands come to', '{ commandStats { count p95Ms byTool { count } } }', 2],
    ['since when they wait', '{ liveness { waitingSince } }', 2],
    ['what they were', '{ replay { state lastEventType } early: replay(toSequence: 1) { state } }', 3],
    ['what was recorded of them', '{ timeline(first: 3) { totalCount nodes { __typename } } }', 6],
    ['the open sessions of their conversations', '{ conversation { openSession { id } sessions { totalCount } } }', 1],
  ])('costs the same whatever its size, with %s', async (_what, selection, most) => {
    const [nodes, ...fragments] = selection.split(/(?= fragment )/);
    const document = `query ($first: Int) { sessions(first: $first) { nodes ${nodes} } } ${fragments.join('')}`;
    const few = await cost(document, 2);
    expect(await cost(document, 50)).toBe(few);
    expect(few).toBeLessThanOrEqual(most);
  });

  it('costs one statement more with its totalCount, and one alone with nothing else', async () => {
    expect(await cost('query ($first: Int) { sessions(first: $first) { totalCount nodes { id } } }', 50)).toBe(2);
    expect(await cost('query ($first: Int) { sessions(first: $first) { totalCount } }', 50)).toBe(1);
    expect(await cost('query ($first: Int) { sessions(first: $first) { pageInfo { endCursor } } }', 50)).toBe(1);
  });
});

it('nodes of one type are found by one statement', async () => {
  const { sessions } = await graphql.ask('{ sessions { nodes { id } } }');
  const ids = sessions.nodes.map(({ id }: { id: string }) => id);
  graphql.statements.length = 0;
  const { nodes } = await graphql.ask('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids });
  expect(nodes).toEqual(sessions.nodes);
  expect(graphql.statements).toHaveLength(1);
});

it('the sessions of a stretch of the log are found by one statement', async () => {
  graphql.statements.length = 0;
  const { log } = await graphql.ask('{ log(first: 500) { events { id session { id parent { id } } run { id } } } }');
  expect(log.events.length).toBeGreaterThan(100);
  expect(graphql.statements).toHaveLength(2);
});
