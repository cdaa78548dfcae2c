import { expect } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import { TRIGGERS, type EndingTrigger } from '../../src/domain/trigger.js';
import { showCapabilities, type Api } from './capability.js';

const KEY = { platform: 'github', externalId: 'owner/repo#12' };
const TRANSITION = 'ended { id } session { id } created';

/** A session of the conversation. */
const begin = ({ start }: Api, input: object = {}) => start({ kind: 'CONVERSATION', conversation: KEY, ...input });

async function openSession({ ask }: Api): Promise<string | undefined> {
  const document = 'query ($key: ConversationKey!) { conversation(by: { key: $key }) { openSession { id } } }';
  return (await ask(document, { key: KEY })).conversation?.openSession?.id;
}

/** The trigger ends the open session and begins its child; where none is open it begins one. */
const creates = (trigger: EndingTrigger) => async (api: Api) => {
  const first = await begin(api);
  const { ended, session, created } = await api.act('transitionSession', { conversation: KEY, trigger }, TRANSITION);
  expect({ ended, created }).toEqual({ ended: { id: first }, created: true });
  expect(await api.read(first, 'state endReason')).toEqual({ state: 'COMPLETED', endReason: trigger });
  expect(await api.read(session.id, 'isOpen startReason parent { id }')).toEqual({
    isOpen: true,
    startReason: trigger,
    parent: { id: first },
  });
  expect(await openSession(api)).toBe(session.id);
};

/** The trigger ends the open session and begins none: the next message continues the chain. */
const deactivates = (trigger: EndingTrigger) => async (api: Api) => {
  const first = await begin(api);
  const transition = { conversation: KEY, trigger };
  expect(await api.act('transitionSession', transition, TRANSITION)).toEqual({
    ended: { id: first },
    session: null,
    created: false,
  });
  expect(await api.read(first, 'state endReason')).toEqual({ state: 'COMPLETED', endReason: trigger });
  expect(await openSession(api)).toBeUndefined();
  expect((await api.act('transitionSession', transition, TRANSITION)).ended).toBeNull();
  const next = await api.act('transitionSession', { conversation: KEY, trigger: 'FIRST_MESSAGE' }, TRANSITION);
  expect(await api.read(next.session.id, 'parent { id }')).toEqual({ parent: { id: first } });
};

showCapabilities('Archon', {
  getActiveSession: async (api) => {
    expect(await openSession(api)).toBeUndefined();
    const id = await begin(api);
    expect(await openSession(api)).toBe(id);
  },

  createSession: async (api) => {
    const id = await begin(api, { assistant: 'claude' });
    const selection = 'kind assistant startReason parent { id } conversation { platform externalId }';
    expect(await api.read(id, selection)).toEqual({
      kind: 'CONVERSATION',
      assistant: 'claude',
      startReason: 'FIRST_MESSAGE',
      parent: null,
      conversation: KEY,
    });
  },

  'createSession where one is active': async (api) => {
    const id = await begin(api);
    expect(await api.refusal('startSession', { conversation: KEY })).toMatchObject({
      code: 'SESSION_ALREADY_OPEN',
      holderId: id,
    });
    expect(await openSession(api)).toBe(id);
  },

  "updateSession with the assistant's session id": async (api) => {
    const id = await begin(api);
    await api.act('updateSession', { sessionId: id, providerSessionId: 'claude-1' }, 'position');
    expect(await api.read(id, 'providerSessionId')).toEqual({ providerSessionId: 'claude-1' });
  },

  updateSessionMetadata: async (api) => {
    const id = await begin(api, { metadata: { lastCommand: 'plan-feature', kept: true } });
    await api.act('updateSession', { sessionId: id, metadataPatch: { lastCommand: 'execute' } }, 'position');
    expect((await api.read(id, 'metadata')).metadata).toEqual({ lastCommand: 'execute', kept: true });
  },

  'transitionSession: first-message': async (api) => {
    const transition = { conversation: KEY, trigger: 'FIRST_MESSAGE' };
    const first = await api.act('transitionSession', transition, TRANSITION);
    expect(first).toMatchObject({ ended: null, created: true });
    expect(await openSession(api)).toBe(first.session.id);
    expect(await api.act('transitionSession', transition, TRANSITION)).toEqual({ ...first, created: false });
    expect(await api.read(first.session.id, 'isOpen startReason')).toEqual({
      isOpen: true,
      startReason: 'FIRST_MESSAGE',
    });
  },
  'transitionSession: plan-to-execute': creates('PLAN_TO_EXECUTE'),
  'transitionSession: isolation-changed': deactivates('ISOLATION_CHANGED'),
  'transitionSession: codebase-changed': deactivates('CODEBASE_CHANGED'),
  'transitionSession: codebase-cloned': deactivates('CODEBASE_CLONED'),
  'transitionSession: cwd-changed': deactivates('CWD_CHANGED'),
  'transitionSession: reset-requested': deactivates('RESET_REQUESTED'),
  'transitionSession: context-reset': deactivates('CONTEXT_RESET'),
  'transitionSession: context-compacted': creates('CONTEXT_COMPACTED'),
  'transitionSession: repo-removed': deactivates('REPO_REMOVED'),
  'transitionSession: worktree-removed': deactivates('WORKTREE_REMOVED'),
  'transitionSession: conversation-closed': async (api) => {
    await deactivates('CONVERSATION_CLOSED')(api);
    const open = await openSession(api);
    const { ended, conversation } = await api.act(
      'closeConversation',
      { conversation: { key: KEY } },
      'ended { id endReason } conversation { closedAt }',
    );
    expect(ended).toEqual({ id: open, endReason: 'CONVERSATION_CLOSED' });
    expect(conversation.closedAt).not.toBeNull();
    expect(await openSession(api)).toBeUndefined();
  },
  'transitionSession: project-changed': deactivates('PROJECT_CHANGED'),

  'transitionSession: provider-changed': async (api) => {
    const first = await begin(api, { assistant: 'claude', providerSessionId: 'claude-1' });
    const second = await begin(api, { assistant: 'codex', takeOver: true });
    expect(await api.read(first, 'endReason')).toEqual({ endReason: 'SUPERSEDED' });
    expect(await api.read(second, 'assistant providerSessionId parent { id }')).toEqual({
      assistant: 'codex',
      providerSessionId: null,
      parent: { id: first },
    });
  },

  'transitionSession, twice at once': async (api) => {
    const first = await begin(api);
    const transition = { conversation: KEY, trigger: 'PLAN_TO_EXECUTE' };
    const both = [1, 2].map(() => api.act('transitionSession', transition, TRANSITION));
    const sessions = (await Promise.all(both)).map(({ session }) => session.id);
    const last = (await openSession(api))!;
    expect(sessions).toContain(last);
    const { chain } = await api.read(last, 'chain { id isOpen }');
    expect(chain[0].id).toBe(first);
    expect(chain.filter(({ isOpen }: { isOpen: boolean }) => isOpen)).toEqual([{ id: last, isOpen: true }]);
  },

  'shouldCreateNewSession and shouldDeactivateSession': async ({ ask }) => {
    const { transitionTriggers } = await ask('{ transitionTriggers { trigger behavior } }');
    expect(transitionTriggers).toEqual(
      Object.entries(TRIGGERS).map(([trigger, { behavior }]) => ({ trigger, behavior })),
    );
  },

  'deactivateSession with its reason': async (api) => {
    const id = await begin(api);
    await api.act('endSession', { sessionId: id, reason: 'WORKTREE_REMOVED', note: 'pruned' }, 'position');
    const { endedAt, ...end } = await api.read(id, 'isOpen endedAt endReason endNote');
    expect(end).toEqual({ isOpen: false, endReason: 'WORKTREE_REMOVED', endNote: 'pruned' });
    expect(endedAt).not.toBeNull();
    expect(await openSession(api)).toBeUndefined();
  },

  'safeDeactivateSession after another was faster': async (api) => {
    const id = await begin(api);
    const ends = ['RESET_REQUESTED', 'CONVERSATION_CLOSED'].map((reason) =>
      api.act('endSession', { sessionId: id, reason }, 'alreadyEnded session { endReason }'),
    );
    const [faster, slower] = (await Promise.all(ends)).toSorted((a, b) => a.alreadyEnded - b.alreadyEnded);
    expect([faster.alreadyEnded, slower.alreadyEnded]).toEqual([false, true]);
    expect(slower.session).toEqual(faster.session);
    expect(await api.read(id, 'endReason')).toEqual(faster.session);
  },

  SessionNotFoundError: async ({ refusal }) => {
    const unknown = encodeId('Session', newId());
    for (const [name, input] of [
      ['endSession', { reason: 'RESET_REQUESTED' }],
      ['updateSession', { metadataPatch: {} }],
    ] as const) {
      expect(await refusal(name, { sessionId: unknown, ...input })).toMatchObject({
        code: 'NOT_FOUND',
        kind: 'Session',
        ref: unknown,
      });
    }
  },

  getSessionHistory: async (api) => {
    const first = await begin(api);
    const transition = { conversation: KEY, trigger: 'PLAN_TO_EXECUTE' };
    const { session } = await api.act('transitionSession', transition, TRANSITION);
    const document =
      'query ($key: ConversationKey!) { conversation(by: { key: $key }) { sessions { nodes { id endReason } } } }';
    expect((await api.ask(document, { key: KEY })).conversation.sessions.nodes).toEqual([
      { id: session.id, endReason: null },
      { id: first, endReason: 'PLAN_TO_EXECUTE' },
    ]);
  },

  getSessionChain: async (api) => {
    const ids = [await begin(api)];
    for (const trigger of ['PLAN_TO_EXECUTE', 'CONTEXT_COMPACTED']) {
      const { session } = await api.act('transitionSession', { conversation: KEY, trigger }, TRANSITION);
      ids.push(session.id);
    }
    expect((await api.read(ids[2]!, 'chain { id }')).chain).toEqual(ids.map((id) => ({ id })));
    expect((await api.read(ids[1]!, 'chain { id }')).chain).toEqual(ids.slice(0, 2).map((id) => ({ id })));
  },

  deleteOldSessions: async (api) => {
    const occurredAt = new Date(Date.now() - 40 * 86_400_000).toISOString();
    const endedBefore = new Date(Date.now() - 30 * 86_400_000).toISOString();
    const old = await begin(api, { occurredAt });
    await api.act('endSession', { sessionId: old, reason: 'RESET_REQUESTED', occurredAt }, 'position');
    const recent = await begin(api);
    await api.act('endSession', { sessionId: recent, reason: 'RESET_REQUESTED' }, 'position');
    const open = await begin(api);

    const purge = { filter: { endedBefore }, dryRun: false };
    expect(await api.act('purgeSessions', purge, 'sessions dryRun')).toEqual({ sessions: 1, dryRun: false });
    expect(await api.read(old, 'id')).toBeNull();
    expect((await api.read(open, 'chain { id }')).chain).toEqual([{ id: recent }, { id: open }]);
  },
});
