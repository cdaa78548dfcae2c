import { completeRun, createRun } from '../store/run.js';
import { builder } from './builder.js';
import { decoded } from './id.js';
import { RunNode } from './node.js';
import { OCCURRED_AT, POSITION, REPEATABLE, REPLAYED } from './payload.js';
import { RunStatusEnum } from './run.js';

builder.relayMutationField(
  'createRun',
  {
    description: 'The run that begins.',
    inputFields: (t) => ({
      idempotencyKey: t.string(REPEATABLE),
      occurredAt: t.field({ type: 'DateTime', ...OCCURRED_AT }),
      externalId: t.string({ description: "The caller's own id for it; unique in the project." }),
      description: t.string({ description: 'What it is for.' }),
      coordinatorName: t.string({ description: 'The agent that coordinates it; it may have one active run.' }),
      coordinatorSessionId: t.id({ description: "The coordinator's session." }),
      metadata: t.field({ type: 'JSON', description: 'An object of whatever else is to be kept with it.' }),
    }),
  },
  {
    description: 'Begins a run. RUN_ALREADY_ACTIVE where the coordinator has an active one.',
    resolve: (_, { input }, { store, caller }) =>
      createRun(store, caller, decoded(input, { coordinatorSessionId: 'Session' })),
  },
  {
    description: 'What began.',
    outputFields: (t) => ({
      run: t.field({ type: RunNode, description: 'The run.', resolve: ({ run }) => run }),
      replayed: t.exposeBoolean('replayed', REPLAYED),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);

builder.relayMutationField(
  'completeRun',
  {
    description: 'The end of a run.',
    inputFields: (t) => ({
      runId: t.id({ required: true, description: 'Which run.' }),
      status: t.field({
        type: RunStatusEnum,
        required: true,
        defaultValue: 'COMPLETED',
        description: 'COMPLETED or FAILED.',
      }),
      occurredAt: t.field({ type: 'DateTime', ...OCCURRED_AT }),
    }),
  },
  {
    description: 'Completes a run; its sessions go on as they are. Twice changes nothing: the first status stays.',
    resolve: (_, { input }, { store, caller }) => completeRun(store, caller, decoded(input, { runId: 'Run' })),
  },
  {
    description: 'The run at its end.',
    outputFields: (t) => ({
      run: t.field({ type: RunNode, description: 'The run.', resolve: ({ run }) => run }),
      alreadyCompleted: t.exposeBoolean('alreadyCompleted', {
        description: 'Whether it had been completed before: its first status stays.',
      }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
