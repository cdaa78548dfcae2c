import { importSessions } from '../store/import.js';
import { builder } from './builder.js';
import { RunNode, SessionNode } from './node.js';
import { POSITION } from './payload.js';
import { ADMIN } from './role.js';
import { RunStatusEnum } from './run.js';
import { LifecycleStateEnum, OutcomeEnum, SessionKindEnum } from './state.js';
import { EndReasonEnum, StartReasonEnum } from './trigger.js';
import { WorkspaceInput } from './workspace.js';

const ImportRunInput = builder.inputType('ImportRunInput', {
  description: 'A run as it stands in the other system.',
  fields: (t) => ({
    externalId: t.string({ required: true, description: 'Its id there, by which it is known again.' }),
    description: t.string({ description: 'What it is for.' }),
    coordinatorName: t.string({ description: 'The agent that coordinates it.' }),
    coordinatorExternalId: t.string({ description: "The coordinator's session, of this call or of the project." }),
    status: t.field({ type: RunStatusEnum, required: true, description: 'Where it stands.' }),
    startedAt: t.field({ type: 'DateTime', required: true, description: 'When it began.' }),
    completedAt: t.field({ type: 'DateTime', description: 'When it was done; given exactly where it is not ACTIVE.' }),
  }),
});

const ImportSessionInput = builder.inputType('ImportSessionInput', {
  description: 'A session as it stands in the other system.',
  fields: (t) => ({
    externalId: t.string({ required: true, description: 'Its id there, by which it is known again.' }),
    kind: t.field({
      type: SessionKindEnum,
      required: true,
      defaultValue: 'AGENT',
      description: 'What it is the life of.',
    }),
    agentName: t.string({ description: "The agent's name, which one open session at a time may bear." }),
    capability: t.string({ description: 'What the agent is for.' }),
    instanceId: t.string({ description: "A supervisor's id, `<name>-(PS|MS)-<6 of a-z0-9>`." }),
    providerSessionId: t.string({ description: "The resumable session id at the model's provider." }),
    assistant: t.string({ description: 'The program that runs it.' }),
    taskId: t.string({ description: 'The task that it works on.' }),
    title: t.string({ description: 'What people call it.' }),
    workspace: t.field({ type: WorkspaceInput, description: 'Where it works.' }),
    metadata: t.field({ type: 'JSON', description: 'An object of whatever else is to be kept with it.' }),
    state: t.field({ type: LifecycleStateEnum, required: true, description: 'Where it stands in its life.' }),
    startReason: t.field({ type: StartReasonEnum, description: 'Why it began; IMPORTED where absent.' }),
    startedAt: t.field({ type: 'DateTime', required: true, description: 'When it began.' }),
    endedAt: t.field({ type: 'DateTime', description: 'When it ended; given exactly where it is COMPLETED.' }),
    endReason: t.field({ type: EndReasonEnum, description: 'Why it ended; FINISHED where absent.' }),
    outcome: t.field({ type: OutcomeEnum, description: 'How it came out; UNKNOWN where absent.' }),
    lastActivityAt: t.field({ type: 'DateTime', description: 'Its last sign of life.' }),
    stalledSince: t.field({ type: 'DateTime', description: 'Since when it has been STALLED.' }),
    escalationLevel: t.int({ description: 'How far its stall was escalated, 0 to 3.' }),
    runExternalId: t.string({ description: 'The run that it belongs to, of this call or of the project.' }),
    spawnedByExternalId: t.string({ description: 'The session that started it, of this call or of the project.' }),
    parentExternalId: t.string({
      description: 'The session before it in its chain, of this call or of the project.',
    }),
  }),
});

builder.relayMutationField(
  'importSessions',
  {
    description: 'What another system recorded: up to 5,000 runs and 5,000 sessions.',
    inputFields: (t) => ({
      source: t.string({ required: true, description: 'The name of the other system.' }),
      runs: t.field({ type: [ImportRunInput], required: true, description: 'Its runs.' }),
      sessions: t.field({ type: [ImportSessionInput], required: true, description: 'Its sessions.' }),
    }),
  },
  {
    ...ADMIN,
    description:
      'For an ADMIN. Brings runs and sessions of another system as they stand there, states and times included: all or ' +
      'nothing, and again changes nothing (they are known by `externalId`). An open one is judged only from its first sign ' +
      'of life here.',
    resolve: (_, { input }, { store, caller }) => importSessions(store, caller, input),
  },
  {
    description: 'What is here now, in the order of the input.',
    outputFields: (t) => ({
      runs: t.field({ type: [RunNode], description: 'The runs.', resolve: ({ runs }) => runs }),
      sessions: t.field({ type: [SessionNode], description: 'The sessions.', resolve: ({ sessions }) => sessions }),
      created: t.exposeInt('created', { description: 'How many runs and sessions this call brought.' }),
      unchanged: t.exposeInt('unchanged', { description: 'How many were here already.' }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
