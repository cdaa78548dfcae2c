import { expect } from 'vitest';
import { decodeId } from '../../src/domain/id.js';
import { expireApprovals, expireSavedStates } from '../../src/store/expiry.js';
import type { Data } from '../support/graphql.js';
import { showCapabilities, type Api } from './capability.js';

const MESSAGES = [{ role: 'user', content: 'Hello' }];
const STATE = {
  mode: 'copilot',
  conversationHistory: MESSAGES,
  contextVariables: { key: 'value' },
  planData: { steps: ['one', 'two'] },
  currentPhase: 'planning',
  currentStep: 1,
};
const CONTENT = Object.keys(STATE).join(' ');

const create = ({ start }: Api, input: object = {}) => start({ kind: 'WORKFLOW', ...input });

/** Saves the state of a session; its id. */
const save = async ({ act }: Api, sessionId: string, input: object): Promise<string> =>
  (await act('saveState', { sessionId, ...input }, 'savedState { id }')).savedState.id;

/** A new workflow with a saved state of version 1. */
async function createSaved(api: Api): Promise<string> {
  const id = await create(api);
  await save(api, id, STATE);
  return id;
}

const savedState = async ({ read }: Api, id: string, selection: string): Promise<Data> =>
  (await read(id, `savedState { ${selection} }`)).savedState;

const suspend = ({ act }: Api, sessionId: string) => act('suspendSession', { sessionId }, 'position');

/** A question of the session, with the position at which it was asked. */
async function ask({ act }: Api, sessionId: string, input: object = {}): Promise<{ id: string; position: number }> {
  const request = { sessionId, question: 'Shall I go on?', ...input };
  const { approval, position } = await act('requestApproval', request, 'approval { id } position');
  return { id: approval.id, position };
}

const approvals = async ({ read }: Api, id: string, args = ''): Promise<Data> =>
  (await read(id, `approvals${args} { id status }`)).approvals;

/** Lets the time of the session's saved state and of its questions pass, and the worker look. */
async function outlive({ graphql: { store, database } }: Api, sessionId: string): Promise<void> {
  const { uuid } = decodeId(sessionId)!;
  await database.prisma
    .$executeRaw`UPDATE saved_states SET expires_at = now() - interval '1 second' WHERE session_id = ${uuid}::uuid`;
  await database.prisma.$executeRaw`
    UPDATE approvals SET created_at = created_at - interval '1 day', expires_at = now() - interval '1 second' WHERE session_id = ${uuid}::uuid`;
  await expireSavedStates(store);
  await expireApprovals(store);
}

/** What became of two calls at once, of which one is refused. */
async function oneOf(calls: Promise<unknown>[]): Promise<Data> {
  const outcomes = await Promise.allSettled(calls);
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  expect(refused).toHaveLength(outcomes.length - 1);
  return refused[0]?.reason.extensions;
}

showCapabilities('cmbagent', {
  create_session: async (api) => {
    const metadata = { model: 'gpt', max_rounds: 50 };
    const id = await create(api, { title: 'copilot', metadata });
    expect(await api.read(id, 'kind title metadata isOpen savedState { id }')).toEqual({
      kind: 'WORKFLOW',
      title: 'copilot',
      metadata,
      isOpen: true,
      savedState: null,
    });
  },

  create_for_session: async (api) => {
    const id = await create(api);
    const state = { mode: 'copilot', conversationHistory: MESSAGES, contextVariables: {}, currentPhase: 'init' };
    await save(api, id, state);
    expect(await savedState(api, id, `version status ${Object.keys(state).join(' ')}`)).toEqual({
      ...state,
      version: 1,
      status: 'ACTIVE',
    });
  },

  load_session_state: async (api) => {
    const id = await create(api, { metadata: { model: 'gpt' } });
    await save(api, id, STATE);
    expect(await api.read(id, `metadata savedState { version ${CONTENT} }`)).toEqual({
      metadata: { model: 'gpt' },
      savedState: { version: 1, ...STATE },
    });
  },

  save_session_state: async (api) => {
    const id = await createSaved(api);
    const conversationHistory = [...MESSAGES, { role: 'assistant', content: 'Hi' }];
    await save(api, id, { expectedVersion: 1, conversationHistory, currentStep: 2 });
    expect(await savedState(api, id, `version ${CONTENT}`)).toEqual({
      ...STATE,
      version: 2,
      conversationHistory,
      currentStep: 2,
    });
  },

  'save_session_state of a part': async (api) => {
    const id = await createSaved(api);
    await save(api, id, { expectedVersion: 1, currentPhase: 'execution' });
    expect(await savedState(api, id, CONTENT)).toEqual({ ...STATE, currentPhase: 'execution' });
    await save(api, id, { expectedVersion: 2, currentStep: 0, planData: null });
    expect(await savedState(api, id, CONTENT)).toEqual({
      ...STATE,
      currentPhase: 'execution',
      currentStep: 0,
      planData: null,
    });
    await save(api, id, { expectedVersion: 3, currentStep: null });
    expect(await savedState(api, id, 'currentStep version')).toEqual({ currentStep: null, version: 4 });
  },

  'save_session_state of an older version': async (api) => {
    const id = await createSaved(api);
    await save(api, id, { expectedVersion: 1, currentStep: 2 });
    expect(await api.refusal('saveState', { sessionId: id, expectedVersion: 1, currentStep: 9 })).toMatchObject({
      code: 'VERSION_CONFLICT',
      retryable: true,
      expected: 1,
      actual: 2,
    });
    expect(await savedState(api, id, 'version currentStep')).toEqual({ version: 2, currentStep: 2 });
  },

  'save_session_state, twice at once': async (api) => {
    const id = await createSaved(api);
    const saves = [10, 20].map((currentStep) => save(api, id, { expectedVersion: 1, currentStep }));
    expect(await oneOf(saves)).toMatchObject({ code: 'VERSION_CONFLICT', expected: 1, actual: 2 });
    const winner = await Promise.any(saves.map((saved, index) => saved.then(() => (index + 1) * 10)));
    expect(await savedState(api, id, 'version currentStep')).toEqual({ version: 2, currentStep: winner });
  },

  suspend_session: async (api) => {
    const id = await createSaved(api);
    await suspend(api, id);
    expect(await api.read(id, `state isOpen savedState { status ${CONTENT} }`)).toEqual({
      state: 'SUSPENDED',
      isOpen: true,
      savedState: { status: 'SUSPENDED', ...STATE },
    });
  },

  resume_session: async (api) => {
    const id = await createSaved(api);
    await suspend(api, id);
    const { plan } = await api.act('resumeSession', { sessionId: id }, `plan { savedState { ${CONTENT} } nextSteps }`);
    expect(plan).toEqual({ savedState: STATE, nextSteps: ['planning, step 1'] });
    expect(await api.read(id, 'state savedState { status }')).toEqual({
      state: 'WORKING',
      savedState: { status: 'ACTIVE' },
    });
  },

  'resume_session, twice at once': async (api) => {
    const id = await createSaved(api);
    await suspend(api, id);
    const resumes = [1, 2].map(() => api.act('resumeSession', { sessionId: id }, 'position'));
    expect(await oneOf(resumes)).toMatchObject({ code: 'NOT_RESUMABLE', state: 'WORKING' });
    expect(await api.read(id, 'state')).toEqual({ state: 'WORKING' });
  },

  'resume_session that comes too late': async (api) => {
    const id = await create(api);
    await save(api, id, { ...STATE, expiresAt: new Date(Date.now() - 60_000).toISOString() });
    await suspend(api, id);
    expect(await api.refusal('resumeSession', { sessionId: id })).toMatchObject({
      code: 'NOT_RESUMABLE',
      state: 'SUSPENDED',
    });
    expect(await api.read(id, 'state')).toEqual({ state: 'SUSPENDED' });
  },

  complete_session: async (api) => {
    const id = await createSaved(api);
    await api.act('endSession', { sessionId: id, reason: 'FINISHED', outcome: 'SUCCESS' }, 'position');
    expect(await api.read(id, 'state outcome savedState { status }')).toEqual({
      state: 'COMPLETED',
      outcome: 'SUCCESS',
      savedState: { status: 'COMPLETED' },
    });
  },

  'expiry of sessions': async (api) => {
    const [active, suspended] = [await createSaved(api), await createSaved(api)];
    const { updatedAt, expiresAt } = await savedState(api, active, 'updatedAt expiresAt');
    expect(Date.parse(expiresAt) - Date.parse(updatedAt)).toBe(24 * 60 * 60 * 1000);
    await suspend(api, suspended);
    for (const id of [active, suspended]) await outlive(api, id);
    expect(await api.read(active, 'isOpen savedState { status }')).toEqual({
      isOpen: true,
      savedState: { status: 'EXPIRED' },
    });
    expect(await api.read(suspended, 'endReason outcome savedState { status }')).toEqual({
      endReason: 'EXPIRED',
      outcome: 'UNKNOWN',
      savedState: { status: 'EXPIRED' },
    });
  },

  'list_sessions by status': async (api) => {
    await createSaved(api);
    const suspended = await createSaved(api);
    await suspend(api, suspended);
    const other = await api.start();
    await suspend(api, other);
    const document = '{ sessions(filter: { kinds: [WORKFLOW], states: [SUSPENDED] }) { nodes { id } } }';
    expect((await api.ask(document)).sessions.nodes).toEqual([{ id: suspended }]);
  },

  get_session_info: async (api) => {
    const id = await create(api, { title: 'copilot' });
    await save(api, id, STATE);
    const { mode, currentPhase, currentStep } = STATE;
    expect(await api.read(id, 'title state savedState { mode status currentPhase currentStep }')).toEqual({
      title: 'copilot',
      state: 'WORKING',
      savedState: { mode, status: 'ACTIVE', currentPhase, currentStep },
    });
  },

  delete_session: async (api) => {
    const [id, kept] = [await createSaved(api), await createSaved(api)];
    const { id: state } = await savedState(api, id, 'id');
    const { id: question } = await ask(api, id);
    const purge = { filter: { sessionIds: [id] }, force: true, dryRun: false };
    expect(await api.act('purgeSessions', purge, 'sessions')).toEqual({ sessions: 1 });
    for (const gone of [id, state, question]) expect(await api.node(gone, 'id')).toBeNull();
    expect(await savedState(api, kept, 'version')).toEqual({ version: 1 });
  },

  create_approval_request: async (api) => {
    const sessionId = await create(api);
    const request = { type: 'PLAN', question: 'Shall I go on?', context: { steps: 3 } };
    const { id } = await ask(api, sessionId, { ...request, timeoutSeconds: 600 });
    const selection = '... on Approval { type question context status session { id } createdAt expiresAt }';
    const { createdAt, expiresAt, ...asked } = await api.node(id, selection);
    expect(asked).toEqual({ ...request, status: 'PENDING', session: { id: sessionId } });
    expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(600_000);
    const { liveness } = await api.read(sessionId, 'liveness { waitingSince }');
    expect(liveness.waitingSince).not.toBeNull();
  },

  get_pending_approvals: async (api) => {
    const session = await create(api);
    const [{ id: answered }, { id: pending }] = [await ask(api, session), await ask(api, session)];
    await api.act('resolveApproval', { approvalId: answered, resolution: 'APPROVED' }, 'position');
    expect(await approvals(api, session, '(status: PENDING)')).toEqual([{ id: pending, status: 'PENDING' }]);
  },

  get_approval_history: async (api) => {
    const session = await create(api);
    const [{ id: answered }, { id: pending }] = [await ask(api, session), await ask(api, session)];
    await api.act('resolveApproval', { approvalId: answered, resolution: 'REJECTED' }, 'position');
    expect(await approvals(api, session)).toEqual([
      { id: answered, status: 'RESOLVED' },
      { id: pending, status: 'PENDING' },
    ]);
  },

  resolve_approval: async (api) => {
    const session = await create(api);
    const { id } = await ask(api, session);
    const answer = { resolution: 'MODIFIED', result: { steps: 2 } };
    await api.act('resolveApproval', { approvalId: id, ...answer, by: 'ada' }, 'position');
    expect(await api.node(id, '... on Approval { status resolution result resolvedBy }')).toEqual({
      ...answer,
      status: 'RESOLVED',
      resolvedBy: 'ada',
    });
    expect((await api.read(session, 'liveness { waitingSince }')).liveness).toEqual({ waitingSince: null });
  },

  'resolve_approval of one that is resolved': async (api) => {
    const { id } = await ask(api, await create(api));
    const answers = ['APPROVED', 'REJECTED'].map((resolution) =>
      api.act('resolveApproval', { approvalId: id, resolution }, 'position'),
    );
    const { code, resolution } = await oneOf(answers);
    expect(code).toBe('ALREADY_RESOLVED');
    expect(await api.node(id, '... on Approval { resolution }')).toEqual({ resolution });
  },

  wait_for_approval: async (api) => {
    const { id, position } = await ask(api, await create(api));
    const answers = await api.watch('subscription ($after: SafeInt) { approvals(after: $after) { id resolution } }', {
      after: position,
    });
    const answer = answers.next();
    await api.act('resolveApproval', { approvalId: id, resolution: 'APPROVED' }, 'position');
    expect((await answer).value).toEqual({ approvals: { id, resolution: 'APPROVED' } });
    await answers.return();
  },

  cancel_pending_approvals: async (api) => {
    const session = await create(api);
    const { id } = await ask(api, session);
    await api.act('endSession', { sessionId: session, reason: 'STOPPED' }, 'position');
    expect(await approvals(api, session)).toEqual([{ id, status: 'CANCELLED' }]);
  },

  'expiry of approvals': async (api) => {
    const session = await create(api);
    const { id } = await ask(api, session);
    await outlive(api, session);
    expect(await approvals(api, session)).toEqual([{ id, status: 'EXPIRED' }]);
    expect(await api.read(session, 'isOpen')).toEqual({ isOpen: true });
  },

  'test_session_state_crud, step by step': async (api) => {
    const session = await create(api, { title: 'Test Session' });
    const { mode, conversationHistory, contextVariables } = STATE;
    const state = await save(api, session, { mode, conversationHistory, contextVariables });
    expect(await savedState(api, session, 'id mode conversationHistory contextVariables')).toEqual({
      id: state,
      mode,
      conversationHistory,
      contextVariables,
    });
    const purge = { filter: { sessionIds: [session] }, force: true, dryRun: false };
    await api.act('purgeSessions', purge, 'position');
    for (const id of [session, state]) expect(await api.node(id, 'id')).toBeNull();
  },
});
