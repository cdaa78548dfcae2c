import { describe, expect, it } from 'vitest';
import {
  defaultStartReason,
  END_REASONS,
  INSTANCE_TYPES,
  instanceTypeOf,
  isLive,
  isOpen,
  LIFECYCLE_STATES,
  LIVE_STATES,
  OUTCOMES,
  REGISTRY_STATUSES,
  registryStatus,
  SESSION_KINDS,
  STALE_STATES,
  START_REASONS,
} from '../../src/domain/session.js';

const words = (text: string) => text.trim().split(/\s+/);

describe('the words of a session', () => {
  it.each([
    ['kind', SESSION_KINDS, 'CONVERSATION AGENT SUPERVISOR WORKFLOW'],
    ['state', LIFECYCLE_STATES, 'BOOTING WORKING SUSPENDED STALLED ZOMBIE COMPLETED'],
    ['registry status', REGISTRY_STATUSES, 'ACTIVE STALE CLOSED'],
    ['outcome', OUTCOMES, 'SUCCESS FAILURE ABORTED UNKNOWN'],
    ['instance type', INSTANCE_TYPES, 'PS MS'],
    [
      'start reason',
      START_REASONS,
      `FIRST_MESSAGE PLAN_TO_EXECUTE ISOLATION_CHANGED CODEBASE_CHANGED CODEBASE_CLONED CWD_CHANGED RESET_REQUESTED
       CONTEXT_RESET CONTEXT_COMPACTED REPO_REMOVED WORKTREE_REMOVED CONVERSATION_CLOSED PROJECT_CHANGED
       REGISTERED SPAWNED HANDOFF RESTORED FORKED TAKEN_OVER IMPORTED`,
    ],
    [
      'end reason',
      END_REASONS,
      `PLAN_TO_EXECUTE ISOLATION_CHANGED CODEBASE_CHANGED CODEBASE_CLONED CWD_CHANGED RESET_REQUESTED
       CONTEXT_RESET CONTEXT_COMPACTED REPO_REMOVED WORKTREE_REMOVED CONVERSATION_CLOSED PROJECT_CHANGED
       FINISHED FAILED STOPPED EXPIRED HANDED_OFF RESTORED SUPERSEDED PROCESS_DIED TERMINATED`,
    ],
  ])('for its %s are the contract’s', (_, known, contract) => {
    expect(known).toEqual(words(contract));
  });
});

describe('a state', () => {
  it.each([
    ['BOOTING', { open: true, live: true, registry: 'ACTIVE' }],
    ['WORKING', { open: true, live: true, registry: 'ACTIVE' }],
    ['STALLED', { open: true, live: true, registry: 'STALE' }],
    ['SUSPENDED', { open: true, live: false, registry: 'STALE' }],
    ['ZOMBIE', { open: true, live: false, registry: 'STALE' }],
    ['COMPLETED', { open: false, live: false, registry: 'CLOSED' }],
  ] as const)('%s is %o', (state, facts) => {
    expect({ open: isOpen(state), live: isLive(state), registry: registryStatus(state) }).toEqual(facts);
  });

  it('is in the lists of those that are alike', () => {
    expect([...LIVE_STATES].sort()).toEqual(['BOOTING', 'STALLED', 'WORKING']);
    expect([...STALE_STATES].sort()).toEqual(['STALLED', 'SUSPENDED', 'ZOMBIE']);
  });
});

describe('an instance id', () => {
  it.each([
    ['odin-PS-6dff3b', 'PS'],
    ['a-MS-000000', 'MS'],
    ['0-PS-zzzzzz', 'PS'],
    ['legal-ai-2-PS-abc123', 'PS'],
    ['a--PS-abc123', 'PS'],
    [`${'a'.repeat(118)}-PS-abc123`, 'PS'],
  ])('%s tells its type %s', (instanceId, type) => {
    expect(instanceTypeOf(instanceId)).toBe(type);
  });

  it.each([
    '',
    'no-such-form',
    'UPPER-PS-abc123',
    '-PS-abc123',
    '-a-PS-abc123',
    'a_b-PS-abc123',
    'a-XS-abc123',
    'a-ps-abc123',
    'a-PS-abc12',
    'a-PS-abc1234',
    'a-PS-ABC123',
    'aPS-abc123',
    'a-PS-abc123\n',
    ' a-PS-abc123',
    'a-PS-abc123-MS',
  ])('is not %j', (text) => {
    expect(instanceTypeOf(text)).toBeNull();
  });
});

describe('the reason to start that nobody gave', () => {
  const cases = SESSION_KINDS.flatMap((kind) =>
    [true, false].flatMap((spawned) => [true, false].map((conversation) => ({ kind, spawned, conversation }))),
  );

  it.each(cases.filter(({ spawned }) => spawned))('is SPAWNED with a spawner: %o', (session) => {
    expect(defaultStartReason(session)).toBe('SPAWNED');
  });

  it.each([
    ['SUPERVISOR', true, 'REGISTERED'],
    ['SUPERVISOR', false, 'REGISTERED'],
    ['CONVERSATION', true, 'FIRST_MESSAGE'],
    ['CONVERSATION', false, 'REGISTERED'],
    ['AGENT', true, 'FIRST_MESSAGE'],
    ['AGENT', false, 'REGISTERED'],
    ['WORKFLOW', true, 'FIRST_MESSAGE'],
    ['WORKFLOW', false, 'REGISTERED'],
  ] as const)('of a %s, in a conversation: %s, is %s', (kind, conversation, reason) => {
    expect(defaultStartReason({ kind, spawned: false, conversation })).toBe(reason);
  });
});
