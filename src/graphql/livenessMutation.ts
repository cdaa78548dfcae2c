import { escalateSession } from '../store/escalation.js';
import { reviveSession } from '../store/revive.js';
import { builder } from './builder.js';
import { decoded } from './id.js';
import { SessionNode } from './node.js';
import { POSITION } from './payload.js';

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
