import { saveState } from '../store/savedState.js';
import { resumeSession, suspendSession } from '../store/suspension.js';
import { builder } from './builder.js';
import { decoded } from './id.js';
import { SavedStateNode, SessionNode } from './node.js';
import { POSITION } from './payload.js';
import { ResumePlan, planOf } from './resumePlan.js';
import { SAVED_STATE } from './savedState.js';

builder.relayMutationField(
  'saveState',
  {
    description: 'What to save. An absent field is kept as it is; null clears it.',
    inputFields: (t) => ({
      sessionId: t.id({ required: true, description: 'Whose; it must be open.' }),
      expectedVersion: t.int({
        description: 'The version that was read, which must be the stored one. Absent for the first save.',
      }),
      mode: t.string({ description: SAVED_STATE.mode }),
      conversationHistory: t.field({ type: 'JSON', description: SAVED_STATE.conversationHistory }),
      contextVariables: t.field({ type: 'JSON', description: SAVED_STATE.contextVariables }),
      planData: t.field({ type: 'JSON', description: SAVED_STATE.planData }),
      currentPhase: t.string({ description: SAVED_STATE.currentPhase }),
      currentStep: t.int({ description: SAVED_STATE.currentStep }),
      expiresAt: t.field({
        type: 'DateTime',
        description:
          'Until when it can be resumed; null: for ever. Absent: a day from now, or later where that was said before.',
      }),
    }),
  },
  {
    description:
      'Saves the working state of a workflow. VERSION_CONFLICT with the actual version, and nothing changed, where another ' +
      'saved meanwhile. It counts as a sign of life.',
    resolve: (_, { input }, { store, caller }) => saveState(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'What was saved.',
    outputFields: (t) => ({
      savedState: t.field({
        type: SavedStateNode,
        description: 'The saved state, with its new version.',
        resolve: ({ savedState }) => savedState,
      }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);

builder.relayMutationField(
  'suspendSession',
  {
    description: 'Which session is to wait.',
    inputFields: (t) => ({
      sessionId: t.id({ required: true, description: 'Which session; it must be live.' }),
      note: t.string({ description: 'A word on it.' }),
    }),
  },
  {
    description: 'Suspends a session and its saved state: only `resumeSession` wakes them.',
    resolve: (_, { input }, { store, caller }) =>
      suspendSession(store, caller, decoded(input, { sessionId: 'Session' })),
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
  'resumeSession',
  {
    description: 'Which session is to go on.',
    inputFields: (t) => ({ sessionId: t.id({ required: true, description: 'Which session; it must be suspended.' }) }),
  },
  {
    description:
      'Wakes a suspended session and its saved state. Of two callers one wins; the other, and whoever comes too late for ' +
      'the saved state, gets NOT_RESUMABLE.',
    resolve: (_, { input }, { store, caller }) =>
      resumeSession(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'The session as it stands now, and what it needs to go on.',
    outputFields: (t) => ({
      session: t.field({ type: SessionNode, description: 'The session.', resolve: ({ session }) => session }),
      plan: t.field({
        type: ResumePlan,
        description: 'What it needs to go on.',
        resolve: ({ session }, _, context, info) => planOf(context, info, session.id),
      }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
