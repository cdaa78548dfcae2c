import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endSession } from '../../src/store/session.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';

const SESSIONS = `query ($first: Int, $after: String, $last: Int, $before: String, $orderBy: SessionOrder, $filter: SessionFilter) {
  list: sessions(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy, filter: $filter) {
    totalCount edges { cursor node { id startedAt endedAt } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;
const EVENTS = `query ($first: Int, $after: String, $last: Int, $before: String, $id: ID!) {
  node(id: $id) { ... on Session { list: events(first: $first, after: $after, last: $last, before: $before) {
    totalCount edges { cursor node { id sequence } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  } } }
}`;

interface Edge {
  cursor: string;
  node: { id: string; endedAt: string | null; startedAt: string };
}

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
  const { store, caller, start } = graphql;
  // Three moments for twelve sessions, and ends for half of them: there are ties, and there are nulls.
  const moments = [3, 2, 1].map((hours) => new Date(Date.now() - hours * 3_600_000));
  for (let i = 0; i < 12; i++) {
    const { id } = await start(caller, { taskId: 'many', occurredAt: moments[i % 3] });
    if (i % 2 === 0) {
      const end = { sessionId: id, reason: 'FINISHED', outcome: 'UNKNOWN', occurredAt: moments[2] } as const;
      await endSession(store, caller, end);
    }
  }
});
afterAll(() => graphql[Symbol.asyncDispose]());

async function page(variables: Record<string, unknown>): Promise<Data> {
  const { list } = await graphql.ask(SESSIONS, { filter: { taskId: 'many' }, ...variables });
  return list;
}

/** The whole list, as paging by `size` from its start or from its end finds it. */
async function walk(variables: Record<string, unknown>, size: number, backwards = false): Promise<Edge[]> {
  const found: Edge[] = [];
  for (let cursor: string | null = null; ;) {
    const paging = backwards ? { last: size, before: cursor } : { first: size, after: cursor };
    const { edges, pageInfo } = await page({ ...variables, ...paging });
    if (backwards) found.unshift(...edges);
    else found.push(...edges);
    cursor = backwards ? pageInfo.startCursor : pageInfo.endCursor;
    if (!(backwards ? pageInfo.hasPreviousPage : pageInfo.hasNextPage)) return found;
  }
}

const ORDERS = ['STARTED_AT', 'LAST_ACTIVITY_AT', 'ENDED_AT'].flatMap((field) =>
  ['ASC', 'DESC'].map((direction) => ({ field, direction })),
);

describe.each(ORDERS)('sessions by $field $direction', (orderBy) => {
  it('are found once each, with pages of any size, from either end', async () => {
    const whole = await walk({ orderBy }, 500);
    expect(new Set(whole.map(({ node }) => node.id)).size).toBe(12);
    for (const size of [1, 2, 5, 12, 13]) {
      expect(await walk({ orderBy }, size)).toEqual(whole);
      expect(await walk({ orderBy }, size, true)).toEqual(whole);
    }
  });
});

describe('the order of sessions', () => {
  it('is by the field, then by id, with nulls last in either direction', async () => {
    for (const direction of ['ASC', 'DESC']) {
      const sign = direction === 'ASC' ? 1 : -1;
      const nodes = (await walk({ orderBy: { field: 'ENDED_AT', direction } }, 500)).map(({ node }) => node);
      const sorted = nodes.toSorted((a, b) => {
        if (a.endedAt === b.endedAt) return sign * (a.id < b.id ? -1 : 1);
        if (a.endedAt === null || b.endedAt === null) return a.endedAt === null ? 1 : -1;
        return sign * (a.endedAt < b.endedAt ? -1 : 1);
      });
      expect(nodes).toEqual(sorted);
      expect(nodes.map(({ endedAt }) => endedAt !== null)).toEqual(nodes.map((_, i) => i < 6));
    }
  });

  it('is the newest first where none is asked for', async () => {
    const orderBy = { field: 'STARTED_AT', direction: 'DESC' };
    expect(await walk({}, 500)).toEqual(await walk({ orderBy }, 500));
  });
});

describe('a page', () => {
  it('tells whether the list goes on, and where it begins and ends', async () => {
    const [first, second, third] = (await page({ first: 3 })).edges;
    expect((await page({ first: 2 })).pageInfo).toEqual({
      hasNextPage: true,
      hasPreviousPage: false,
      startCursor: first.cursor,
      endCursor: second.cursor,
    });
    expect((await page({ last: 1, before: third.cursor })).edges).toEqual([second]);
    expect((await page({ before: third.cursor })).edges).toEqual([first, second]);
    expect((await page({ last: 12 })).pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false });
    expect((await page({ first: 12 })).pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false });
  });

  it('of no entries has no cursors', async () => {
    const pageInfo = { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null };
    expect(await page({ filter: { taskId: 'none' } })).toEqual({ totalCount: 0, edges: [], pageInfo });
    expect(await page({ first: 0 })).toEqual({
      totalCount: 12,
      edges: [],
      pageInfo: { ...pageInfo, hasNextPage: true },
    });
  });

  it('has 50 entries unless it is asked for more, and 500 at most', async () => {
    const { caller, start } = graphql;
    for (let i = 0; i < 53; i++) await start(caller, { taskId: 'fifty' });
    const filter = { taskId: 'fifty' };
    expect((await page({ filter })).edges).toHaveLength(50);
    expect((await page({ filter, first: 52 })).edges).toHaveLength(52);
    expect((await page({ filter, last: 500 })).edges).toHaveLength(53);
  });

  it('is not shifted by what begins meanwhile', async () => {
    const { caller, start } = graphql;
    for (let i = 0; i < 4; i++) await start(caller, { taskId: 'moving' });
    const filter = { taskId: 'moving' };
    const before = await page({ filter, first: 2 });
    await start(caller, { taskId: 'moving' });
    const after = await page({ filter, after: before.pageInfo.endCursor });
    expect(after.edges).toHaveLength(2);
    expect(after.totalCount).toBe(5);
  });

  it('goes on after an entry that has been deleted', async () => {
    const { caller, database, start } = graphql;
    const { id } = await start(caller, { taskId: 'fleeting' });
    await start(caller, { taskId: 'fleeting' });
    const orderBy = { field: 'STARTED_AT', direction: 'ASC' };
    const filter = { taskId: 'fleeting' };
    const { pageInfo, edges } = await page({ filter, orderBy, first: 1 });
    const rest = await page({ filter, orderBy, after: pageInfo.endCursor });
    await database.prisma.$transaction([
      database.prisma.$executeRaw`SET LOCAL session_replication_role = replica`,
      database.prisma.$executeRaw`DELETE FROM events WHERE session_id = ${id}::uuid`,
      database.prisma.$executeRaw`DELETE FROM pulses WHERE session_id = ${id}::uuid`,
      database.prisma.$executeRaw`DELETE FROM sessions WHERE id = ${id}::uuid`,
    ]);
    expect((await page({ filter, orderBy })).edges).toHaveLength(1);
    expect((await page({ filter, orderBy, after: edges[0].cursor })).edges).toEqual(rest.edges);
  });
});

describe('a list of a row', () => {
  let id: string;
  const events = async (paging: Record<string, unknown>): Promise<Data> =>
    (await graphql.ask(EVENTS, { id, ...paging })).node.list;

  beforeAll(async () => {
    const { session } = (await graphql.ask('mutation { startSession(input: {}) { session { id } } }')).startSession;
    id = session.id;
    const input = { sessionId: id, events: Array.from({ length: 6 }, () => ({ type: 'PROGRESS' })) };
    await graphql.ask('mutation ($input: AppendEventsInput!) { appendEvents(input: $input) { position } }', { input });
  });

  it('is paged through in both directions', async () => {
    const all = await events({});
    const count = all.totalCount;
    expect(all.edges.map(({ node }: Data) => node.sequence)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    expect((await events({ last: 2 })).edges).toEqual(all.edges.slice(-2));
    expect((await events({ first: 2, after: all.edges[1].cursor })).edges).toEqual(all.edges.slice(2, 4));
    expect((await events({ last: 2, before: all.edges[4].cursor })).edges).toEqual(all.edges.slice(2, 4));
    expect((await events({ last: 2 })).pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false });
  });

  it('counts what its filter lets through, whatever the page', async () => {
    const document = `query ($id: ID!) { node(id: $id) { ... on Session {
      all: events(first: 1) { totalCount } some: events(first: 1, filter: { types: PROGRESS }) { totalCount nodes { type } }
      none: events(filter: { types: [] }) { totalCount nodes { type } } } } }`;
    const { node } = await graphql.ask(document, { id });
    expect(node.some).toEqual({ totalCount: 6, nodes: [{ type: 'PROGRESS' }] });
    expect(node.all.totalCount).toBeGreaterThan(6);
    expect(node.none).toEqual({ totalCount: 0, nodes: [] });
  });

  it('takes no cursor of another list', async () => {
    const foreign = (await page({ first: 1 })).pageInfo.endCursor;
    expect(await graphql.refusal(EVENTS, { id, after: foreign })).toMatchObject({ extensions: { code: 'VALIDATION' } });
  });
});

describe('what is no page', () => {
  it.each([
    [{ first: -1 }, 'first'],
    [{ last: -1 }, 'last'],
    [{ first: 501 }, 'first'],
    [{ last: 2 ** 31 - 1 }, 'last'],
    [{ first: 1, last: 1 }, 'first'],
    [{ after: 'WyJ4Il0', before: 'WyJ4Il0' }, 'after'],
    [{ first: 1, before: 'WyJ4Il0' }, 'first'],
  ])('%j is refused with the path', async (paging, path) => {
    const { extensions } = await graphql.refusal(SESSIONS, paging);
    expect(extensions).toMatchObject({ code: 'VALIDATION', retryable: false, issues: [{ path }] });
  });

  it('a cursor that the list does not write is refused with the path', async () => {
    const { cursor } = (await page({ first: 1 })).edges[0];
    const forged = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');
    const uuid = '01890000-0000-7000-8000-000000000000';
    const name = 'STARTED_AT DESC';
    const broken = [
      '',
      'zzz',
      'é✓',
      '\u0000',
      'A'.repeat(20_000),
      `${cursor}x`,
      `${cursor}=`,
      cursor.slice(0, -2),
      forged(name),
      forged(name, null, uuid),
      forged(name, '1', uuid, uuid),
      forged(name, 1, uuid),
      forged(name, '9'.repeat(16), uuid),
      forged(name, '9'.repeat(15), uuid),
      forged(name, 'x', uuid),
      forged(name, '1', "' OR true --"),
      forged('ENDED_AT DESC', '1', uuid),
      Buffer.from('{"$gt":0}').toString('base64url'),
    ];
    for (const after of broken) {
      const { extensions } = await graphql.refusal(SESSIONS, { after });
      expect(extensions, after).toMatchObject({ code: 'VALIDATION', issues: [{ path: 'after' }] });
    }
    expect((await page({ after: forged(name, '1', uuid) })).edges).toEqual([]);
  });
});
