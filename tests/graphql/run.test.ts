import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import { completeRun, createRun, type CreateRunInput } from '../../src/store/run.js';
import { endSession } from '../../src/store/session.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';

const idOf = ({ id }: { id: string }) => encodeId('Run', id);

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const create = async (input: CreateRunInput = {}) => (await createRun(graphql.store, graphql.caller, input)).run;
const end = (sessionId: string) =>
  endSession(graphql.store, graphql.caller, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' });

describe('a run', () => {
  const COUNTS = 'query ($id: ID!) { run(id: $id) { agentCount workersFinished sessionsByState { state count } } }';
  const counts = async (run: { id: string }): Promise<Data> => (await graphql.ask(COUNTS, { id: idOf(run) })).run;

  it('without sessions has counted none, and its workers have not finished', async () => {
    const states = ['BOOTING', 'WORKING', 'SUSPENDED', 'STALLED', 'ZOMBIE', 'COMPLETED'];
    expect(await counts(await create())).toEqual({
      agentCount: 0,
      workersFinished: false,
      sessionsByState: states.map((state) => ({ state, count: 0 })),
    });
  });

  it('counts its sessions, and is finished once all but the coordinator are', async () => {
    const { caller, start } = graphql;
    const coordinator = await start(caller, { agentName: 'boss' });
    const run = await create({ coordinatorName: 'boss', coordinatorSessionId: coordinator.id });
    const [other, one, two] = [
      await create(),
      await start(caller, { runId: run.id }),
      await start(caller, { runId: run.id }),
    ];
    await start(caller, { runId: run.id, agentName: 'boss', takeOver: true });
    await start(caller, { runId: other.id });

    expect(await counts(run)).toMatchObject({ agentCount: 3, workersFinished: false });
    await end(one.id);
    expect((await counts(run)).workersFinished).toBe(false);
    await end(two.id);
    const { workersFinished, sessionsByState } = await counts(run);
    expect(workersFinished).toBe(true);
    expect(sessionsByState).toContainEqual({ state: 'COMPLETED', count: 2 });
    expect(sessionsByState).toContainEqual({ state: 'BOOTING', count: 1 });
    await start(caller, { runId: run.id });
    expect((await counts(run)).workersFinished).toBe(false);
  });
});

describe('runs are found', () => {
  it('by id, and not by an id that names none', async () => {
    const run = await create({ description: 'one' });
    const document = 'query ($id: ID!) { run(id: $id) { description status coordinator { id } } }';
    expect(await graphql.ask(document, { id: idOf(run) })).toEqual({
      run: { description: 'one', status: 'ACTIVE', coordinator: null },
    });
    for (const id of ['run_x', encodeId('Run', newId()), encodeId('Session', run.id)]) {
      expect(await graphql.ask(document, { id })).toEqual({ run: null });
    }
  });

  it('by the coordinator whose active run it is, else the newest active one', async () => {
    const document = 'query ($name: String) { activeRun(coordinatorName: $name) { id } }';
    const active = async (name?: string): Promise<string | undefined> =>
      (await graphql.ask(document, { name })).activeRun?.id;
    const run = await create({ coordinatorName: 'ada' });
    const newest = await create({ coordinatorName: 'grace' });
    expect(await active('ada')).toBe(idOf(run));
    expect(await active()).toBe(idOf(newest));
    await completeRun(graphql.store, graphql.caller, { runId: run.id, status: 'FAILED' });
    expect(await active('ada')).toBeUndefined();
    expect(await active('\u0000')).toBeUndefined();
  });

  it('by status and by the id of their caller, the newest first', async () => {
    const document =
      'query ($status: RunStatus, $externalId: String) { runs(status: $status, externalId: $externalId) { totalCount nodes { id } } }';
    const early = await create({ externalId: 'early', occurredAt: new Date('2026-01-01T00:00:00Z') });
    const all = (await graphql.ask(document)).runs;
    expect(all.nodes.at(-1)).toEqual({ id: idOf(early) });
    expect(all.totalCount).toBe(all.nodes.length);
    expect((await graphql.ask(document, { status: 'FAILED' })).runs.totalCount).toBe(1);
    expect((await graphql.ask(document, { externalId: 'early' })).runs.nodes).toEqual([{ id: idOf(early) }]);
    expect((await graphql.ask(document, { externalId: '\u0000' })).runs.nodes).toEqual([]);
  });
});

it('the events of a run are those of its sessions and its own, in the order of the log', async () => {
  const { caller, start } = graphql;
  const run = await create();
  const session = await start(caller, { runId: run.id });
  await end(session.id);
  const document = 'query ($id: ID!) { run(id: $id) { events { nodes { type position } } } }';
  const { nodes } = (await graphql.ask(document, { id: idOf(run) })).run.events;
  expect(nodes.map(({ type }: { type: string }) => type)).toEqual([
    'RUN_STARTED',
    'SESSION_STARTED',
    'SESSION_ENDED',
    'RUN_WORKERS_FINISHED',
  ]);
  const positions = nodes.map(({ position }: { position: number }) => position);
  expect(positions).toEqual(positions.toSorted((a: number, b: number) => a - b));
});

it('a project counts its sessions and its active runs', async () => {
  const { newCaller, start, store } = graphql;
  const caller = await newCaller();
  await createRun(store, caller, {});
  await start(caller);
  const ended = await start(caller);
  await endSession(store, caller, { sessionId: ended.id, reason: 'FINISHED', outcome: 'SUCCESS' });
  const document = `{ viewer { name role serverAdmin project { id } } project { id logPosition logStart
    stats { openSessions liveSessions activeRuns sessionsByState { state count } } } }`;
  const { viewer, project } = await graphql.ask(document, {}, { caller });
  expect(viewer).toEqual({ name: 'tester', role: 'ADMIN', serverAdmin: true, project: { id: project.id } });
  expect(project).toMatchObject({
    id: encodeId('Project', caller.projectId),
    logPosition: 4,
    logStart: 1,
    stats: { openSessions: 1, liveSessions: 1, activeRuns: 1 },
  });
  expect(project.stats.sessionsByState).toContainEqual({ state: 'COMPLETED', count: 1 });
});
