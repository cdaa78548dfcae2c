import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/database/client.js';
import { encodeId } from '../../src/domain/id.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { logCommands } from '../../src/store/command.js';
import { appendEvents } from '../../src/store/event.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const append = ({ id }: Session, count = 1) =>
  appendEvents(graphql.store, graphql.caller, {
    sessionId: id,
    events: Array.from({ length: count }, () => ({ type: 'PROGRESS', level: 'INFO' }) as const),
  });
const log = ({ id }: Session, count = 1) =>
  logCommands(graphql.store, graphql.caller, {
    sessionId: id,
    commands: Array.from(
      { length: count },
      () => ({ commandType: 'tool', action: 'run', success: true, source: 'AUTO' }) as const,
    ),
  });
const take = ({ id }: Session) =>
  createCheckpoint(graphql.store, graphql.caller, { sessionId: id, type: 'MANUAL', trigger: 'MANUAL', workState: {} });

const TIMELINE = `query ($id: ID!, $first: Int, $after: String) { session(by: { id: $id }) {
  timeline(first: $first, after: $after) {
    totalCount
    edges { cursor node { __typename ... on Node { id } ... on Event { type sequence } ... on Command { number: sequence } ... on Checkpoint { number: sequence } } }
    pageInfo { hasNextPage hasPreviousPage endCursor }
  }
} }`;
const page = async ({ id }: Session, paging: object = {}): Promise<Data> =>
  (await graphql.ask(TIMELINE, { id: encodeId('Session', id), ...paging })).session.timeline;
const nodes = ({ edges }: Data): Data[] => edges.map(({ node }: Data) => node);

/** How an entry reads: the type of an event, the kind and number of another. */
const told = ({ __typename, type, number }: Data): string => type ?? `${__typename} ${number}`;

/** All of a timeline, in pages of this size. */
async function walk(session: Session, first: number): Promise<Data[]> {
  const entries: Data[] = [];
  for (let after: string | null = null; ;) {
    const read = await page(session, { first, after });
    entries.push(...nodes(read));
    if (!read.pageInfo.hasNextPage) return entries;
    after = read.pageInfo.endCursor;
  }
}

describe('the timeline of a session', () => {
  it('puts commands and checkpoints where they were recorded among its events', async () => {
    const session = await graphql.start(graphql.caller);
    await log(session, 2);
    await append(session);
    await take(session);
    await take(session);
    await log(session);
    const timeline = await page(session);
    expect(nodes(timeline).map(told)).toEqual([
      'SESSION_STARTED',
      'SESSION_STATE_CHANGED',
      'Command 1',
      'COMMAND_LOGGED',
      'Command 2',
      'COMMAND_LOGGED',
      'PROGRESS',
      'Checkpoint 1',
      'CHECKPOINT_CREATED',
      'Checkpoint 2',
      'CHECKPOINT_CREATED',
      'Command 3',
      'COMMAND_LOGGED',
    ]);
    // E + C + K, and no product.
    expect(timeline.totalCount).toBe(8 + 3 + 2);
    expect(timeline.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false });
  });

  it('is the same whatever the size of its pages', async () => {
    const session = await graphql.start(graphql.caller);
    for (let round = 0; round < 6; round++) {
      await log(session, round + 1);
      await take(session);
      await append(session, 2);
    }
    const whole = nodes(await page(session, { first: 500 }));
    expect(new Set(whole.map(({ id }) => id)).size).toBe(whole.length);
    for (const size of [1, 2, 3, 7, whole.length]) expect(await walk(session, size)).toEqual(whole);
  });

  it('is read without gap or repeat while writers add to it', async () => {
    const session = await graphql.start(graphql.caller);
    await heartbeat(graphql.store, graphql.caller, { sessionId: session.id });
    await append(session);
    const written = { rounds: 0 };
    const writers = (async () => {
      for (; written.rounds < 20; written.rounds++) {
        await Promise.all([append(session, 3), log(session, 2), take(session), log(session), append(session)]);
      }
    })();
    const entries: Data[] = [];
    let pages = 0;
    for (let after: string | null = null; ;) {
      const wasWriting = written.rounds < 20;
      const read = await page(session, { first: 7, after });
      entries.push(...nodes(read));
      after = read.edges.at(-1)?.cursor ?? after;
      if (wasWriting) pages += 1;
      else if (!read.pageInfo.hasNextPage) break;
    }
    await writers;
    expect(pages).toBeGreaterThan(5);
    expect(entries).toEqual(await walk(session, 500));
    // Each command and each checkpoint besides its event.
    expect(entries).toHaveLength(3 + 20 * (4 + 2 * 4));
  });

  it('goes on after its last entry with what came later', async () => {
    const session = await graphql.start(graphql.caller);
    const first = await page(session);
    await take(session);
    const after = first.edges.at(-1).cursor;
    expect(nodes(await page(session, { after })).map(told)).toEqual([
      'SESSION_STATE_CHANGED',
      'Checkpoint 1',
      'CHECKPOINT_CREATED',
    ]);
  });

  it('refuses a broken cursor, one of another list, and a size out of bounds', async () => {
    const session = await graphql.start(graphql.caller);
    const id = encodeId('Session', session.id);
    const { events } = (
      await graphql.ask('query ($id: ID!) { session(by: { id: $id }) { events { edges { cursor } } } }', { id })
    ).session;
    const broken = Buffer.from(JSON.stringify(['timeline', '1', '2'])).toString('base64url');
    for (const paging of [
      { after: 'x' },
      { after: events.edges[0].cursor },
      { after: broken },
      { first: 501 },
      { first: -1 },
    ]) {
      const { extensions } = await graphql.refusal(TIMELINE, { id, ...paging });
      expect(extensions).toMatchObject({ code: 'VALIDATION' });
    }
  });

  it('of many sessions costs as many statements as that of one', async () => {
    const caller = await graphql.newCaller();
    for (let i = 0; i < 6; i++) {
      const session = await graphql.start(caller);
      await createCheckpoint(graphql.store, caller, {
        sessionId: session.id,
        type: 'MANUAL',
        trigger: 'MANUAL',
        workState: {},
      });
      await logCommands(graphql.store, caller, {
        sessionId: session.id,
        commands: [{ commandType: 'tool', action: 'run', success: true, source: 'AUTO' }],
      });
    }
    const document =
      'query ($first: Int) { sessions(first: $first) { nodes { timeline { totalCount nodes { __typename ... on Event { id } } } } } }';
    const cost = async (first: number) => {
      graphql.statements.length = 0;
      const { sessions } = await graphql.ask(document, { first }, { caller });
      expect(sessions.nodes.map(({ timeline }: Data) => timeline.nodes.length)).toEqual(Array(first).fill(6));
      return graphql.statements.length;
    };
    expect(await cost(1)).toBe(await cost(6));
  });
});
