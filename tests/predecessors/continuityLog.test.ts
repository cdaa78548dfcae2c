import { expect } from 'vitest';
import { SUPERVISOR_EVENT_TYPES } from '../../src/domain/event.js';
import type { Data } from '../support/graphql.js';
import { showCapabilities, type Api } from './capability.js';
import { beat, emit, idsOf, logCommands, MS, PS, register, takeCheckpoint } from './supervisor.js';

/** The ids of the project's commands that a filter lets through, newest first. */
const commands = async ({ ask }: Api, filter: object): Promise<string[]> =>
  idsOf(
    (await ask('query ($f: CommandFilter) { commands(filter: $f) { nodes { id } } }', { f: filter })).commands.nodes,
  );

showCapabilities('Commands', {
  logCommand: async (api) => {
    const sessionId = await register(api);
    const command = {
      commandType: 'task',
      action: 'spawn_subagent',
      toolName: 'Task',
      parameters: { task: 'implementation' },
      result: { spawned_id: 'task-001' },
      executionTimeMs: 1250,
      tags: ['spawn'],
    };
    const [id] = await logCommands(api, sessionId, command);
    const selection = `... on Command { ${Object.keys(command).join(' ')} success source sequence session { id } }`;
    expect(await api.node(id!, selection)).toEqual({
      ...command,
      success: true,
      source: 'EXPLICIT',
      sequence: 1,
      session: { id: sessionId },
    });
  },

  'logCommand of every tool call': async (api) => {
    const [id] = await logCommands(api, await register(api), { action: 'mcp_meta_heartbeat', source: 'AUTO' });
    expect(await api.node(id!, '... on Command { action source }')).toEqual({
      action: 'mcp_meta_heartbeat',
      source: 'AUTO',
    });
  },

  'sanitization of secrets': async (api) => {
    const parameters = { db_password: 'super_secret_pass', deployment_version: '1.0.0' };
    const [id] = await logCommands(api, await register(api), { action: 'deploy', parameters });
    const stored = await api.node(id!, '... on Command { redacted parameters }');
    expect(stored).toMatchObject({ redacted: true, parameters: { deployment_version: '1.0.0' } });
    expect(JSON.stringify(stored)).not.toContain('super_secret_pass');
  },

  'searchCommands of an instance': async (api) => {
    const logged = await logCommands(api, await register(api), { action: 'one' }, { action: 'two' });
    await logCommands(api, await register(api, { instanceId: MS }), { action: 'three' });
    const document = `{ session(by: { instanceId: "${PS}" }) { commands { nodes { id } } } }`;
    expect(idsOf((await api.ask(document)).session.commands.nodes)).toEqual(logged.toReversed());
  },

  'searchCommands that failed': async (api) => {
    const [failed] = await logCommands(api, await register(api), { success: false, errorMessage: 'no' }, {});
    expect(await commands(api, { success: false })).toEqual([failed]);
    expect(await api.node(failed!, '... on Command { errorMessage }')).toEqual({ errorMessage: 'no' });
  },

  'searchCommands that were slow': async (api) => {
    const times = [5000, 5001, null].map((executionTimeMs) => ({ executionTimeMs }));
    const [, slow] = await logCommands(api, await register(api), ...times);
    expect(await commands(api, { slowerThanMs: 5000 })).toEqual([slow]);
  },

  'searchCommands by action, tool, tag and time': async (api) => {
    const [early, late] = ['2026-01-28T09:00:00.000Z', '2026-01-28T17:00:00.000Z'];
    const commit = { action: 'git_commit', toolName: 'Bash', tags: ['git', 'main'], occurredAt: early };
    const differing = [{}, { action: 'git_push' }, { toolName: 'Git' }, { tags: ['main'] }, { occurredAt: late }];
    const logged = differing.map((difference) => ({ ...commit, ...difference }));
    const [id] = await logCommands(api, await register(api, { occurredAt: early }), ...logged);
    const filter = { action: 'git_commit', toolName: 'Bash', tags: ['git'], since: early, until: late };
    expect(await commands(api, filter)).toEqual([id]);
  },

  getCommand: async (api) => {
    const [id] = await logCommands(api, await register(api), { action: 'deploy' });
    expect(await api.node(id!, '__typename ... on Command { action }')).toEqual({
      __typename: 'Command',
      action: 'deploy',
    });
  },

  getInstanceStats: async (api) => {
    const id = await register(api);
    await logCommands(api, id, {}, {}, {}, { success: false });
    expect((await api.read(id, 'commandStats { count failed successRate }')).commandStats).toEqual({
      count: 4,
      failed: 1,
      successRate: 0.75,
    });
  },
});

/** The types of a session's events that the arguments let through, oldest first. */
const eventTypes = async ({ read }: Api, id: string, args: string): Promise<string[]> =>
  (await read(id, `events(${args}) { nodes { type } }`)).events.nodes.map(({ type }: Data) => type);

/** The event can be sent, and is read back as it was sent. */
const emits = (type: string) => async (api: Api) => {
  const sessionId = await register(api);
  const event = { type, data: { epic_id: 'epic-003' }, metadata: { by: 'ps' } };
  const [id] = await emit(api, sessionId, event);
  expect(await api.node(id!, '... on Event { type data metadata session { id } }')).toEqual({
    ...event,
    session: { id: sessionId },
  });
  expect(await eventTypes(api, sessionId, `filter: { types: [${type}] }`)).toEqual([type]);
};

const REPLAYED = 'state endReason contextPercent currentEpic';

showCapabilities('Events', {
  ...Object.fromEntries(SUPERVISOR_EVENT_TYPES.map((type) => [`emitEvent: ${type.toLowerCase()}`, emits(type)])),

  'queryEvents of an instance by type': async (api) => {
    const id = await register(api);
    await emit(api, id, { type: 'EPIC_STARTED' }, { type: 'TEST_PASSED' }, { type: 'EPIC_COMPLETED' });
    const types = ['EPIC_STARTED', 'EPIC_COMPLETED'];
    expect(await eventTypes(api, id, `filter: { types: [${types.join()}] }`)).toEqual(types);
  },

  'queryEvents of all instances by type': async (api) => {
    const [ps, ms] = [await register(api), await register(api, { instanceId: MS })];
    for (const id of [ms, ps]) await emit(api, id, { type: 'EPIC_STARTED' }, { type: 'EPIC_COMPLETED' });
    const { log } = await api.ask('{ log(filter: { types: [EPIC_COMPLETED] }) { events { type session { id } } } }');
    expect(log.events).toEqual([ms, ps].map((id) => ({ type: 'EPIC_COMPLETED', session: { id } })));
  },

  'queryEvents by time': async (api) => {
    const at = (hour: number) => `2026-01-28T${hour}:00:00.000Z`;
    const id = await register(api, { occurredAt: at(10) });
    const told = ['EPIC_PLANNED', 'EPIC_STARTED', 'EPIC_COMPLETED'].map((type, index) => ({
      type,
      occurredAt: at(11 + index),
    }));
    await emit(api, id, ...told);
    expect(await eventTypes(api, id, `filter: { since: "${at(12)}", until: "${at(13)}" }`)).toEqual(['EPIC_STARTED']);
  },

  'queryEvents by keyword': async (api) => {
    const id = await register(api);
    const epics = ['authentication of the login page', 'billing'];
    await emit(api, id, ...epics.map((name) => ({ type: 'EPIC_STARTED', data: { name } })));
    const { events } = await api.read(id, 'events(filter: { search: "login" }) { nodes { data } }');
    expect(events.nodes).toEqual([{ data: { name: epics[0] } }]);
  },

  getLatestEvents: async (api) => {
    const id = await register(api);
    await emit(api, id, { type: 'EPIC_STARTED' }, { type: 'TEST_STARTED' }, { type: 'TEST_PASSED' });
    expect(await eventTypes(api, id, 'last: 2')).toEqual(['TEST_STARTED', 'TEST_PASSED']);
  },

  getEventById: async (api) => {
    const [id] = await emit(api, await register(api), { type: 'PR_MERGED', data: { number: 12 } });
    expect(await api.node(id!, '... on Event { type data }')).toEqual({ type: 'PR_MERGED', data: { number: 12 } });
  },

  'getEventCount and aggregateEventsByType': async (api) => {
    const id = await register(api);
    await emit(api, id, { type: 'TEST_PASSED' }, { type: 'TEST_FAILED' }, { type: 'TEST_PASSED' });
    const { events, eventCounts } = await api.read(id, 'events { totalCount } eventCounts { type count }');
    expect(eventCounts).toEqual(expect.arrayContaining([{ type: 'TEST_PASSED', count: 2 }]));
    expect(eventCounts.reduce((sum: number, { count }: Data) => sum + count, 0)).toBe(events.totalCount);
  },

  'event lineage': async (api) => {
    const sessionId = await register(api);
    const [started] = await emit(api, sessionId, { type: 'TEST_STARTED' });
    const [passed] = await emit(api, sessionId, { type: 'TEST_PASSED', causeId: started });
    expect(await api.node(passed!, '... on Event { cause { id } }')).toEqual({ cause: { id: started } });
  },

  replayEvents: async (api) => {
    const id = await register(api);
    await beat(api, { sessionId: id, contextPercent: 42, currentEpic: 'epic-003' });
    const checkpoint = await takeCheckpoint(api, id);
    await api.act('endSession', { sessionId: id, reason: 'HANDED_OFF' }, 'position');
    const { replay, ...row } = await api.read(id, `${REPLAYED} replay { ${REPLAYED} latestCheckpoint { id } }`);
    expect(row).toEqual({ state: 'COMPLETED', endReason: 'HANDED_OFF', contextPercent: 42, currentEpic: 'epic-003' });
    expect(replay).toEqual({ ...row, latestCheckpoint: { id: checkpoint } });
  },

  'replayEvents up to a sequence number': async (api) => {
    const id = await register(api);
    await emit(api, id, { type: 'EPIC_STARTED' });
    const { events } = await api.read(id, 'events(last: 1) { nodes { sequence type } }');
    const [{ sequence, type }] = events.nodes;
    await api.act('endSession', { sessionId: id, reason: 'FINISHED' }, 'position');
    const { replay } = await api.read(id, `replay(toSequence: ${sequence}) { sequence state endReason lastEventType }`);
    expect(replay).toEqual({ sequence, state: 'WORKING', endReason: null, lastEventType: type });
  },
});
