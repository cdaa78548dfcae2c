import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/database/client.js';
import { encodeId } from '../../src/domain/id.js';
import { appendEvents, type EventInput } from '../../src/store/event.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { createRun } from '../../src/store/run.js';
import { endSession, type StartSessionInput } from '../../src/store/session.js';
import type { Caller } from '../../src/store/store.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const idOf = ({ id }: Session) => encodeId('Session', id);

describe('events that are searched', () => {
  let session: Session;
  let sequences: number[];

  const append = async ({ id }: Session, events: Partial<EventInput>[]) => {
    const whole = events.map((event) => ({ type: 'PROGRESS', level: 'INFO', ...event }) as const);
    const appended = await appendEvents(graphql.store, graphql.caller, { sessionId: id, events: whole });
    return appended.events.map(({ sequence }) => Number(sequence));
  };
  const EVENTS = `query ($id: ID!, $filter: EventFilter, $first: Int, $after: String, $last: Int, $before: String) {
    session(by: { id: $id }) { events(filter: $filter, first: $first, after: $after, last: $last, before: $before) {
      totalCount nodes { sequence session { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    } }
  }`;
  const page = async (filter: object, paging: object = {}): Promise<Data> =>
    (await graphql.ask(EVENTS, { id: idOf(session), filter, ...paging })).session.events;
  const found = async (search: string, filter: object = {}): Promise<number[]> =>
    (await page({ search, ...filter })).nodes.map(({ sequence }: Data) => sequence);

  beforeAll(async () => {
    session = await graphql.start(graphql.caller);
    sequences = await append(session, [
      { data: { text: 'The Quick brown fox', nested: [{ deep: 'jumps over' }] } },
      { data: { code: 4711, path: 'src/graphql/search.ts', quick: false } },
      { data: { text: 'quicker than the fox' }, level: 'ERROR', toolName: 'Bash', type: 'TOOL_ENDED' },
      { data: {}, metadata: { text: 'fox' }, toolName: 'fox', type: 'CUSTOM', name: 'fox' },
    ]);
  });

  it('hold all of the words and numbers, whole, in any order and case, at any depth', async () => {
    const [fox, code, quicker] = sequences as [number, number, number];
    expect(await found('FOX')).toEqual([fox, quicker]);
    expect(await found('over fox quick')).toEqual([fox]);
    expect(await found('4711')).toEqual([code]);
    expect(await found('src/graphql/search.ts')).toEqual([code]);
    for (const nothing of ['qui', '471', 'fox 4711', 'text', 'nested', '', '!?', '\0', '\ud800', "fox' or 1=1 --"]) {
      expect(await found(nothing), nothing).toEqual([]);
    }
  });

  it('match the rest of the filter too', async () => {
    const [fox, , quicker] = sequences as [number, number, number];
    expect(await found('fox', { levels: ['ERROR'] })).toEqual([quicker]);
    expect(await found('fox', { types: ['TOOL_ENDED'] })).toEqual([quicker]);
    expect(await found('fox', { toolName: 'Bash' })).toEqual([quicker]);
    expect(await found('fox', { types: [] })).toEqual([]);
    expect(await found('fox', { toolName: '\0' })).toEqual([]);
    expect(await found('fox', { since: '2020-01-01T00:00:00Z' })).toEqual([fox, quicker]);
    expect(await found('fox', { until: '2020-01-01T00:00:00Z' })).toEqual([]);
  });

  it('are paged from either end, and counted', async () => {
    const many = await graphql.start(graphql.caller);
    const all = await append(
      many,
      Array.from({ length: 25 }, (_, i) => ({ data: { text: i % 5 === 0 ? 'noise' : 'needle' } })),
    );
    const needles = all.filter((_, i) => i % 5 !== 0);
    const before = session;
    session = many;
    const read: number[] = [];
    for (let after: string | null = null; ;) {
      const { nodes, totalCount, pageInfo } = await page({ search: 'needle' }, { first: 3, after });
      expect(totalCount).toBe(needles.length);
      read.push(...nodes.map(({ sequence }: Data) => sequence));
      if (!pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    expect(read).toEqual(needles);
    const last = await page({ search: 'needle' }, { last: 3 });
    expect(last.nodes.map(({ sequence }: Data) => sequence)).toEqual(needles.slice(-3));
    const previous = await page({ search: 'needle' }, { last: 3, before: last.pageInfo.startCursor });
    expect(previous.nodes.map(({ sequence }: Data) => sequence)).toEqual(needles.slice(-6, -3));
    session = before;
  });

  it('of many sessions are found by one statement, beside a list that is not searched', async () => {
    const caller = await graphql.newCaller();
    const { run } = await createRun(graphql.store, caller, {});
    for (let i = 0; i < 5; i++) {
      const { id } = await graphql.start(caller, { runId: run.id });
      const events = [{ type: 'PROGRESS', level: 'INFO', data: { text: `needle ${i}` } }] as const;
      await appendEvents(graphql.store, caller, { sessionId: id, events });
    }
    const document = `query ($first: Int) { sessions(first: $first) { nodes {
      needles: events(filter: { search: "needle" }) { totalCount nodes { data } } all: events { nodes { id } }
    } } }`;
    const cost = async (first: number) => {
      graphql.statements.length = 0;
      const { sessions } = await graphql.ask(document, { first }, { caller });
      expect(sessions.nodes.map(({ needles, all }: Data) => [needles.totalCount, all.nodes.length])).toEqual(
        Array(first).fill([1, 3]),
      );
      return graphql.statements.length;
    };
    expect(await cost(1)).toBe(await cost(5));
    const ofRun =
      'query ($id: ID!) { run(id: $id) { events(filter: { search: "NEEDLE" }, last: 2) { totalCount nodes { data } } } }';
    const { events } = (await graphql.ask(ofRun, { id: encodeId('Run', run.id) }, { caller })).run;
    expect(events).toEqual({ totalCount: 5, nodes: [{ data: { text: 'needle 3' } }, { data: { text: 'needle 4' } }] });
  });

  it('are found by the index where they are rare', async () => {
    const { prisma } = graphql.database;
    const busy = await graphql.start(graphql.caller);
    const noise = Array.from({ length: 500 }, (_, i) => ({ data: { text: `noise of the day ${i}`.repeat(5) } }));
    for (let i = 0; i < 6; i++) await append(busy, noise);
    await prisma.$executeRaw`ANALYZE events`;
    graphql.statements.length = 0;
    await graphql.ask(EVENTS, { id: idOf(busy), filter: { search: 'fox' } });
    const sent = graphql.statements.find((sql) => /LATERAL[^]+plainto_tsquery/.test(sql)) ?? '';
    const values = [[busy.id], busy.projectId, 'fox', 51];
    const plan = await prisma.$queryRawUnsafe<{ 'QUERY PLAN': string }[]>(`EXPLAIN ${sent}`, ...values);
    expect(plan.map((row) => row['QUERY PLAN']).join('\n')).toContain('events_search');
  });

  it('are refused with a text beyond 512 characters', async () => {
    const { extensions } = await graphql.refusal(EVENTS, { id: idOf(session), filter: { search: 'x'.repeat(513) } });
    expect(extensions).toMatchObject({ code: 'VALIDATION', issues: [{ path: 'filter.search' }] });
    expect(await found('x'.repeat(512))).toEqual([]);
  });
});

describe('findSessions', () => {
  let caller: Caller;
  const find = async (hint: string): Promise<string[]> =>
    (
      await graphql.ask('query ($hint: String!) { findSessions(hint: $hint) { id } }', { hint }, { caller })
    ).findSessions.map(({ id }: Data) => id);
  const start = async (input: Partial<StartSessionInput> = {}) => idOf(await graphql.start(caller, input));

  beforeAll(async () => {
    caller = await graphql.newCaller();
  });

  it('finds an exact id or handle before one that begins with it, before an epic, before the newest', async () => {
    const exact = await start({ agentName: 'builder' });
    const longer = await start({ agentName: 'builder-2' });
    const instance = await start({ kind: 'SUPERVISOR', instanceId: 'builders-PS-abc123' });
    const external = await start({ externalId: 'ext%_1' });
    const epic = await start({ currentEpic: 'Build_it' });
    expect(await find('builder')).toEqual([exact]);
    expect(await find(longer)).toEqual([longer]);
    expect(await find('builders-PS-abc123')).toEqual([instance]);
    expect(await find('build')).toEqual([instance, longer, exact]);
    expect(await find('ext%')).toEqual([external]);
    expect(await find('build_IT')).toEqual([epic]);
    const newest = [epic, external, instance, longer, exact];
    // Wildcards are no wildcards, and three characters are no prefix.
    for (const hint of ['', 'bui', 'builder_2', '%%%%', 'nothing of the kind', '\0', 'ses_', 'evt_']) {
      expect(await find(hint), hint).toEqual(newest);
    }
  });

  it('finds by the beginning of an id, the newest first and at most 10', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 12; i++) ids.unshift(await start());
    const common = 'ses_0';
    expect(await find(common)).toEqual(ids.slice(0, 10));
    expect(await find(ids[11]!.slice(0, -1))).toEqual([ids[11]]);
    expect(await find(ids[11]!.toUpperCase())).not.toEqual([ids[11]]);
  });

  it('finds by the epic that a heartbeat named last, ended sessions too', async () => {
    const session = await graphql.start(caller);
    await heartbeat(graphql.store, caller, { sessionId: session.id, currentEpic: 'epic of the heart' });
    await endSession(graphql.store, caller, { sessionId: session.id, reason: 'FINISHED', outcome: 'UNKNOWN' });
    expect(await find('Epic of the Heart')).toEqual([idOf(session)]);
  });

  it('finds nothing of another project', async () => {
    const stranger = { caller: await graphql.newCaller() };
    const id = await start({ agentName: 'mine' });
    for (const hint of [id, 'mine', id.slice(0, 20), '']) {
      expect(
        await graphql.ask('query ($hint: String!) { findSessions(hint: $hint) { id } }', { hint }, stranger),
      ).toEqual({
        findSessions: [],
      });
    }
  });
});
