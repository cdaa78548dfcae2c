import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { createRun } from '../../src/store/run.js';
import { endSession, updateSession } from '../../src/store/session.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';

const idOf = ({ id }: { id: string }) => encodeId('Session', id);

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

async function read(session: { id: string }, selection: string): Promise<Data> {
  const document = `query ($id: ID!) { session(by: { id: $id }) { ${selection} } }`;
  return (await graphql.ask(document, { id: idOf(session) })).session;
}

describe('a session', () => {
  it('tells where it stands', async () => {
    const { store, caller, start } = graphql;
    const session = await start(caller, { kind: 'SUPERVISOR', instanceId: 'alpha-PS-abc123' });
    const standing = 'state registryStatus isOpen isLive instanceType endedAt endReason outcome version';
    expect(await read(session, standing)).toEqual({
      state: 'BOOTING',
      registryStatus: 'ACTIVE',
      isOpen: true,
      isLive: true,
      instanceType: 'PS',
      endedAt: null,
      endReason: null,
      outcome: null,
      version: 1,
    });
    await endSession(store, caller, { sessionId: session.id, reason: 'STOPPED', outcome: 'ABORTED', by: 'tester' });
    expect(await read(session, `${standing} endedBy`)).toMatchObject({
      state: 'COMPLETED',
      registryStatus: 'CLOSED',
      isOpen: false,
      isLive: false,
      endReason: 'STOPPED',
      outcome: 'ABORTED',
      endedBy: 'tester',
    });
  });

  it('tells what its heartbeats said', async () => {
    const { store, caller, start } = graphql;
    const session = await start(caller);
    const beats =
      'contextPercent currentEpic activity liveness { lastHeartbeatAt lastActivityAt silentSeconds waitingSince }';
    expect(await read(session, beats)).toMatchObject({
      contextPercent: null,
      activity: null,
      liveness: { lastHeartbeatAt: null, waitingSince: null },
    });
    await heartbeat(store, caller, { sessionId: session.id, contextPercent: 12.5, activity: 'reading' });
    const { liveness, ...said } = await read(session, beats);
    expect(said).toEqual({ contextPercent: 12.5, currentEpic: null, activity: 'reading' });
    expect(liveness.lastHeartbeatAt).toBe(liveness.lastActivityAt);
    expect(liveness.silentSeconds).toBeGreaterThanOrEqual(0);
    expect(liveness.silentSeconds).toBeLessThan(30);
  });

  it('is silent no longer than until its end', async () => {
    const { store, caller, start } = graphql;
    const begun = new Date(Date.now() - 3_600_000);
    const ended = new Date(begun.getTime() + 60_000);
    const session = await start(caller, { occurredAt: begun });
    await endSession(store, caller, {
      sessionId: session.id,
      reason: 'FINISHED',
      outcome: 'UNKNOWN',
      occurredAt: ended,
    });
    const { liveness } = await read(session, 'liveness { silentSeconds }');
    expect(liveness.silentSeconds).toBeLessThanOrEqual(60);
  });

  it('has the liveness policy of its kind and what its caller says', async () => {
    const { caller, start } = graphql;
    const policy =
      'liveness { policy { stallAfterSeconds zombieAfterSeconds escalateEverySeconds maxEscalationLevel } }';
    const session = await start(caller, {
      kind: 'AGENT',
      liveness: { stallAfterSeconds: 42, zombieAfterSeconds: null },
    });
    expect((await read(session, policy)).liveness.policy).toEqual({
      stallAfterSeconds: 42,
      zombieAfterSeconds: null,
      escalateEverySeconds: 60,
      maxEscalationLevel: 3,
    });
  });

  it('counts its events by type', async () => {
    const { caller, start } = graphql;
    expect(await read(await start(caller), 'eventCounts { type count }')).toEqual({
      eventCounts: [{ type: 'SESSION_STARTED', count: 1 }],
    });
  });
});

describe('a session is found', () => {
  const BY = 'query ($by: SessionRef!) { session(by: $by) { id } }';
  const by = async (ref: object): Promise<string | undefined> => (await graphql.ask(BY, { by: ref })).session?.id;

  it('by its id and by each of its handles', async () => {
    const { caller, start } = graphql;
    const session = await start(caller, { kind: 'SUPERVISOR', instanceId: 'beta-MS-abc123', externalId: 'ext-1' });
    for (const ref of [{ id: idOf(session) }, { instanceId: 'beta-MS-abc123' }, { externalId: 'ext-1' }]) {
      expect(await by(ref)).toBe(idOf(session));
    }
  });

  it('by the name of its agent: the open one, else the newest', async () => {
    const { store, caller, start } = graphql;
    const end = (sessionId: string) => endSession(store, caller, { sessionId, reason: 'FINISHED', outcome: 'UNKNOWN' });
    const first = await start(caller, { agentName: 'ada' });
    await end(first.id);
    expect(await by({ agentName: 'ada' })).toBe(idOf(first));
    const second = await start(caller, { agentName: 'ada' });
    expect(await by({ agentName: 'ada' })).toBe(idOf(second));
    await end(second.id);
    expect(await by({ agentName: 'ada' })).toBe(idOf(second));
  });

  it('by nothing that names none', async () => {
    const refs = [
      { id: 'ses_x' },
      { id: encodeId('Session', newId()) },
      { id: encodeId('Run', newId()) },
      { agentName: 'nobody' },
      { agentName: '\u0000' },
      { externalId: '\u0000' },
      { instanceId: '' },
    ];
    for (const ref of refs) expect(await by(ref)).toBeUndefined();
  });
});

describe('a filter', () => {
  const FIND = 'query ($filter: SessionFilter) { sessions(filter: $filter) { totalCount nodes { title } } }';

  /** The titles of what a filter lets through among the sessions of this part. */
  async function titles(filter: object): Promise<string[]> {
    const { sessions } = await graphql.ask(FIND, { filter: { taskId: 'filtered', ...filter } });
    expect(sessions.totalCount).toBe(sessions.nodes.length);
    return sessions.nodes.map(({ title }: { title: string }) => title).toSorted();
  }

  let run: string;
  let root: string;

  beforeAll(async () => {
    const { store, caller, start } = graphql;
    const created = await createRun(store, caller, {});
    run = encodeId('Run', created.run.id);
    const base = { taskId: 'filtered' };
    const a = await start(caller, {
      ...base,
      title: 'a',
      agentName: 'Grace Hopper',
      capability: 'builder',
      runId: created.run.id,
    });
    root = idOf(a);
    await start(caller, {
      ...base,
      title: 'b',
      kind: 'WORKFLOW',
      spawnedById: a.id,
      workspace: { hostMachine: 'mars' },
    });
    const c = await start(caller, {
      ...base,
      title: 'c',
      kind: 'CONVERSATION',
      occurredAt: new Date('2026-01-01T00:00:00Z'),
    });
    await heartbeat(store, caller, { sessionId: c.id, currentEpic: 'Epic 50%_done' });
    const d = await start(caller, { ...base, title: 'd' });
    await endSession(store, caller, { sessionId: d.id, reason: 'FAILED', outcome: 'FAILURE' });
    await updateSession(store, caller, { sessionId: a.id, workspace: { hostMachine: 'venus' } });
  });

  it.each<[object, string]>([
    [{}, 'abcd'],
    [{ open: true }, 'abc'],
    [{ open: false }, 'd'],
    [{ live: true }, 'abc'],
    [{ live: false }, 'd'],
    [{ stale: true }, ''],
    [{ stale: false }, 'abcd'],
    [{ states: ['WORKING'] }, 'c'],
    [{ states: ['WORKING', 'COMPLETED'], open: true }, 'c'],
    [{ states: [] }, ''],
    [{ kinds: ['AGENT'] }, 'ad'],
    [{ kinds: ['WORKFLOW', 'CONVERSATION'] }, 'bc'],
    [{ kinds: [] }, ''],
    [{ agentName: 'Grace Hopper' }, 'a'],
    [{ agentName: 'grace' }, ''],
    [{ capability: 'builder' }, 'a'],
    [{ hostMachine: 'mars' }, 'b'],
    [{ hostMachine: 'venus' }, 'a'],
    [{ startReasons: ['SPAWNED'] }, 'b'],
    [{ endReasons: ['FAILED'] }, 'd'],
    [{ startedBefore: '2026-01-01T00:00:00.001Z' }, 'c'],
    [{ startedAfter: '2026-01-01T00:00:00Z' }, 'abd'],
    [{ startedAfter: '2025-12-31T23:59:59.999Z', startedBefore: '2026-06-01T00:00:00Z' }, 'c'],
    [{ silentForSeconds: 0 }, 'abcd'],
    [{ silentForSeconds: 3600 }, ''],
    [{ search: 'hOPP' }, 'a'],
    [{ search: '50%_' }, 'c'],
    [{ search: '%' }, 'c'],
    [{ search: '_' }, 'c'],
    [{ search: '\\' }, ''],
    [{ search: '' }, 'abcd'],
    [{ search: '\u0000' }, ''],
    [{ agentName: null, states: null, open: null }, 'abcd'],
    [{ runId: 'run_x' }, ''],
    [{ runId: encodeId('Session', newId()) }, ''],
    [{ spawnedById: 'x' }, ''],
    [{ conversationId: 'x' }, ''],
    [{ chainRootId: 'x' }, ''],
  ])('%j lets through "%s"', async (filter, expected) => {
    expect((await titles(filter)).join('')).toBe(expected);
  });

  it.each(['query', 'subscription'])('of a %s is refused for a silence of less than nothing', async (operation) => {
    const field =
      operation === 'query' ? 'sessions(filter: $filter) { totalCount }' : 'sessionEnded(filter: $filter) { at }';
    const request = [
      `${operation} ($filter: SessionFilter) { ${field} }`,
      { filter: { silentForSeconds: -1 } },
    ] as const;
    const answer = operation === 'query' ? graphql.ask(...request) : graphql.watch(...request);
    await expect(answer).rejects.toMatchObject({
      extensions: { code: 'VALIDATION', issues: [{ path: 'filter.silentForSeconds' }] },
    });
  });

  it('of a run, a spawner and a chain lets through what belongs to them', async () => {
    expect(await titles({ runId: run })).toEqual(['a', 'b']);
    expect(await titles({ spawnedById: root })).toEqual(['b']);
    expect(await titles({ chainRootId: root })).toEqual(['a']);
    const document =
      'query ($id: ID!, $filter: SessionFilter) { run(id: $id) { sessions(filter: $filter) { nodes { title } } } }';
    const found = await graphql.ask(document, { id: run, filter: { kinds: ['WORKFLOW'] } });
    expect(found.run.sessions.nodes).toEqual([{ title: 'b' }]);
  });

  it('shows nothing of another project', async () => {
    const stranger = { caller: await graphql.newCaller() };
    expect(await graphql.ask(FIND, { filter: {} }, stranger)).toEqual({ sessions: { totalCount: 0, nodes: [] } });
  });
});
