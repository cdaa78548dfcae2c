import type { SignalKind } from '../domain/signal.js';
import { acknowledgeSignals, sendSignal } from '../store/signal.js';
import { builder, enumOf } from './builder.js';
import { decoded, uuidOf } from './id.js';
import { SignalNode } from './node.js';
import { POSITION, REPEATABLE, REPLAYED } from './payload.js';

const SignalKindEnum = enumOf<SignalKind>('SignalKind', 'What is wanted of an agent.', {
  NUDGE: 'A sign of life.',
  CHECKPOINT: 'A checkpoint of its work.',
  SUSPEND: 'That it saves its work and suspends.',
  STOP: 'That it ends.',
  MESSAGE: 'That it reads the note.',
});

builder.prismaObjectFields('Signal', (t) => ({
  session: t.relation('session', { description: 'The session that it is for.' }),
  kind: t.expose('kind', { type: SignalKindEnum, description: 'What is wanted.' }),
  note: t.exposeString('note', { nullable: true, description: 'The same in words; null where nobody said.' }),
  payload: t.expose('payload', {
    type: 'JSON',
    nullable: true,
    description: 'What goes with it; null where nothing does.',
  }),
  sentBy: t.exposeString('sentBy', { description: 'Who wants it: the name of a credential, or `lifeline` itself.' }),
  sentAt: t.expose('sentAt', { type: 'DateTime', description: 'When it was sent.' }),
  acknowledgedAt: t.expose('acknowledgedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When the agent said that it heard; null where it has not.',
  }),
}));

builder.prismaObjectField('Session', 'pendingSignals', (t) =>
  t.relation('signals', {
    description: 'What is still wanted of it, oldest first: neither acknowledged nor cancelled by its end.',
    query: {
      where: { acknowledgedAt: null, cancelledAt: null },
      orderBy: [{ sentAt: 'asc' }, { id: 'asc' }],
    },
  }),
);

builder.relayMutationField(
  'sendSignal',
  {
    description: 'What is wanted of a running agent.',
    inputFields: (t) => ({
      idempotencyKey: t.string(REPEATABLE),
      sessionId: t.id({ required: true, description: 'Of which session; it must be open.' }),
      kind: t.field({ type: SignalKindEnum, required: true, description: 'What is wanted.' }),
      note: t.string({ description: 'The same in words.' }),
      payload: t.field({ type: 'JSON', description: 'What goes with it.' }),
    }),
  },
  {
    description:
      'Tells a running agent what is wanted of it: with its next heartbeat, and whoever watches `signals` at once.',
    resolve: (_, { input }, { store, caller }) => sendSignal(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'What was sent.',
    outputFields: (t) => ({
      signal: t.field({ type: SignalNode, description: 'The signal.', resolve: ({ signal }) => signal }),
      replayed: t.exposeBoolean('replayed', REPLAYED),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);

builder.relayMutationField(
  'acknowledgeSignals',
  {
    description: 'What an agent has heard.',
    inputFields: (t) => ({
      sessionId: t.id({ required: true, description: 'Which session; it must be open.' }),
      signalIds: t.idList({ required: true, description: '1 to 500 of its signals, all or none.' }),
    }),
  },
  {
    description: 'Takes signals off the list of what is wanted. One that was acknowledged before stays as it was.',
    resolve: (_, { input: { signalIds, ...input } }, { store, caller }) =>
      acknowledgeSignals(store, caller, {
        ...decoded(input, { sessionId: 'Session' }),
        signalIds: signalIds.map((id) => uuidOf('Signal', id)),
      }),
  },
  {
    description: 'What was acknowledged.',
    outputFields: (t) => ({
      signals: t.field({
        type: [SignalNode],
        description: 'The signals, in the order of the input.',
        resolve: ({ signals }) => signals,
      }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
