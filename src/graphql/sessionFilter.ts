import { checkRange, Issues, unstorable } from '../domain/limits.js';
import { isLive, isOpen, LIFECYCLE_STATES, STALE_STATES, type LifecycleState } from '../domain/session.js';
import type { Prisma } from '../store/store.js';
import { builder } from './builder.js';
import type { Context } from './context.js';
import { uuidIn } from './id.js';
import { LifecycleStateEnum, SessionKindEnum } from './state.js';
import { EndReasonEnum, StartReasonEnum } from './trigger.js';

export const SessionFilter = builder.inputType('SessionFilter', {
  description:
    'Which sessions: those that match everything that is given. An empty list matches nothing, and so does an id that is ' +
    'unknown, malformed or of another type.',
  fields: (t) => ({
    states: t.field({ type: [LifecycleStateEnum], description: 'In one of these states.' }),
    open: t.boolean({ description: 'Not ended; false: ended.' }),
    live: t.boolean({ description: 'BOOTING, WORKING or STALLED; false: in another state.' }),
    stale: t.boolean({ description: 'SUSPENDED, STALLED or ZOMBIE; false: in another state.' }),
    kinds: t.field({ type: [SessionKindEnum], description: 'Of one of these kinds.' }),
    agentName: t.string({ description: 'Of the agent of this name.' }),
    capability: t.string({ description: 'With this capability.' }),
    taskId: t.string({ description: 'That work on this task.' }),
    runId: t.id({ description: 'Of this run.' }),
    conversationId: t.id({ description: 'Of this conversation.' }),
    spawnedById: t.id({ description: 'Started by this session.' }),
    chainRootId: t.id({ description: 'Of the chain that began with this session, forks included.' }),
    hostMachine: t.string({ description: 'That work on this machine.' }),
    startReasons: t.field({ type: [StartReasonEnum], description: 'That began for one of these reasons.' }),
    endReasons: t.field({ type: [EndReasonEnum], description: 'That ended for one of these reasons.' }),
    startedAfter: t.field({ type: 'DateTime', description: 'That began after this time.' }),
    startedBefore: t.field({ type: 'DateTime', description: 'That began before this time.' }),
    silentForSeconds: t.int({ description: 'Whose last sign of life is at least so long ago; not negative.' }),
    search: t.string({
      description:
        'Whose title, agent name, capability, task, external id, instance id or epic holds this text, in upper or lower case.',
    }),
  }),
});
export type SessionFilter = typeof SessionFilter.$inferInput;

/** That no session can match. */
export const NOTHING: Prisma.SessionWhereInput = { id: { in: [] } };

// An Int of GraphQL is never more.
const INT_MAX = 2 ** 31 - 1;

/** @throws ValidationError where no session could ever match for a number that makes no sense. */
export function checkSessionFilter(filter: SessionFilter | null | undefined): void {
  const issues = new Issues();
  checkRange(issues, 'filter.silentForSeconds', filter?.silentForSeconds, 0, INT_MAX);
  issues.throwIfAny();
}

/**
 * The sessions of the caller's project that a filter lets through.
 * @throws ValidationError as checkSessionFilter does.
 */
export function sessionWhere(
  filter: SessionFilter | null | undefined,
  { caller, store }: Context,
): Prisma.SessionWhereInput {
  const { projectId } = caller;
  if (!filter) return { projectId };
  checkSessionFilter(filter);
  const { agentName, capability, taskId, hostMachine, search } = filter;
  const texts = [agentName, capability, taskId, hostMachine, search];
  if (texts.some((text) => text != null && unstorable(text))) return NOTHING;
  const { runId, conversationId, spawnedById, chainRootId } = filter;
  const { kinds, startReasons, endReasons, startedAfter, startedBefore, silentForSeconds } = filter;
  return {
    projectId,
    state: { in: statesOf(filter) },
    kind: given(kinds, (list) => ({ in: list })),
    startReason: given(startReasons, (list) => ({ in: list })),
    endReason: given(endReasons, (list) => ({ in: list })),
    agentName: agentName ?? undefined,
    capability: capability ?? undefined,
    taskId: taskId ?? undefined,
    hostMachine: hostMachine ?? undefined,
    runId: given(runId, (id) => uuidIn('Run', id)),
    conversationId: given(conversationId, (id) => uuidIn('Conversation', id)),
    spawnedById: given(spawnedById, (id) => uuidIn('Session', id)),
    chainRootId: given(chainRootId, (id) => uuidIn('Session', id)),
    startedAt: { gt: startedAfter ?? undefined, lt: startedBefore ?? undefined },
    pulse: given(silentForSeconds, (seconds) => ({
      lastActivityAt: { lte: new Date(store.now().getTime() - seconds * 1000) },
    })),
    // An empty text is held by everything, also by what has no text at all.
    OR: given(search || null, holding),
  };
}

/** Undefined, which Prisma takes for no condition, where nothing is given. */
function given<Value, Condition>(value: Value | null | undefined, condition: (value: Value) => Condition) {
  return value == null ? undefined : condition(value);
}

function statesOf({ states, open, live, stale }: SessionFilter): LifecycleState[] {
  return LIFECYCLE_STATES.filter(
    (state) =>
      (states?.includes(state) ?? true) &&
      isOpen(state) === (open ?? isOpen(state)) &&
      isLive(state) === (live ?? isLive(state)) &&
      STALE_STATES.includes(state) === (stale ?? STALE_STATES.includes(state)),
  );
}

function holding(text: string): Prisma.SessionWhereInput[] {
  const contains = { contains: literally(text), mode: 'insensitive' } as const;
  const fields = ['title', 'agentName', 'capability', 'taskId', 'externalId', 'instanceId'] as const;
  return [...fields.map((field) => ({ [field]: contains })), { pulse: { currentEpic: contains } }];
}

/** A text for Prisma's `contains`, `startsWith` and the like, which hand it to LIKE as it is, wildcards and all. */
export function literally(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&');
}
