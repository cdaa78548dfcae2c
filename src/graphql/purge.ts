import { purgeSessions } from '../store/purge.js';
import { builder } from './builder.js';
import { uuidIn } from './id.js';
import { POSITION } from './payload.js';
import { ADMIN } from './role.js';
import { LifecycleStateEnum } from './state.js';

const PurgeFilter = builder.inputType('PurgeFilter', {
  description:
    'Which sessions: those that match everything that is given. An empty list matches nothing, and so does an id that is ' +
    'unknown, malformed or of another type.',
  fields: (t) => ({
    sessionIds: t.idList({ description: 'These sessions.' }),
    agentName: t.string({ description: 'Of the agent of this name.' }),
    states: t.field({ type: [LifecycleStateEnum], description: 'In one of these states.' }),
    endedBefore: t.field({ type: 'DateTime', description: 'That ended before this time.' }),
    all: t.boolean({ description: 'Says that every session is meant, where nothing else is given.' }),
  }),
});

builder.relayMutationField(
  'purgeSessions',
  {
    description: 'What to delete.',
    inputFields: (t) => ({
      filter: t.field({ type: PurgeFilter, required: true, description: 'Which sessions.' }),
      force: t.boolean({ required: true, defaultValue: false, description: 'Delete open ones too.' }),
      dryRun: t.boolean({ required: true, defaultValue: true, description: 'Only count what would go.' }),
    }),
  },
  {
    ...ADMIN,
    description:
      'For an ADMIN. Deletes ended sessions with all that hangs on them; open ones only with `force`. Of many, in several ' +
      'transactions. Chains of those that stay are readable as before.',
    resolve: (_, { input: { filter, ...input } }, { store, caller }) =>
      purgeSessions(store, caller, {
        ...input,
        filter: { ...filter, sessionIds: filter.sessionIds?.map((id) => uuidIn('Session', id)) },
      }),
  },
  {
    description: 'How much went, or would go.',
    outputFields: (t) => ({
      sessions: t.exposeInt('sessions', { description: 'How many sessions.' }),
      events: t.exposeInt('events', { description: 'How many of their events.' }),
      checkpoints: t.exposeInt('checkpoints', { description: 'How many of their checkpoints.' }),
      commands: t.exposeInt('commands', { description: 'How many of their commands.' }),
      dryRun: t.exposeBoolean('dryRun', { description: 'Whether nothing was deleted.' }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
