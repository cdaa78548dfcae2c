import type { RecommendedAction } from '../domain/signal.js';
import { escalateSession } from '../store/escalation.js';
import { heartbeat } from '../store/heartbeat.js';
import { reviveSession } from '../store/revive.js';
import { builder, enumOf } from './builder.js';
import { decoded } from './id.js';
import { SessionNode, SignalNode } from './node.js';
import { POSITION } from './payload.js';

builder.relayMutationField(
  'heartbeat',
  {
    description: 'A sign of life. Absent fields are left as they are.',
    inputFields: (t) => ({
      sessionId: t.id({ required: true, description: 'Whose.' }),
      contextPercent: t.float({ description: 'How full its context window is, 0 to 100.' }),
      currentEpic: t.string({ description: 'The epic that it is at.' }),
      activity: t.string({ description: 'What it is doing.' }),
      processAlive: t.boolean({
        description: 'False is evidence of death, by an observer: the session becomes a ZOMBIE.',
      }),
    }),
  },
  {
    description: 'Takes a sign of life, and answers with what the agent should do. Not recorded in the log.',
    resolve: (_, { input }, { store, caller }) => heartbeat(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'What became of it.',
    outputFields: (t) => ({
      session: t.field({ type: SessionNode, description: 'The session.', resolve: ({ session }) => session }),
      recommendedAction: t.expose('recommendedAction', {
        type: enumOf<RecommendedAction>('RecommendedAction', 'What an agent should do now.', {
          NONE: 'Go on.',
          CHECKPOINT: 'Take a checkpoint: the context is 80 % full, or somebody asks for one.',
          SUSPEND: 'Save the work and suspend: somebody asks for it.',
          STOP: 'End: somebody asks for it.',
        }),
        description: 'What the agent should do now.',
      }),
      signals: t.field({
        type: [SignalNode],
        description: 'What is wanted of the agent and not acknowledged yet, oldest first.',
        resolve: ({ signals }) => signals,
      }),
    }),
  },
);

builder.relayMutationField(
  'reviveSession',
  {
    description: 'Which session is alive after all.',
    inputFields: (t) => ({
      sessionId: t.id({ required: true, description: 'Which session; it must be a ZOMBIE.' }),
      note: t.string({ description: 'A word on it.' }),
    }),
  },
  {
    description: 'Takes the verdict of death back: only after a heartbeat newer than it.',
    resolve: (_, { input }, { store, caller }) =>
      reviveSession(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'The session as it stands now.',
    outputFields: (t) => ({
      session: t.field({ type: SessionNode, description: 'The session.', resolve: ({ session }) => session }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);

builder.relayMutationField(
  'escalateSession',
  {
    description: 'Which session is to be looked after, and how urgently.',
    inputFields: (t) => ({
      sessionId: t.id({ required: true, description: 'Which session; it must be stalled.' }),
      level: t.int({ required: true, description: '0 warn, 1 nudge, 2 triage, 3 terminate.' }),
      note: t.string({ description: 'A word on it.' }),
    }),
  },
  {
    description:
      'Raises the escalation level of a stalled session, with the event and the signal of each step that it passes. A level ' +
      'that it has reached already changes nothing.',
    resolve: (_, { input }, { store, caller }) =>
      escalateSession(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'The session as it stands now.',
    outputFields: (t) => ({
      session: t.field({ type: SessionNode, description: 'The session.', resolve: ({ session }) => session }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
