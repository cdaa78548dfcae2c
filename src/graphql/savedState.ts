import type { SavedStateStatus } from '../domain/savedState.js';
import { builder, enumOf } from './builder.js';
import { SavedStateNode } from './node.js';

/** What the parts of a saved state are, where it is given and where it is read. */
export const SAVED_STATE = {
  mode: 'The workflow that it belongs to, in the words of its owner.',
  conversationHistory: 'A list of what was said, up to 4 MiB; secrets in it are redacted.',
  contextVariables: 'An object of the variables of the workflow, up to 4 MiB; secrets in it are redacted.',
  planData: 'The plan, up to 4 MiB; secrets in it are redacted. Null where there is none.',
  currentPhase: 'The phase that it is in; null where nobody said.',
  currentStep: 'The step that it is at; null where nobody said.',
} as const;

builder.prismaObjectFields('SavedState', (t) => ({
  session: t.relation('session', { description: 'The session that it belongs to.' }),
  mode: t.exposeString('mode', { description: SAVED_STATE.mode }),
  conversationHistory: t.expose('conversationHistory', { type: 'JSON', description: SAVED_STATE.conversationHistory }),
  contextVariables: t.expose('contextVariables', { type: 'JSON', description: SAVED_STATE.contextVariables }),
  planData: t.expose('planData', { type: 'JSON', nullable: true, description: SAVED_STATE.planData }),
  currentPhase: t.exposeString('currentPhase', { nullable: true, description: SAVED_STATE.currentPhase }),
  currentStep: t.exposeInt('currentStep', { nullable: true, description: SAVED_STATE.currentStep }),
  status: t.expose('status', {
    type: enumOf<SavedStateStatus>('SavedStateStatus', 'Where a saved state stands.', {
      ACTIVE: 'Its session works on.',
      SUSPENDED: 'Its session waits to be resumed.',
      COMPLETED: 'Its session has ended.',
      EXPIRED: 'Nobody came back for it in time.',
    }),
    description: 'Where it stands. ACTIVE and SUSPENDED are open.',
  }),
  version: t.exposeInt('version', {
    description: '1 at first; every save names the version that it read, and adds one.',
  }),
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was first saved.' }),
  updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
  expiresAt: t.expose('expiresAt', {
    type: 'DateTime',
    nullable: true,
    description: 'Until when it can be resumed; null: for ever.',
  }),
}));

builder.prismaObjectField('Session', 'savedState', (t) =>
  t.field({
    type: SavedStateNode,
    nullable: true,
    description: 'Its open saved state, else its newest; null where nothing was ever saved.',
    extensions: { relation: 'savedStates' },
    // One begins only where none is open, so the open one is the newest.
    select: (_, __, nestedSelection) => ({
      savedStates: nestedSelection({ orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], take: 1 }),
    }),
    resolve: ({ savedStates }) => savedStates[0],
  }),
);
