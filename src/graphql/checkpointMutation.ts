import { createCheckpoint } from '../store/checkpoint.js';
import { restoreCheckpoint } from '../store/restore.js';
import { builder } from './builder.js';
import { CheckpointTriggerEnum, CheckpointTypeEnum, PICTURE } from './checkpoint.js';
import { decoded } from './id.js';
import { CheckpointNode, SessionNode } from './node.js';
import { OCCURRED_AT, POSITION, REPEATABLE, REPLAYED } from './payload.js';
import { planOf, ResumePlan } from './resumePlan.js';
import { NextSessionInput } from './sessionMutation.js';

builder.relayMutationField(
  'createCheckpoint',
  {
    description: 'A picture of the work of a session.',
    inputFields: (t) => ({
      idempotencyKey: t.string(REPEATABLE),
      sessionId: t.id({ required: true, description: 'Whose; it must be open.' }),
      type: t.field({ type: CheckpointTypeEnum, required: true, defaultValue: 'MANUAL', description: 'Who takes it.' }),
      trigger: t.field({
        type: CheckpointTriggerEnum,
        required: true,
        defaultValue: 'MANUAL',
        description: 'Why it is taken.',
      }),
      contextPercent: t.float({ description: PICTURE.contextPercent }),
      workState: t.field({ type: 'JSON', required: true, description: PICTURE.workState }),
      summary: t.string({ description: PICTURE.summary }),
      pendingWork: t.stringList({ description: PICTURE.pendingWork }),
      filesModified: t.stringList({ description: PICTURE.filesModified }),
      branchName: t.string({ description: PICTURE.branchName }),
      metadata: t.field({ type: 'JSON', description: PICTURE.metadata }),
      occurredAt: t.field({ type: 'DateTime', ...OCCURRED_AT }),
    }),
  },
  {
    description: 'Takes a checkpoint of an open session. It counts as a sign of life.',
    resolve: (_, { input }, { store, caller }) =>
      createCheckpoint(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'What was taken.',
    outputFields: (t) => ({
      checkpoint: t.field({
        type: CheckpointNode,
        description: 'The checkpoint.',
        resolve: ({ checkpoint }) => checkpoint,
      }),
      replayed: t.exposeBoolean('replayed', REPLAYED),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);

builder.relayMutationField(
  'restoreCheckpoint',
  {
    description: 'From which checkpoint, and how.',
    inputFields: (t) => ({
      idempotencyKey: t.string(REPEATABLE),
      checkpointId: t.id({ required: true, description: 'Which checkpoint.' }),
      fork: t.boolean({
        required: true,
        defaultValue: false,
        description: 'Try another way beside the session that took it, in a place of its own.',
      }),
      agentName: t.string({ description: 'The name of the agent, if not the one that it had.' }),
      next: t.field({ type: NextSessionInput, description: 'What is to differ in the session that begins.' }),
    }),
  },
  {
    description:
      'Begins a session from a checkpoint: the next in the chain, where whatever is open there ends (RESTORED), or a fork.',
    resolve: (_, { input }, { store, caller }) =>
      restoreCheckpoint(store, caller, decoded(input, { checkpointId: 'Checkpoint' })),
  },
  {
    description: 'What began.',
    outputFields: (t) => ({
      session: t.field({ type: SessionNode, description: 'The session.', resolve: ({ session }) => session }),
      plan: t.field({
        type: ResumePlan,
        description: 'What it goes on from: the plan of the session that took the checkpoint, from that checkpoint on.',
        resolve: ({ checkpoint }, _, context, info) => planOf(context, info, checkpoint.sessionId, checkpoint),
      }),
      replayed: t.exposeBoolean('replayed', REPLAYED),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
