import { assertObjectType, type GraphQLResolveInfo } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeId, encodeId, newId, type IdType } from '../../src/domain/id.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { createApiKey } from '../../src/store/apiKey.js';
import { requestApproval } from '../../src/store/approval.js';
import { logCommands } from '../../src/store/command.js';
import { appendEvents } from '../../src/store/event.js';
import { initiateHandoff } from '../../src/store/handoff.js';
import { createRun } from '../../src/store/run.js';
import { saveState } from '../../src/store/savedState.js';
import { sendSignal } from '../../src/store/signal.js';
import { openGraphql, type TestGraphql } from '../support/graphql.js';

const NODE = 'query ($id: ID!) { node(id: $id) { __typename id } }';
const NODES = 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }';

let graphql: TestGraphql;
/** An id of each type. */
let ids: Record<IdType, string>;

beforeAll(async () => {
  graphql = await openGraphql();
  const { store, caller, start } = graphql;
  const session = await start(caller, { conversation: { platform: 'test', externalId: 'c' } });
  const { run } = await createRun(store, caller, {});
  const { events } = await appendEvents(store, caller, {
    sessionId: session.id,
    events: [{ type: 'RESULT', level: 'INFO' }],
  });
  const sessionId = session.id;
  const { handoff } = await initiateHandoff(store, caller, {
    sessionId,
    reason: 'MANUAL',
    checkpoint: { workState: {} },
  });
  const { commands } = await logCommands(store, caller, {
    sessionId,
    commands: [{ commandType: 'tool', action: 'read', success: true, source: 'AUTO' }],
  });
  const { savedState } = await saveState(store, caller, { sessionId });
  const { approval } = await requestApproval(store, caller, {
    sessionId,
    type: 'OTHER',
    question: '?',
    timeoutSeconds: 9,
  });
  const { signal } = await sendSignal(store, caller, { sessionId, kind: 'NUDGE' });
  const { apiKey } = await createApiKey(store, caller, { name: 'ci', role: 'AGENT' });
  ids = {
    Project: encodeId('Project', caller.projectId),
    Conversation: encodeId('Conversation', session.conversationId ?? ''),
    Run: encodeId('Run', run.id),
    Session: encodeId('Session', session.id),
    Event: encodeId('Event', events[0]?.id ?? ''),
    Checkpoint: encodeId('Checkpoint', handoff.checkpointId),
    Command: encodeId('Command', commands[0]?.id ?? ''),
    SavedState: encodeId('SavedState', savedState.id),
    Handoff: encodeId('Handoff', handoff.id),
    Approval: encodeId('Approval', approval.id),
    Signal: encodeId('Signal', signal.id),
    ApiKey: encodeId('ApiKey', apiKey.id),
  };
});
afterAll(() => graphql[Symbol.asyncDispose]());

describe('node', () => {
  it('finds whatever has an id, with its type', async () => {
    for (const [type, id] of Object.entries(ids)) {
      expect(await graphql.ask(NODE, { id })).toEqual({ node: { __typename: type, id } });
    }
  });

  it('is null, and no error, for an id that is unknown, malformed or of another type', async () => {
    const session = ids.Session;
    const strange = [
      encodeId('Session', newId()),
      encodeId('Project', newId()),
      encodeId('Checkpoint', newId()),
      encodeId('ApiKey', newId()),
      session.replace('ses_', 'evt_'),
      session.replace('ses_', 'xyz_'),
      session.toUpperCase(),
      session.slice(4),
      `${session}0`,
      `${session}\u0000`,
      `ses_8${session.slice(5)}`,
      'ses_',
      'ses_\u0000',
      '__proto__',
      "ses_' or 1=1 --",
      Buffer.from('Session:1').toString('base64'),
      'A'.repeat(50_000),
      '',
    ];
    for (const id of strange) expect(await graphql.ask(NODE, { id })).toEqual({ node: null });
  });

  it('is null for everything of another project', async () => {
    const stranger = { caller: { ...(await graphql.newCaller()), serverAdmin: false } };
    for (const id of Object.values(ids)) expect(await graphql.ask(NODE, { id }, stranger)).toEqual({ node: null });
    const { nodes } = await graphql.ask(NODES, { ids: Object.values(ids) }, stranger);
    expect(nodes).toEqual(Object.values(ids).map(() => null));
  });
});

it('an id is told at once, and is no promise', () => {
  const schema = buildSchema();
  for (const [type, id] of Object.entries(ids)) {
    const { resolve } = assertObjectType(schema.getType(type)).getFields().id ?? {};
    expect(resolve?.({ id: decodeId(id)?.uuid }, {}, {}, {} as GraphQLResolveInfo)).toBe(id);
  }
});

describe('nodes', () => {
  it('keeps order and repetitions, with null for the unknown', async () => {
    const asked = [ids.Event, 'malformed', ids.Session, ids.Event, encodeId('Session', newId()), ids.Project];
    const { nodes } = await graphql.ask(NODES, { ids: asked });
    expect(nodes).toEqual([{ id: ids.Event }, null, { id: ids.Session }, { id: ids.Event }, null, { id: ids.Project }]);
  });

  it('takes at most 500 ids', async () => {
    const many = (count: number) => ({ ids: Array.from({ length: count }, () => ids.Session) });
    expect((await graphql.ask(NODES, many(500))).nodes).toHaveLength(500);
    expect((await graphql.refusal(NODES, many(501))).extensions).toMatchObject({
      code: 'VALIDATION',
      issues: [{ path: 'ids' }],
    });
  });
});
