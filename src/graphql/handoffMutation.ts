import { completeHandoff, initiateHandoff } from '../store/handoff.js';
import { builder } from './builder.js';
import { PICTURE } from './checkpoint.js';
import { HandoffReasonEnum } from './handoff.js';
import { decoded } from './id.js';
import { HandoffNode, SessionNode } from './node.js';
import { POSITION, REPEATABLE, REPLAYED } from './payload.js';
import { NextSessionInput } from './sessionMutation.js';

const HandoffCheckpointInput = builder.inputType('HandoffCheckpointInput', {
  description: 'The picture of the work that is handed over.',
  fields: (t) => ({
    workState: t.field({ type: 'JSON', required: true, description: PICTURE.workState }),
    summary: t.string({ description: PICTURE.summary }),
    pendingWork: t.stringList({ description: PICTURE.pendingWork }),
    filesModified: t.stringList({ description: PICTURE.filesModified }),
    branchName: t.string({ description: PICTURE.branchName }),
    contextPercent: t.float({ description: PICTURE.contextPercent }),
  }),
});

builder.relayMutationField(
  'initiateHandoff',
  {
    description: 'Whose work is to be handed over, and why.',
    inputFields: (t) => ({
      idempotencyKey: t.string(REPEATABLE),
      sessionId: t.id({ required: true, description: 'The giver; it must be open.' }),
      reason: t.field({ type: HandoffReasonEnum, required: true, description: 'Why.' }),
      note: t.string({ description: 'A word on it, for the taker.' }),
      checkpoint: t.field({
        type: HandoffCheckpointInput,
        required: true,
        description: 'The picture of the work; it becomes a checkpoint.',
      }),
    }),
  },
  {
    description:
      'Takes a checkpoint and offers the work; the giver stays open. At most one handoff of a session is pending.',
    resolve: (_, { input }, { store, caller }) =>
      initiateHandoff(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'What is offered.',
    outputFields: (t) => ({
      handoff: t.field({ type: HandoffNode, description: 'The handoff.', resolve: ({ handoff }) => handoff }),
      replayed: t.exposeBoolean('replayed', REPLAYED),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);

builder.relayMutationField(
  'completeHandoff',
  {
    description: 'Which offer is taken.',
    inputFields: (t) => ({
      handoffId: t.id({ required: true, description: 'Which handoff.' }),
      next: t.field({ type: NextSessionInput, description: 'What is to differ in the session that begins.' }),
    }),
  },
  {
    description:
      'Ends the giving session (HANDED_OFF) and begins the taking one in its chain. Of two callers one wins; the other gets ' +
      'NOT_RESUMABLE.',
    resolve: (_, { input }, { store, caller }) =>
      completeHandoff(store, caller, decoded(input, { handoffId: 'Handoff' })),
  },
  {
    description: 'What was handed over.',
    outputFields: (t) => ({
      handoff: t.field({ type: HandoffNode, description: 'The handoff.', resolve: ({ handoff }) => handoff }),
      session: t.field({
        type: SessionNode,
        description: 'The session that took over.',
        resolve: ({ session }) => session,
      }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
