import { expect } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import type { Data } from '../support/graphql.js';
import { showCapabilities, type Api } from './capability.js';
import { fallSilent } from './silence.js';
import { beat, emit, idsOf, logCommands, MS, PS, register, takeCheckpoint } from './supervisor.js';

/** The instance ids that a filter lets through, in the order of the alphabet. */
const instances = async ({ ask }: Api, filter: object): Promise<string[]> => {
  const document = 'query ($filter: SessionFilter) { sessions(filter: $filter) { nodes { instanceId } } }';
  return (await ask(document, { filter })).sessions.nodes.map(({ instanceId }: Data) => instanceId).toSorted();
};

showCapabilities('Registry', {
  'registerInstance of a PS': async (api) => {
    const id = await register(api);
    expect(await api.read(id, 'kind instanceId instanceType registryStatus startReason')).toEqual({
      kind: 'SUPERVISOR',
      instanceId: PS,
      instanceType: 'PS',
      registryStatus: 'ACTIVE',
      startReason: 'REGISTERED',
    });
  },

  'registerInstance of an MS': async (api) => {
    const id = await register(api, { instanceId: MS });
    expect(await api.read(id, 'instanceId instanceType')).toEqual({ instanceId: MS, instanceType: 'MS' });
  },

  'registerInstance on a host machine': async (api) => {
    await register(api, { workspace: { hostMachine: 'odin3' } });
    await register(api, { instanceId: MS, workspace: { hostMachine: 'odin4' } });
    expect(await instances(api, { hostMachine: 'odin3' })).toEqual([PS]);
  },

  'sendHeartbeat with context and epic': async (api) => {
    const id = await register(api);
    await beat(api, { sessionId: id, contextPercent: 42, currentEpic: 'epic-003' });
    const { liveness, ...said } = await api.read(id, 'contextPercent currentEpic liveness { lastHeartbeatAt }');
    expect(said).toEqual({ contextPercent: 42, currentEpic: 'epic-003' });
    expect(liveness.lastHeartbeatAt).not.toBeNull();
  },

  'sendHeartbeat without an epic': async (api) => {
    const id = await register(api, { currentEpic: 'epic-003' });
    await beat(api, { sessionId: id, contextPercent: 43 });
    expect(await api.read(id, 'contextPercent currentEpic')).toEqual({ contextPercent: 43, currentEpic: 'epic-003' });
  },

  getInstanceDetails: async (api) => {
    const id = await register(api);
    const document = 'query ($instanceId: String!) { session(by: { instanceId: $instanceId }) { id } }';
    expect(await api.ask(document, { instanceId: PS })).toEqual({ session: { id } });
    expect(await api.ask(document, { instanceId: 'nonexistent-PS-000000' })).toEqual({ session: null });
  },

  'listInstances: the active ones of the project': async (api) => {
    await register(api);
    const working = await register(api, { instanceId: MS });
    await beat(api, { sessionId: working });
    const closed = await register(api, { instanceId: 'odin-PS-000000' });
    await api.act('endSession', { sessionId: closed, reason: 'STOPPED' }, 'position');
    await api.start();
    expect(await instances(api, { kinds: ['SUPERVISOR'], states: ['BOOTING', 'WORKING'] })).toEqual([MS, PS]);
  },

  listStaleInstances: async (api) => {
    const [silent, dead] = [await register(api), await register(api, { instanceId: MS })];
    await register(api, { instanceId: 'odin-PS-000000' });
    await fallSilent(api, silent, 1801);
    await beat(api, { sessionId: dead, processAlive: false });
    expect(await instances(api, { kinds: ['SUPERVISOR'], stale: true })).toEqual([MS, PS]);
    expect(await api.read(silent, 'registryStatus')).toEqual({ registryStatus: 'STALE' });
    await beat(api, { sessionId: silent });
    expect(await instances(api, { kinds: ['SUPERVISOR'], stale: true })).toEqual([MS]);
  },

  'resolveInstance by the six characters': async (api) => {
    await register(api);
    await register(api, { instanceId: MS });
    expect(await instances(api, { search: '8f4a2b' })).toEqual([PS]);
  },

  'resolveInstance by what one remembers': async (api) => {
    const [ps, ms] = [await register(api, { currentEpic: 'epic-003' }), await register(api, { instanceId: MS })];
    const find = async (hint: string) => {
      const { findSessions } = await api.ask('query ($hint: String!) { findSessions(hint: $hint) { id } }', { hint });
      return idsOf(findSessions);
    };
    expect(await find('epic-003')).toEqual([ps]);
    expect(await find(PS)).toEqual([ps]);
    expect(await find('odin-M')).toEqual([ms]);
    expect(await find('')).toEqual([ms, ps]);
  },

  markInstanceClosed: async (api) => {
    const id = await register(api);
    await api.act('endSession', { sessionId: id, reason: 'STOPPED' }, 'position');
    expect(await api.read(id, 'registryStatus endReason')).toEqual({ registryStatus: 'CLOSED', endReason: 'STOPPED' });
  },
});

showCapabilities('Checkpoints and recovery', {
  'createCheckpoint: manual': async (api) => {
    const input = { workState: { epic: '001', phase: 'implementation' }, contextPercent: 45 };
    const id = await takeCheckpoint(api, await register(api), input);
    const selection = '... on Checkpoint { type trigger sequence workState contextPercent }';
    expect(await api.node(id, selection)).toEqual({ type: 'MANUAL', trigger: 'MANUAL', sequence: 1, ...input });
  },

  'createCheckpoint: automatic': async (api) => {
    const input = { type: 'AUTOMATIC', trigger: 'CONTEXT_WINDOW' };
    const id = await takeCheckpoint(api, await register(api), input);
    expect(await api.node(id, '... on Checkpoint { type trigger }')).toEqual(input);
  },

  'the automatic checkpoints': async (api) => {
    const session = await register(api);
    const automatic = await takeCheckpoint(api, session, { type: 'AUTOMATIC', trigger: 'TIMED' });
    await takeCheckpoint(api, session);
    const { checkpoints } = await api.ask('{ checkpoints(type: AUTOMATIC) { nodes { id } } }');
    expect(idsOf(checkpoints.nodes)).toEqual([automatic]);
  },

  'the latest checkpoint of an instance': async (api) => {
    const session = await register(api);
    expect(await api.read(session, 'latestCheckpoint { id }')).toEqual({ latestCheckpoint: null });
    await takeCheckpoint(api, session);
    const latest = await takeCheckpoint(api, session);
    expect(await api.ask(`{ session(by: { instanceId: "${PS}" }) { latestCheckpoint { id } } }`)).toEqual({
      session: { latestCheckpoint: { id: latest } },
    });
  },

  'resumeInstance: what to go on with': async (api) => {
    const session = await register(api);
    const plan = async () => {
      const selection = 'resumePlan { source confidence checkpoint { id } events { type } nextSteps }';
      return (await api.read(session, selection)).resumePlan;
    };
    expect(await plan()).toMatchObject({ source: 'REGISTRY', confidence: 40 });
    await logCommands(api, session, {});
    expect(await plan()).toMatchObject({ source: 'COMMANDS', confidence: 70 });
    await emit(api, session, { type: 'EPIC_STARTED' });
    expect(await plan()).toMatchObject({ source: 'EVENTS', confidence: 85, events: [{ type: 'EPIC_STARTED' }] });
    const id = await takeCheckpoint(api, session, { pendingWork: ['write the tests'] });
    expect(await plan()).toMatchObject({
      source: 'CHECKPOINT',
      confidence: 100,
      checkpoint: { id },
      nextSteps: ['write the tests'],
    });
  },

  'resumeInstance: a successor from a checkpoint': async (api) => {
    const session = await register(api);
    const checkpointId = await takeCheckpoint(api, session);
    const restored = await api.act('restoreCheckpoint', { checkpointId }, 'session { id } plan { checkpoint { id } }');
    expect(restored.plan).toEqual({ checkpoint: { id: checkpointId } });
    expect(await api.read(restored.session.id, 'isOpen startReason parent { id endReason }')).toEqual({
      isOpen: true,
      startReason: 'RESTORED',
      parent: { id: session, endReason: 'RESTORED' },
    });
  },

  'the whole history of an instance': async (api) => {
    const session = await register(api);
    await emit(api, session, { type: 'EPIC_STARTED' }, { type: 'TEST_PASSED' });
    await logCommands(api, session, {}, {}, {});
    await takeCheckpoint(api, session);
    const { timeline, events } = await api.read(
      session,
      'events { totalCount } timeline { totalCount nodes { __typename } }',
    );
    const kinds = timeline.nodes.map(({ __typename }: Data) => __typename);
    expect(kinds.filter((kind: string) => kind === 'Command')).toHaveLength(3);
    expect(kinds.filter((kind: string) => kind === 'Checkpoint')).toHaveLength(1);
    expect(kinds).toHaveLength(events.totalCount + 3 + 1);
    expect(timeline.totalCount).toBe(kinds.length);
  },

  'deletion of an instance with all that is its own': async (api) => {
    const session = await register(api);
    const hanging = [
      ...(await emit(api, session, { type: 'EPIC_STARTED' })),
      ...(await logCommands(api, session, {})),
      await takeCheckpoint(api, session),
    ];
    await api.act('endSession', { sessionId: session, reason: 'STOPPED' }, 'position');
    const purge = { filter: { sessionIds: [session] }, dryRun: false };
    const { events, ...counts } = await api.act('purgeSessions', purge, 'sessions events checkpoints commands');
    expect(counts).toEqual({ sessions: 1, checkpoints: 1, commands: 1 });
    expect(events).toBeGreaterThan(1);
    for (const id of [session, ...hanging]) expect(await api.node(id, 'id')).toBeNull();
  },
});

showCapabilities('What is refused', {
  'an event, a command or a checkpoint of an unknown instance': async ({ refusal }) => {
    const sessionId = encodeId('Session', newId());
    for (const [name, input] of [
      ['appendEvents', { events: [{ type: 'EPIC_STARTED' }] }],
      ['logCommands', { commands: [{ commandType: 'task', action: 'test' }] }],
      ['createCheckpoint', { workState: {} }],
    ] as const) {
      const refused = { code: 'NOT_FOUND', kind: 'Session', ref: sessionId };
      expect(await refusal(name, { sessionId, ...input })).toMatchObject(refused);
    }
  },

  'an instance_id of another format': async (api) => {
    for (const instanceId of ['odin', 'odin-PS-8F4A2B', 'odin-PS-8f4a2', 'Odin-PS-8f4a2b', '-PS-8f4a2b']) {
      expect(await api.refusal('startSession', { kind: 'SUPERVISOR', instanceId })).toMatchObject({
        code: 'VALIDATION',
        issues: [{ path: 'input.instanceId' }],
      });
    }
    expect(await instances(api, {})).toEqual([]);
  },

  'an instance_type that is neither PS nor MS': async (api) => {
    expect(await api.refusal('startSession', { kind: 'SUPERVISOR', instanceId: 'odin-XS-8f4a2b' })).toMatchObject({
      code: 'VALIDATION',
      issues: [{ path: 'input.instanceId' }],
    });
    expect(await instances(api, {})).toEqual([]);
  },

  'a context_percent outside 0 to 100': async (api) => {
    const sessionId = await register(api, { contextPercent: 50 });
    for (const contextPercent of [-0.1, 100.1]) {
      for (const [name, input] of [
        ['heartbeat', { sessionId }],
        ['createCheckpoint', { sessionId, workState: {} }],
        ['startSession', { kind: 'SUPERVISOR', instanceId: MS }],
      ] as const) {
        expect(await api.refusal(name, { ...input, contextPercent })).toMatchObject({
          code: 'VALIDATION',
          issues: [{ path: 'input.contextPercent' }],
        });
      }
    }
    expect(await api.read(sessionId, 'contextPercent latestCheckpoint { id }')).toEqual({
      contextPercent: 50,
      latestCheckpoint: null,
    });
    expect(await instances(api, {})).toEqual([PS]);
  },

  'an instance_id that is registered already': async (api) => {
    const id = await register(api);
    const { code, issues } = await api.refusal('startSession', { kind: 'SUPERVISOR', instanceId: PS });
    expect({ code, path: issues[0].path }).toEqual({ code: 'VALIDATION', path: 'input.instanceId' });
    expect(issues[0].message).toContain(id);
    expect(await instances(api, {})).toEqual([PS]);
  },

  'an event_type that is not known': async (api) => {
    const sessionId = await register(api);
    const { events } = await api.read(sessionId, 'events { totalCount }');
    await expect(emit(api, sessionId, { type: 'EPIC_STARTED' }, { type: 'EPIC_FORGOTTEN' })).rejects.toThrow(
      'EPIC_FORGOTTEN',
    );
    expect((await api.read(sessionId, 'events { totalCount }')).events).toEqual(events);
  },

  'a sequence_num that is taken': async (api) => {
    const sessionId = await register(api);
    await Promise.all(Array.from({ length: 8 }, () => emit(api, sessionId, { type: 'TEST_PASSED' })));
    const { events } = await api.read(sessionId, 'events { nodes { sequence } }');
    const sequences = events.nodes.map(({ sequence }: Data) => sequence);
    expect(sequences).toEqual(sequences.map((_: number, index: number) => index + 1));
    expect(sequences.length).toBeGreaterThanOrEqual(8);
  },
});
