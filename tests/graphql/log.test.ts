import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import { appendEvents } from '../../src/store/event.js';
import { createRun } from '../../src/store/run.js';
import { openGraphql, type Data, type TestGraphql, type Watched } from '../support/graphql.js';

let graphql: TestGraphql;
let sessionId: string;
let uuid: string;

const LOG = `query ($after: SafeInt, $first: Int, $filter: LogFilter) { log(after: $after, first: $first, filter: $filter) {
  events { position sequence type level session { id } cause { type } } position caughtUp trimmedBefore
} }`;
const log = async (variables: object = {}): Promise<Data> => (await graphql.ask(LOG, { ...variables })).log;

const append = (count: number) =>
  appendEvents(graphql.store, graphql.caller, {
    sessionId: uuid,
    events: Array.from({ length: count }, () => ({ type: 'PROGRESS', level: 'DEBUG' }) as const),
  });

beforeAll(async () => {
  graphql = await openGraphql();
  const session = await graphql.start(graphql.caller);
  uuid = session.id;
  sessionId = encodeId('Session', uuid);
  await append(3);
});
afterAll(() => graphql[Symbol.asyncDispose]());

describe('Query.log', () => {
  it('reads on from a position until it has caught up', async () => {
    const whole = await log();
    expect(whole.events.map(({ position }: Data) => position)).toEqual([1, 2, 3, 4, 5]);
    expect(whole).toMatchObject({ position: 5, caughtUp: true, trimmedBefore: null });
    const first = await log({ first: 2 });
    expect(first).toMatchObject({ events: whole.events.slice(0, 2), position: 2, caughtUp: false });
    expect(await log({ after: first.position })).toMatchObject({ events: whole.events.slice(2), caughtUp: true });
    expect(await log({ after: 5 })).toMatchObject({ events: [], position: 5, caughtUp: true });
  });

  it.each([
    [{ types: ['SESSION_STARTED'] }, 1],
    [{ levels: ['DEBUG'] }, 3],
    [{ types: [] }, 0],
    [{ runId: encodeId('Run', newId()) }, 0],
    [{ runId: 'malformed' }, 0],
    [{ conversationId: 'malformed' }, 0],
    [{ sessionIds: ['malformed'] }, 0],
    [{ sessionIds: [] }, 0],
  ])('with the filter %j finds %d, and moves on past the rest', async (filter, count) => {
    const { events, position, caughtUp } = await log({ filter });
    expect(events).toHaveLength(count);
    expect([position, caughtUp]).toEqual([5, true]);
  });

  it('finds the entries of some sessions', async () => {
    expect((await log({ filter: { sessionIds: ['x', sessionId] } })).events).toHaveLength(5);
  });

  it.each([
    [{ after: -1 }, 'after'],
    [{ after: 6 }, 'after'],
    [{ after: 2 ** 53 - 1 }, 'after'],
    [{ first: 0 }, 'first'],
    [{ first: -1 }, 'first'],
    [{ first: 501 }, 'first'],
  ])('refuses %j with the path', async (variables, path) => {
    const { extensions } = await graphql.refusal(LOG, variables);
    expect(extensions).toMatchObject({ code: 'VALIDATION', issues: [{ path }] });
  });
});

const WATCH = `subscription ($after: SafeInt, $filter: LogFilter) { log(after: $after, filter: $filter) {
  events { position type } position caughtUp
} }`;
const next = async (stream: Watched): Promise<Data> => (await stream.next()).value.log;

describe('Subscription.log', () => {
  it('replays what is there, then follows, each entry once and in order', async () => {
    const before = (await log()).position;
    const stream = await graphql.watch(WATCH, { after: 0 });
    expect((await next(stream)).events).toHaveLength(before);
    await append(2);
    const { events, position } = await next(stream);
    expect(events.map((event: Data) => event.position)).toEqual([before + 1, before + 2]);
    expect(position).toBe(before + 2);
    await stream.return();
  });

  it('begins now where no position is given, with an empty batch at once', async () => {
    const { position } = await log();
    const stream = await graphql.watch(WATCH);
    expect(await next(stream)).toEqual({ events: [], position, caughtUp: true });
    await append(1);
    expect((await next(stream)).events).toEqual([{ position: position + 1, type: 'PROGRESS' }]);
    await stream.return();
  });

  it('begins after what the client of an event stream has, whatever the document says', async () => {
    const { position } = await log();
    const stream = await graphql.watch(WATCH, { after: 0 }, { lastEventId: BigInt(position - 1) });
    expect((await next(stream)).events).toHaveLength(1);
    await stream.return();
  });

  it('refuses a position beyond the head, and a negative one', async () => {
    const beyond = await graphql.watch(WATCH, { after: 1_000_000 });
    await expect(beyond.next()).rejects.toMatchObject({ extensions: { code: 'VALIDATION' } });
    await expect(graphql.watch(WATCH, { after: -1 })).rejects.toThrow();
  });

  it('hears nothing of another project', async () => {
    const stranger = { caller: await graphql.newCaller() };
    const stream = await graphql.watch(WATCH, { after: 0 }, stranger);
    expect(await next(stream)).toEqual({ events: [], position: 0, caughtUp: true });
    await append(1);
    await createRun(graphql.store, stranger.caller, {});
    expect((await next(stream)).events).toEqual([{ position: 1, type: 'RUN_STARTED' }]);
    await stream.return();
  });
});
