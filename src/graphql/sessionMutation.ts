import { transitionSession } from '../store/conversation.js';
import { endSession, startSession, updateSession } from '../store/session.js';
import { builder } from './builder.js';
import { ConversationKey } from './conversation.js';
import { decoded } from './id.js';
import { LivenessPolicyInput } from './liveness.js';
import { SessionNode } from './node.js';
import { OCCURRED_AT, POSITION, REPEATABLE, REPLAYED } from './payload.js';
import { OutcomeEnum, SessionKindEnum } from './state.js';
import { EndReasonEnum, StartReasonEnum, TransitionTriggerEnum } from './trigger.js';
import { WorkspaceInput } from './workspace.js';

builder.relayMutationField(
  'startSession',
  {
    description: 'The session that begins. Its identity, lineage and start facts never change.',
    inputFields: (t) => ({
      idempotencyKey: t.string(REPEATABLE),
      occurredAt: t.field({ type: 'DateTime', ...OCCURRED_AT }),
      kind: t.field({
        type: SessionKindEnum,
        required: true,
        defaultValue: 'AGENT',
        description: 'What it is the life of.',
      }),
      agentName: t.string({ description: "The agent's name, which one open session at a time may bear." }),
      capability: t.string({ description: 'What the agent is for; coordinators are not judged by their silence.' }),
      instanceId: t.string({ description: "A supervisor's id, `<name>-(PS|MS)-<6 of a-z0-9>`." }),
      externalId: t.string({ description: "The caller's own id for it; unique in the project." }),
      providerSessionId: t.string({ description: "The resumable session id at the model's provider." }),
      assistant: t.string({ description: 'The program that runs it.' }),
      taskId: t.string({ description: 'The task that it works on.' }),
      title: t.string({ description: 'What people are to call it.' }),
      workspace: t.field({ type: WorkspaceInput, description: 'Where it works.' }),
      metadata: t.field({ type: 'JSON', description: 'An object of whatever else is to be kept with it.' }),
      conversation: t.field({
        type: ConversationKey,
        description: 'The conversation that it belongs to; made where it is new.',
      }),
      runId: t.id({ description: "The run that it joins; the spawner's where absent." }),
      spawnedById: t.id({ description: 'The session that starts it.' }),
      parentId: t.id({
        description:
          "Continue this ended session's chain; else the newest ended session of the same conversation or agent name is the " +
          'parent.',
      }),
      startReason: t.field({
        type: StartReasonEnum,
        description:
          'Why it begins. Absent: SPAWNED with a spawner, else REGISTERED for supervisors, else FIRST_MESSAGE in a ' +
          'conversation, else REGISTERED.',
      }),
      contextPercent: t.float({ description: 'How full its context window is, 0 to 100.' }),
      currentEpic: t.string({ description: 'The epic that it is at.' }),
      liveness: t.field({
        type: LivenessPolicyInput,
        description: "What is to differ from its kind's liveness policy.",
      }),
      takeOver: t.boolean({
        required: true,
        defaultValue: false,
        description:
          'End the open session that holds the conversation or the name (SUPERSEDED) instead of failing with ' +
          'SESSION_ALREADY_OPEN.',
      }),
    }),
  },
  {
    description: 'Begins a session in a free place: its conversation, else its agent name.',
    resolve: (_, { input }, { store, caller }) =>
      startSession(store, caller, decoded(input, { runId: 'Run', spawnedById: 'Session', parentId: 'Session' })),
  },
  {
    description: 'What began.',
    outputFields: (t) => ({
      session: t.field({ type: SessionNode, description: 'The session.', resolve: ({ session }) => session }),
      superseded: t.field({
        type: SessionNode,
        nullable: true,
        description: 'The session whose place it took; null where the place was free.',
        resolve: ({ superseded }) => superseded,
      }),
      replayed: t.exposeBoolean('replayed', REPLAYED),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);

export const NextSessionInput = builder.inputType('NextSessionInput', {
  description: 'What is to differ in the next session of a chain; all else is inherited.',
  fields: (t) => ({
    assistant: t.string({ description: 'The program that runs it.' }),
    providerSessionId: t.string({ description: "The resumable session id at the model's provider; never inherited." }),
    title: t.string({ description: 'What people are to call it.' }),
    workspace: t.field({ type: WorkspaceInput, description: 'Where it works.' }),
    metadata: t.field({ type: 'JSON', description: 'An object of whatever else is to be kept with it.' }),
  }),
});

builder.relayMutationField(
  'transitionSession',
  {
    description: 'What happened, and to what: exactly one of `conversation` and `sessionId`.',
    inputFields: (t) => ({
      idempotencyKey: t.string(REPEATABLE),
      conversation: t.field({ type: ConversationKey, description: 'Where it happened; made where it is new.' }),
      sessionId: t.id({ description: 'To which session, or to the chain that it belongs to.' }),
      trigger: t.field({ type: TransitionTriggerEnum, required: true, description: 'What happened.' }),
      note: t.string({ description: 'A word on it, for the session that ends.' }),
      outcome: t.field({ type: OutcomeEnum, description: 'How the session that ends came out; UNKNOWN where absent.' }),
      occurredAt: t.field({ type: 'DateTime', ...OCCURRED_AT }),
      next: t.field({ type: NextSessionInput, description: 'What is to differ in the session that begins.' }),
    }),
  },
  {
    description:
      'Tells of a trigger and does what it asks for: ends the open session, starts its child, both or neither. Two at once ' +
      'never leave two open sessions, and neither fails for it.',
    resolve: (_, { input }, { store, caller }) =>
      transitionSession(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'What came of it.',
    outputFields: (t) => ({
      ended: t.field({
        type: SessionNode,
        nullable: true,
        description: 'What the trigger ended; null where it ended nothing.',
        resolve: ({ ended }) => ended,
      }),
      session: t.field({
        type: SessionNode,
        nullable: true,
        description: 'The session that is open now; null where none is.',
        resolve: ({ session }) => session,
      }),
      created: t.exposeBoolean('created', { description: 'Whether this call made it.' }),
      replayed: t.exposeBoolean('replayed', REPLAYED),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);

builder.relayMutationField(
  'endSession',
  {
    description: 'The end of a session. These facts are written once.',
    inputFields: (t) => ({
      idempotencyKey: t.string(REPEATABLE),
      sessionId: t.id({ required: true, description: 'Which session.' }),
      reason: t.field({ type: EndReasonEnum, required: true, description: 'Why it ends.' }),
      outcome: t.field({
        type: OutcomeEnum,
        required: true,
        defaultValue: 'UNKNOWN',
        description: 'How it came out. Nobody infers success.',
      }),
      note: t.string({ description: 'A word on it.' }),
      by: t.string({ description: "Who ends it; the credential's name where absent." }),
      occurredAt: t.field({ type: 'DateTime', ...OCCURRED_AT }),
    }),
  },
  {
    description: 'Ends a session. Ending twice changes nothing: the first facts stay and `alreadyEnded` is true.',
    resolve: (_, { input }, { store, caller }) => endSession(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'The session at its end.',
    outputFields: (t) => ({
      session: t.field({ type: SessionNode, description: 'The session.', resolve: ({ session }) => session }),
      alreadyEnded: t.exposeBoolean('alreadyEnded', {
        description: 'Whether it had ended before: its first facts stay.',
      }),
      replayed: t.exposeBoolean('replayed', REPLAYED),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);

builder.relayMutationField(
  'updateSession',
  {
    description: 'What is to change. An absent field is left as it is; null clears it.',
    inputFields: (t) => ({
      sessionId: t.id({ required: true, description: 'Which session; it must be open.' }),
      title: t.string({ description: 'What people are to call it.' }),
      taskId: t.string({ description: 'The task that it works on.' }),
      providerSessionId: t.string({
        description: "The resumable session id at the model's provider; null: it is stale.",
      }),
      workspace: t.field({
        type: WorkspaceInput,
        description: 'Where it works, part by part; null clears every part.',
      }),
      metadataPatch: t.field({
        type: 'JSON',
        description:
          'An object that is merged into `metadata`, at every depth; a null in it removes that key (RFC 7396), and null ' +
          'itself all of them.',
      }),
      liveness: t.field({
        type: LivenessPolicyInput,
        description: "What is to change in its liveness policy; null takes it back to its kind's.",
      }),
      expectedVersion: t.int({
        description: 'Change it only where it is still of this version, else VERSION_CONFLICT.',
      }),
    }),
  },
  {
    description: 'Changes what may change of an open session.',
    resolve: (_, { input }, { store, caller }) =>
      updateSession(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'The session as it stands now.',
    outputFields: (t) => ({
      session: t.field({ type: SessionNode, description: 'The session.', resolve: ({ session }) => session }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
