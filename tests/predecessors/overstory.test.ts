import { expect } from 'vitest';
import { showCapabilities, type Api } from './capability.js';
import { fallSilent } from './silence.js';

/** An agent's session in this state, by the ways that lead there. */
async function startIn(api: Api, state: 'BOOTING' | 'WORKING' | 'ZOMBIE' | 'COMPLETED', input: object = {}) {
  const sessionId = await api.start(input);
  if (state === 'WORKING') await api.act('heartbeat', { sessionId }, 'recommendedAction');
  if (state === 'ZOMBIE') await api.act('heartbeat', { sessionId, processAlive: false }, 'recommendedAction');
  if (state === 'COMPLETED') await api.act('endSession', { sessionId, reason: 'FINISHED' }, 'position');
  return sessionId;
}

const LISTED = 'nodes { id }';
const idsOf = ({ nodes }: { nodes: { id: string }[] }): string[] => nodes.map(({ id }) => id);

/** The ids of the project's sessions, oldest first. */
async function sessionIds({ ask }: Api, filter: object = {}): Promise<string[]> {
  const document = `query ($filter: SessionFilter) {
    sessions(filter: $filter, orderBy: { direction: ASC }) { ${LISTED} }
  }`;
  return idsOf((await ask(document, { filter })).sessions);
}

const startRun = async ({ act }: Api, input: object = {}): Promise<string> =>
  (await act('createRun', input, 'run { id }')).run.id;

const readRun = async ({ ask }: Api, id: string, selection: string) =>
  (await ask(`query ($id: ID!) { run(id: $id) { ${selection} } }`, { id })).run;

/** How many sessions a purge counted. */
const purge = async ({ act }: Api, input: object): Promise<number> =>
  (await act('purgeSessions', { dryRun: false, ...input }, 'sessions')).sessions;

showCapabilities('overstory', {
  'upsert of a new name': async (api) => {
    const run = await startRun(api);
    const parent = await api.start({ agentName: 'lead' });
    const input = {
      agentName: 'builder-1',
      capability: 'builder',
      taskId: 'bd-1',
      workspace: { worktreePath: '/repo/wt', branchName: 'bd-1', tmuxSession: 'builder-1', pid: 7 },
    };
    const id = await api.start({ ...input, runId: run, spawnedById: parent });
    const selection =
      'agentName capability taskId state workspace { worktreePath branchName tmuxSession pid } run { id } spawnedBy { id }';
    expect(await api.read(id, selection)).toEqual({
      ...input,
      state: 'BOOTING',
      run: { id: run },
      spawnedBy: { id: parent },
    });
  },

  'upsert of a known name': async (api) => {
    const first = await api.start({ agentName: 'builder-1' });
    const second = await api.start({ agentName: 'builder-1', takeOver: true });
    expect(await sessionIds(api, { agentName: 'builder-1', open: true })).toEqual([second]);
    expect(await api.read(second, 'parent { id endReason }')).toEqual({
      parent: { id: first, endReason: 'SUPERSEDED' },
    });
  },

  getByName: async (api) => {
    const id = await api.start({ agentName: 'builder-1' });
    const document = 'query ($name: String!) { session(by: { agentName: $name }) { id } }';
    expect(await api.ask(document, { name: 'builder-1' })).toEqual({ session: { id } });
    expect(await api.ask(document, { name: 'nobody' })).toEqual({ session: null });
  },

  getActive: async (api) => {
    const booting = await startIn(api, 'BOOTING');
    const working = await startIn(api, 'WORKING');
    const stalled = await startIn(api, 'WORKING');
    await fallSilent(api, stalled, 301);
    for (const state of ['ZOMBIE', 'COMPLETED'] as const) await startIn(api, state);
    expect(await sessionIds(api, { live: true })).toEqual([booting, working, stalled]);
  },

  getAll: async (api) => {
    const all = [];
    for (const state of ['BOOTING', 'WORKING', 'ZOMBIE', 'COMPLETED'] as const) all.push(await startIn(api, state));
    expect(await sessionIds(api)).toEqual(all);
  },

  count: async (api) => {
    for (const state of ['BOOTING', 'COMPLETED', 'ZOMBIE'] as const) await startIn(api, state);
    expect(await api.ask('{ sessions { totalCount } }')).toEqual({ sessions: { totalCount: 3 } });
  },

  getByRun: async (api) => {
    const run = await startRun(api);
    const [one, two] = [await api.start({ runId: run }), await api.start({ runId: run })];
    await api.start({ runId: await startRun(api) });
    const { sessions } = await readRun(api, run, `sessions { ${LISTED} }`);
    expect(idsOf(sessions).toSorted()).toEqual([one, two].toSorted());
  },

  'updateState to working': async (api) => {
    const [beating, reporting] = [await api.start(), await api.start()];
    await api.act('heartbeat', { sessionId: beating }, 'recommendedAction');
    await api.act('appendEvents', { sessionId: reporting, events: [{ type: 'PROGRESS' }] }, 'position');
    for (const id of [beating, reporting]) expect(await api.read(id, 'state')).toEqual({ state: 'WORKING' });
  },

  'updateState to stalled': async (api) => {
    const id = await startIn(api, 'WORKING');
    await fallSilent(api, id, 200);
    expect(await api.read(id, 'state')).toEqual({ state: 'WORKING' });
    await fallSilent(api, id, 101);
    expect(await api.read(id, 'state isLive')).toEqual({ state: 'STALLED', isLive: true });
    await api.act('heartbeat', { sessionId: id }, 'recommendedAction');
    expect(await api.read(id, 'state')).toEqual({ state: 'WORKING' });
  },

  'updateState to zombie': async (api) => {
    const dead = await startIn(api, 'ZOMBIE');
    const silent = await startIn(api, 'WORKING');
    await fallSilent(api, silent, 601);
    for (const id of [dead, silent])
      expect(await api.read(id, 'state isOpen')).toEqual({ state: 'ZOMBIE', isOpen: true });
  },

  'updateState to completed': async (api) => {
    for (const state of ['BOOTING', 'WORKING', 'ZOMBIE'] as const) {
      const id = await startIn(api, state);
      await api.act('endSession', { sessionId: id, reason: 'FINISHED', outcome: 'SUCCESS' }, 'position');
      expect(await api.read(id, 'state endReason outcome')).toEqual({
        state: 'COMPLETED',
        endReason: 'FINISHED',
        outcome: 'SUCCESS',
      });
    }
  },

  'tryTransitionState that is not allowed': async (api) => {
    const completed = await startIn(api, 'COMPLETED');
    expect(await api.refusal('heartbeat', { sessionId: completed, processAlive: false })).toMatchObject({
      code: 'SESSION_ENDED',
      endReason: 'FINISHED',
    });
    const zombie = await startIn(api, 'ZOMBIE');
    expect(await api.refusal('reviveSession', { sessionId: zombie })).toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      from: 'ZOMBIE',
      to: 'WORKING',
      allowed: ['COMPLETED'],
    });
    expect(await api.read(completed, 'state')).toEqual({ state: 'COMPLETED' });
    expect(await api.read(zombie, 'state')).toEqual({ state: 'ZOMBIE' });
  },

  'tryTransitionState from zombie back to working': async (api) => {
    const id = await startIn(api, 'ZOMBIE');
    await api.act('heartbeat', { sessionId: id }, 'recommendedAction');
    expect(await api.read(id, 'state')).toEqual({ state: 'ZOMBIE' });
    await api.act('reviveSession', { sessionId: id }, 'position');
    expect(await api.read(id, 'state liveness { zombieSince }')).toEqual({
      state: 'WORKING',
      liveness: { zombieSince: null },
    });
  },

  updateLastActivity: async (api) => {
    const id = await startIn(api, 'WORKING');
    const lastActivity = async () => (await api.read(id, 'liveness { lastActivityAt }')).liveness.lastActivityAt;
    const before = await lastActivity();
    await expect
      .poll(async () => {
        await api.act('heartbeat', { sessionId: id, activity: 'reading' }, 'recommendedAction');
        return lastActivity();
      })
      .not.toBe(before);
    expect(Date.parse(await lastActivity())).toBeGreaterThan(Date.parse(before));
    expect(await api.read(id, 'activity')).toEqual({ activity: 'reading' });
  },

  updateEscalation: async (api) => {
    const id = await startIn(api, 'WORKING');
    const escalation = async () => (await api.read(id, 'liveness { escalationLevel stalledSince }')).liveness;
    expect(await escalation()).toEqual({ escalationLevel: null, stalledSince: null });
    await fallSilent(api, id, 301);
    expect(await escalation()).toEqual({ escalationLevel: 0, stalledSince: expect.any(String) });
    await fallSilent(api, id, 61);
    expect(await escalation()).toEqual({ escalationLevel: 1, stalledSince: expect.any(String) });
    await api.act('escalateSession', { sessionId: id, level: 2 }, 'position');
    expect(await escalation()).toEqual({ escalationLevel: 2, stalledSince: expect.any(String) });
    await api.act('heartbeat', { sessionId: id }, 'recommendedAction');
    expect(await escalation()).toEqual({ escalationLevel: null, stalledSince: null });
  },

  updateTranscriptPath: async (api) => {
    const id = await api.start({ workspace: { branchName: 'main' } });
    const workspace = { transcriptPath: '/logs/1.jsonl' };
    await api.act('updateSession', { sessionId: id, workspace }, 'position');
    expect((await api.read(id, 'workspace { branchName transcriptPath }')).workspace).toEqual({
      branchName: 'main',
      ...workspace,
    });
  },

  updateClaudeSessionId: async (api) => {
    const id = await api.start();
    await api.act('updateSession', { sessionId: id, providerSessionId: 'claude-1' }, 'position');
    expect(await api.read(id, 'providerSessionId')).toEqual({ providerSessionId: 'claude-1' });
  },

  remove: async (api) => {
    const [gone, kept] = [await startIn(api, 'WORKING'), await api.start()];
    expect(await purge(api, { filter: { sessionIds: [gone] }, force: true })).toBe(1);
    expect(await sessionIds(api)).toEqual([kept]);
  },

  'purge by state': async (api) => {
    for (const _ of [1, 2]) await startIn(api, 'COMPLETED');
    const working = await startIn(api, 'WORKING');
    const filter = { states: ['COMPLETED'] };
    expect(await purge(api, { filter, dryRun: true })).toBe(2);
    expect(await sessionIds(api)).toHaveLength(3);
    expect(await purge(api, { filter })).toBe(2);
    expect(await sessionIds(api)).toEqual([working]);
  },

  'purge by agent': async (api) => {
    await startIn(api, 'COMPLETED', { agentName: 'builder-1' });
    await startIn(api, 'WORKING', { agentName: 'builder-1' });
    const other = await startIn(api, 'WORKING', { agentName: 'builder-2' });
    expect(await purge(api, { filter: { agentName: 'builder-1' }, force: true })).toBe(2);
    expect(await sessionIds(api)).toEqual([other]);
  },

  'purge of all': async (api) => {
    for (const state of ['BOOTING', 'WORKING', 'ZOMBIE', 'COMPLETED'] as const) await startIn(api, state);
    expect(await purge(api, { filter: { all: true }, force: true })).toBe(4);
    expect(await sessionIds(api)).toEqual([]);
  },

  'parentAgent and depth': async (api) => {
    const root = await api.start({ agentName: 'coordinator' });
    const lead = await api.start({ agentName: 'lead', spawnedById: root });
    const builder = await api.start({ agentName: 'builder', spawnedById: lead });
    expect(await api.read(builder, 'depth spawnedBy { agentName }')).toEqual({
      depth: 2,
      spawnedBy: { agentName: 'lead' },
    });
    expect(await api.read(root, `depth spawnedBy { id } spawned { ${LISTED} }`)).toEqual({
      depth: 0,
      spawnedBy: null,
      spawned: { nodes: [{ id: lead }] },
    });
  },

  createRun: async (api) => {
    const coordinator = await api.start({ agentName: 'coordinator', capability: 'coordinator' });
    const input = { externalId: 'run-1', coordinatorName: 'coordinator', coordinatorSessionId: coordinator };
    const run = await startRun(api, input);
    const selection = 'externalId status coordinatorName coordinator { id } completedAt';
    expect(await readRun(api, run, selection)).toEqual({
      externalId: 'run-1',
      status: 'ACTIVE',
      coordinatorName: 'coordinator',
      coordinator: { id: coordinator },
      completedAt: null,
    });
  },

  getRun: async (api) => {
    const run = await startRun(api, { externalId: 'run-1' });
    await startRun(api, { externalId: 'run-2' });
    expect(await readRun(api, run, 'externalId')).toEqual({ externalId: 'run-1' });
    expect(idsOf((await api.ask(`{ runs(externalId: "run-1") { ${LISTED} } }`)).runs)).toEqual([run]);
  },

  getActiveRun: async (api) => {
    expect(await api.ask('{ activeRun { id } }')).toEqual({ activeRun: null });
    const older = await startRun(api);
    const newer = await startRun(api);
    expect(await api.ask('{ activeRun { id } }')).toEqual({ activeRun: { id: newer } });
    await api.act('completeRun', { runId: newer }, 'position');
    expect(await api.ask('{ activeRun { id } }')).toEqual({ activeRun: { id: older } });
  },

  getActiveRunForCoordinator: async (api) => {
    const run = await startRun(api, { coordinatorName: 'coordinator' });
    await startRun(api, { coordinatorName: 'other' });
    const document = '{ activeRun(coordinatorName: "coordinator") { id } }';
    expect(await api.ask(document)).toEqual({ activeRun: { id: run } });
    await api.act('completeRun', { runId: run }, 'position');
    expect(await api.ask(document)).toEqual({ activeRun: null });
  },

  listRuns: async (api) => {
    const [first, second, active] = [await startRun(api), await startRun(api), await startRun(api)];
    for (const runId of [first, second]) await api.act('completeRun', { runId }, 'position');
    expect(idsOf((await api.ask(`{ runs { ${LISTED} } }`)).runs)).toEqual([active, second, first]);
    expect(idsOf((await api.ask(`{ runs(status: COMPLETED, first: 1) { ${LISTED} } }`)).runs)).toEqual([second]);
  },

  incrementAgentCount: async (api) => {
    const run = await startRun(api);
    expect(await readRun(api, run, 'agentCount')).toEqual({ agentCount: 0 });
    for (const state of ['WORKING', 'COMPLETED'] as const) await startIn(api, state, { runId: run });
    expect(await readRun(api, run, 'agentCount')).toEqual({ agentCount: 2 });
  },

  'completeRun as completed': async (api) => {
    const run = await startRun(api);
    await api.act('completeRun', { runId: run }, 'position');
    expect(await readRun(api, run, 'status completedAt')).toEqual({
      status: 'COMPLETED',
      completedAt: expect.any(String),
    });
  },

  'completeRun as failed': async (api) => {
    const run = await startRun(api);
    await api.act('completeRun', { runId: run, status: 'FAILED' }, 'position');
    expect(await readRun(api, run, 'status completedAt')).toEqual({
      status: 'FAILED',
      completedAt: expect.any(String),
    });
  },

  'import of what you have': async (api) => {
    const [startedAt, lastActivityAt] = ['2026-02-14T09:00:00.000Z', '2026-02-14T12:10:00.000Z'];
    const input = {
      source: 'overstory',
      runs: [{ externalId: 'run-1', status: 'ACTIVE', startedAt, coordinatorExternalId: 'session-coordinator' }],
      sessions: [
        {
          externalId: 'session-coordinator',
          agentName: 'coordinator',
          capability: 'coordinator',
          taskId: 'bd-000',
          state: 'COMPLETED',
          startedAt,
          endedAt: lastActivityAt,
        },
        {
          externalId: 'session-lead',
          agentName: 'lead',
          state: 'STALLED',
          startedAt,
          lastActivityAt,
          stalledSince: lastActivityAt,
          escalationLevel: 2,
          spawnedByExternalId: 'session-coordinator',
          runExternalId: 'run-1',
        },
      ],
    };
    expect(await api.act('importSessions', input, 'created unchanged')).toEqual({ created: 3, unchanged: 0 });
    expect(await api.act('importSessions', input, 'created unchanged')).toEqual({ created: 0, unchanged: 3 });
    const [coordinator, lead] = await sessionIds(api);
    expect(await api.read(coordinator!, 'agentName taskId state startedAt endedAt')).toEqual({
      agentName: 'coordinator',
      taskId: 'bd-000',
      state: 'COMPLETED',
      startedAt,
      endedAt: lastActivityAt,
    });
    const standing =
      'state startReason depth spawnedBy { id } run { externalId coordinator { id } } liveness { stalledSince escalationLevel }';
    expect(await api.read(lead!, standing)).toEqual({
      state: 'STALLED',
      startReason: 'IMPORTED',
      depth: 1,
      spawnedBy: { id: coordinator },
      run: { externalId: 'run-1', coordinator: { id: coordinator } },
      liveness: { stalledSince: lastActivityAt, escalationLevel: 2 },
    });
  },
});
