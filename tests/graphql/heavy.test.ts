// Pages of documents: no answer weighs more than a server can carry many of, and what is left out comes with the next page.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/store/store.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { logCommands } from '../../src/store/command.js';
import { appendEvents } from '../../src/store/event.js';
import { encodeId } from '../../src/domain/id.js';
import { READ_LIMITS } from '../../src/graphql/budget.js';
import { LIST_BYTES } from '../../src/graphql/heavy.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';

const KIB = 1024;
const filling = (bytes: number) => ({ filling: 'x'.repeat(bytes) });
const bytesOf = (value: Data): number => Buffer.byteLength(JSON.stringify(value));

let graphql: TestGraphql;
let session: Session;
const others: Session[] = [];

const EVENTS = 45;
const CHECKPOINTS = 5;
const OTHERS = 10;

beforeAll(async () => {
  graphql = await openGraphql();
  const { store, caller, start } = graphql;
  session = await start(caller, { agentName: 'heavy' });
  const sessionId = session.id;
  const told = { type: 'PROGRESS', level: 'INFO', data: { ...filling(200 * KIB), it: 'found' } } as const;
  for (let i = 0; i < EVENTS; i += 15) await appendEvents(store, caller, { sessionId, events: Array(15).fill(told) });
  const done = {
    commandType: 'tool',
    action: 'read',
    success: true,
    source: 'AUTO',
    result: filling(200 * KIB),
  } as const;
  for (let i = 0; i < EVENTS; i += 15) await logCommands(store, caller, { sessionId, commands: Array(15).fill(done) });
  const picture = { type: 'MANUAL', trigger: 'MANUAL', workState: filling(3 * KIB * KIB) } as const;
  for (let i = 0; i < CHECKPOINTS; i++) await createCheckpoint(store, caller, { sessionId, ...picture });
  for (let i = 0; i < OTHERS; i++) {
    const other = await start(caller, { agentName: `other ${i}` });
    others.push(other);
    await createCheckpoint(store, caller, { sessionId: other.id, ...picture });
  }
}, 60_000);
afterAll(() => graphql[Symbol.asyncDispose]());

const SESSION = (list: string) => `query ($cursor: String) { session(by: { agentName: "heavy" }) { list: ${list} } }`;

/** All entries of a list, page by page, and how much each page weighed. */
async function walk(document: string, from: 'start' | 'end', pick = (data: Data): Data => data.session.list) {
  const ids: string[] = [];
  const pages: number[] = [];
  for (let cursor: string | null = null; ;) {
    const answer = await graphql.ask(document, { cursor });
    const { nodes, pageInfo } = pick(answer);
    pages.push(bytesOf(answer));
    const page = nodes.map(({ id }: { id: string }) => id);
    if (from === 'start') ids.push(...page);
    else ids.unshift(...page);
    if (!(from === 'start' ? pageInfo.hasNextPage : pageInfo.hasPreviousPage)) return { ids, pages };
    cursor = from === 'start' ? pageInfo.endCursor : pageInfo.startCursor;
  }
}

describe('a list of documents', () => {
  const PAGE = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
  it.each([
    ['events', 'start', SESSION(`events(first: 500, after: $cursor) { nodes { id data } ${PAGE} }`), EVENTS, 'session'],
    ['events', 'end', SESSION(`events(last: 500, before: $cursor) { nodes { id data } ${PAGE} }`), EVENTS, 'session'],
    [
      'commands',
      'start',
      SESSION(`commands(first: 500, after: $cursor) { nodes { id result } ${PAGE} }`),
      EVENTS,
      'session',
    ],
    [
      'checkpoints',
      'start',
      SESSION(`checkpoints(after: $cursor) { nodes { id workState } ${PAGE} }`),
      CHECKPOINTS,
      'session',
    ],
    [
      'commands',
      'start',
      `query ($cursor: String) { list: commands(after: $cursor) { nodes { id result } ${PAGE} } }`,
      EVENTS,
      'project',
    ],
    [
      'checkpoints',
      'start',
      `query ($cursor: String) { list: checkpoints(after: $cursor) { nodes { id workState } ${PAGE} } }`,
      CHECKPOINTS + OTHERS,
      'project',
    ],
    [
      'events that are found',
      'start',
      SESSION(`events(first: 500, after: $cursor, filter: { search: "found" }) { nodes { id data } ${PAGE} }`),
      EVENTS,
      'session',
    ],
    [
      'the timeline',
      'start',
      SESSION(
        `timeline(first: 500, after: $cursor) { nodes { ... on Node { id } ... on Event { data } ... on Command { result } ... on Checkpoint { workState } } ${PAGE} }`,
      ),
      2 * EVENTS + CHECKPOINTS,
      'session',
    ],
  ] as const)(
    'of %s from its %s comes in pages that weigh little, each entry once',
    async (_, from, document, least, of) => {
      const pick = (data: Data): Data => (of === 'session' ? data.session.list : data.list);
      const { ids, pages } = await walk(document, from, pick);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.length).toBeGreaterThanOrEqual(least);
      expect(pages.length).toBeGreaterThan(1);
      expect(Math.max(...pages)).toBeLessThan(LIST_BYTES + 64 * KIB);
      const light = await walk(document.replaceAll(/ (data|result|workState) /g, ' __typename '), from, pick);
      expect(ids).toEqual(light.ids);
    },
  );

  it('is as long as it was asked to be where it weighs little', async () => {
    const document = SESSION('events(first: 30) { nodes { data } pageInfo { hasNextPage } }').replace(
      '($cursor: String)',
      '',
    );
    const { list } = (await graphql.ask(document)).session;
    expect([list.nodes.length, list.pageInfo.hasNextPage]).toEqual([30, true]);
  });

  it.each([
    ['events(first: 45) { nodes { id type } }', /"(data|metadata)"/, EVENTS],
    ['checkpoints { nodes { id summary } }', /"(work_state|metadata)"/, CHECKPOINTS],
    ['commands(first: 45) { nodes { id action } }', /"(parameters|result|context_data)"/, EVENTS],
  ])('is whole, and no document is read, where none is asked for: %s', async (list, columns, count) => {
    graphql.statements.length = 0;
    const { session } = await graphql.ask(SESSION(list).replace('($cursor: String)', ''));
    expect(session.list.nodes).toHaveLength(count);
    expect(graphql.statements.filter((statement) => columns.test(statement))).toEqual([]);
  });
});

describe('lists of documents in a list', () => {
  const LISTS = (first: number, size: number) =>
    `{ sessions(first: ${first}) { nodes { id checkpoints(first: ${size}) { nodes { id workState } pageInfo { hasNextPage } } } } }`;

  it('share what an answer can carry, each with an entry at least', async () => {
    graphql.statements.length = 0;
    const ids = [session, ...others.slice(0, 2)].map(({ id }) => encodeId('Session', id));
    const { nodes: sessions } = await graphql.ask(
      `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Session {
        agentName checkpoints { nodes { id workState } pageInfo { hasNextPage } } } } }`,
      { ids },
    );
    const told = sessions.map(({ agentName, checkpoints: { nodes, pageInfo } }: Data) => [
      agentName,
      nodes.length,
      pageInfo.hasNextPage,
    ]);
    expect(told).toEqual([
      ['heavy', 1, true],
      ['other 0', 1, false],
      ['other 1', 1, false],
    ]);
    expect(graphql.statements).toHaveLength(3);
  });

  it('are refused where that is too much', async () => {
    const { extensions } = await graphql.refusal(LISTS(50, 1));
    expect(extensions).toMatchObject({ code: 'QUERY_TOO_COSTLY', rule: 'bytes', limit: READ_LIMITS.bytes });
    expect(extensions.actual).toBeGreaterThan(READ_LIMITS.bytes);
  });
});

it('a list twice, once with its documents, is two lists', async () => {
  const id = encodeId('Session', session.id);
  const { node } = await graphql.ask(
    `{ node(id: "${id}") { ... on Session { a: commands(first: 2) { nodes { result } } b: commands(first: 3) { nodes { id } } } } }`,
  );
  expect([node.a.nodes.length, node.b.nodes.length]).toEqual([2, 3]);
  expect(node.a.nodes.map(({ result }: Data) => result.filling.length)).toEqual([200 * KIB, 200 * KIB]);
});

describe('a plan to go on with', () => {
  const PLAN = (fields: string) =>
    `{ session(by: { agentName: "planned" }) { resumePlan(maxEvents: 500) { ${fields} } } }`;

  beforeAll(async () => {
    const { store, caller, start } = graphql;
    const { id: sessionId } = await start(caller, { agentName: 'planned' });
    const told = { type: 'PROGRESS', level: 'INFO', data: filling(200 * KIB) } as const;
    for (let i = 0; i < EVENTS; i += 15) await appendEvents(store, caller, { sessionId, events: Array(15).fill(told) });
  });

  it('tells the newest events that an answer can carry', async () => {
    const { events } = (await graphql.ask(PLAN('events { sequence data }'))).session.resumePlan;
    const { events: all } = (await graphql.ask(PLAN('events { sequence }'))).session.resumePlan;
    expect(all).toHaveLength(EVENTS);
    expect(events.length).toBeGreaterThan(1);
    expect(bytesOf(events)).toBeLessThan(LIST_BYTES + 64 * KIB);
    expect(events.map(({ sequence }: Data) => ({ sequence }))).toEqual(all.slice(-events.length));
  });

  it('reads no document that it is not asked for', async () => {
    graphql.statements.length = 0;
    const { source } = (await graphql.ask(PLAN('source confidence nextSteps events { id }'))).session.resumePlan;
    expect(source).toBe('EVENTS');
    const documents = /"(data|work_state|result|conversation_history)"/;
    expect(graphql.statements.filter((statement) => documents.test(statement))).toEqual([]);
  });
});

it('lists side by side are refused where they weigh too much together', async () => {
  const lists = Array.from({ length: 5 }, (_, i) => `l${i}: events(last: 500) { nodes { data } }`).join(' ');
  const { extensions } = await graphql.refusal(`{ session(by: { agentName: "heavy" }) { ${lists} } }`);
  expect(extensions).toMatchObject({ code: 'QUERY_TOO_COSTLY', rule: 'bytes', limit: READ_LIMITS.bytes });
});
