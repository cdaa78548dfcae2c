import { instanceTypeOf, isLive, isOpen, registryStatus } from '../domain/session.js';
import { builder } from './builder.js';
import { FORWARD, related } from './connection.js';
import { Liveness } from './liveness.js';
import { SessionConnection } from './node.js';
import type { Order } from './order.js';
import { InstanceTypeEnum, LifecycleStateEnum, OutcomeEnum, RegistryStatusEnum, SessionKindEnum } from './state.js';
import { EndReasonEnum, StartReasonEnum } from './trigger.js';
import { WorkspaceType } from './workspace.js';

/** Oldest first, by the order of insertion. */
export const BY_ORDINAL: Order = { name: 'ordinal', keys: [{ field: 'ordinal', type: 'integer', direction: 'asc' }] };

// Who it is.
builder.prismaObjectFields('Session', (t) => ({
  kind: t.expose('kind', { type: SessionKindEnum, description: 'What it is the life of.' }),
  agentName: t.exposeString('agentName', {
    nullable: true,
    description: "The agent's name: at most one open session of a project bears it. Null where it has none.",
  }),
  capability: t.exposeString('capability', {
    nullable: true,
    description: 'What the agent is for: builder, reviewer, coordinator, … Null where nobody said.',
  }),
  instanceId: t.exposeString('instanceId', {
    nullable: true,
    description: "A supervisor's id, `<name>-(PS|MS)-<6 of a-z0-9>`, unique in the project; null for others.",
  }),
  instanceType: t.field({
    type: InstanceTypeEnum,
    nullable: true,
    description: 'What its instance id says it is; null where it has none.',
    resolve: ({ instanceId }) => (instanceId === null ? null : instanceTypeOf(instanceId)),
  }),
  externalId: t.exposeString('externalId', {
    nullable: true,
    description: "The caller's own id for it (a runtime's session id, say); unique in the project.",
  }),
  providerSessionId: t.exposeString('providerSessionId', {
    nullable: true,
    description: "The resumable session id at the model's provider; null once the provider calls it stale.",
  }),
  assistant: t.exposeString('assistant', {
    nullable: true,
    description: 'The program that runs it: claude-code, codex, … Null where nobody said.',
  }),
  taskId: t.exposeString('taskId', {
    nullable: true,
    description: 'The task that it works on, in the words of its caller.',
  }),
  title: t.exposeString('title', { nullable: true, description: 'What people call it.' }),
  workspace: t.field({ type: WorkspaceType, description: 'Where it works.', resolve: (session) => session }),
  metadata: t.expose('metadata', { type: 'JSON', description: 'An object of whatever else its callers keep with it.' }),
}));

// Where it stands, and why it began and ended.
builder.prismaObjectFields('Session', (t) => ({
  state: t.expose('state', { type: LifecycleStateEnum, description: 'Where it stands in its life.' }),
  stateChangedAt: t.expose('stateChangedAt', {
    type: 'DateTime',
    description: 'Since when it has been in this state.',
  }),
  registryStatus: t.field({
    type: RegistryStatusEnum,
    description: 'How the registry of a supervisor would put its state.',
    resolve: ({ state }) => registryStatus(state),
  }),
  isOpen: t.boolean({
    description: "Not ended: it still holds its conversation's or its agent name's place.",
    resolve: ({ state }) => isOpen(state),
  }),
  isLive: t.boolean({ description: 'BOOTING, WORKING or STALLED.', resolve: ({ state }) => isLive(state) }),
  version: t.exposeInt('version', { description: 'Grows by one with every write to this session.' }),
  startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When it began; never changes.' }),
  startReason: t.expose('startReason', { type: StartReasonEnum, description: 'Why it began; never changes.' }),
  endedAt: t.expose('endedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When it ended; null while it is open.',
  }),
  endReason: t.expose('endReason', {
    type: EndReasonEnum,
    nullable: true,
    description: 'Why it ended, written once; null while it is open.',
  }),
  outcome: t.expose('outcome', {
    type: OutcomeEnum,
    nullable: true,
    description: 'How it came out, written once; null while it is open.',
  }),
  endedBy: t.exposeString('endedBy', {
    nullable: true,
    description: 'Who ended it; null while it is open or where nobody said.',
  }),
  endNote: t.exposeString('endNote', { nullable: true, description: 'What was said at its end.' }),
}));

// What it came from, and what came from it.
builder.prismaObjectFields('Session', (t) => ({
  parent: t.relation('parent', {
    nullable: true,
    description:
      'The session before this one in its chain; null for the root, and where that one was purged. Recursive, bounded by ' +
      'the query limits: `chain` walks it whole.',
  }),
  children: t.field({
    description: 'Sessions whose parent this is, oldest first: one, unless it was forked.',
    args: FORWARD,
    ...related(SessionConnection, 'children', BY_ORDINAL),
  }),
  chainIndex: t.exposeInt('chainIndex', {
    description: 'Its place in its chain: 0 for the root, and one more than its parent’s.',
  }),
  spawnedBy: t.relation('spawnedBy', {
    nullable: true,
    description:
      'Who started it, where an agent did: another edge than `parent`. Null where none did or that one was purged.',
  }),
  spawned: t.field({
    description: 'The sessions that it started, oldest first.',
    args: FORWARD,
    ...related(SessionConnection, 'spawned', BY_ORDINAL),
  }),
  depth: t.exposeInt('depth', { description: 'Its depth in the spawn tree: 0 where no agent spawned it.' }),
  conversation: t.relation('conversation', {
    nullable: true,
    description: 'The conversation that it belongs to; null where it belongs to none.',
  }),
  run: t.relation('run', { nullable: true, description: 'The run that it belongs to; null where it belongs to none.' }),
}));

// What its heartbeats say.
builder.prismaObjectFields('Session', (t) => ({
  contextPercent: t.float({
    nullable: true,
    description: 'How full its context window is, 0 to 100, as it last said; null where it never did.',
    select: { pulse: { select: { contextPercent: true } } },
    resolve: ({ pulse }) => pulse?.contextPercent,
  }),
  currentEpic: t.string({
    nullable: true,
    description: 'The epic that it is at, as it last said; null where it never did.',
    select: { pulse: { select: { currentEpic: true } } },
    resolve: ({ pulse }) => pulse?.currentEpic,
  }),
  activity: t.string({
    nullable: true,
    description: 'What it said it was doing, in its last heartbeat that said so.',
    select: { pulse: { select: { activity: true } } },
    resolve: ({ pulse }) => pulse?.activity,
  }),
  liveness: t.field({
    type: Liveness,
    description: 'The verdict on its silence.',
    select: { pulse: { select: { lastHeartbeatAt: true, lastActivityAt: true } } },
    resolve: (session) => session,
  }),
}));
