import { unstorable } from '../domain/limits.js';
import type { Prisma } from '../store/store.js';
import { builder, enumOf } from './builder.js';
import { EITHER_WAY, FORWARD, list, related } from './connection.js';
import type { Paging } from './page.js';
import { uuidIn } from './id.js';
import { SessionConnection, SessionNode } from './node.js';
import type { Order } from './order.js';
import { NOTHING, SessionFilter, sessionWhere } from './sessionFilter.js';

const SessionRef = builder.inputType('SessionRef', {
  description: 'One session, by exactly one of the ways to name it.',
  isOneOf: true,
  fields: (t) => ({
    id: t.id({ description: 'Its id.' }),
    agentName: t.string({ description: "The agent's name: its open session, else its newest." }),
    instanceId: t.string({ description: "The supervisor's id." }),
    externalId: t.string({ description: "The caller's own id for it." }),
  }),
});

type SessionOrderField = 'STARTED_AT' | 'LAST_ACTIVITY_AT' | 'ENDED_AT';
type Direction = 'ASC' | 'DESC';

const SessionOrder = builder.inputType('SessionOrder', {
  description: 'The order of a list of sessions. Ties are broken by id; nulls come last in either direction.',
  fields: (t) => ({
    field: t.field({
      type: enumOf<SessionOrderField>('SessionOrderField', 'What a list of sessions is ordered by.', {
        STARTED_AT: 'When they began.',
        LAST_ACTIVITY_AT: 'Their last sign of life.',
        ENDED_AT: 'When they ended; those that are open come last.',
      }),
      required: true,
      defaultValue: 'STARTED_AT',
      description: 'What to order by.',
    }),
    direction: t.field({
      type: enumOf<Direction>('Direction', 'The direction of an order.', {
        ASC: 'The smallest or oldest first.',
        DESC: 'The greatest or newest first.',
      }),
      required: true,
      defaultValue: 'DESC',
      description: 'Which end comes first.',
    }),
  }),
});

const FIELDS = {
  STARTED_AT: { field: 'startedAt', type: 'instant' },
  LAST_ACTIVITY_AT: { relation: 'pulse', field: 'lastActivityAt', type: 'instant' },
  ENDED_AT: { field: 'endedAt', type: 'instant', nullable: true },
} as const;

function orderOf({ field, direction }: { field: SessionOrderField; direction: Direction }): Order {
  const toward = direction === 'ASC' ? 'asc' : 'desc';
  return {
    name: `${field} ${direction}`,
    keys: [
      { ...FIELDS[field], direction: toward },
      { field: 'id', type: 'uuid', direction: toward },
    ],
  };
}

/** The sessions that a reference can mean; none where it cannot be stored. */
function named({ id, ...handle }: typeof SessionRef.$inferInput): Prisma.SessionWhereInput {
  if (id != null) return { id: uuidIn('Session', id) };
  return Object.values(handle).some((name) => typeof name === 'string' && unstorable(name)) ? NOTHING : handle;
}

const NEWEST_FIRST = orderOf({ field: 'STARTED_AT', direction: 'DESC' });

builder.queryFields((t) => ({
  session: t.prismaField({
    type: SessionNode,
    nullable: true,
    description:
      'One session; null where there is none of that name. By `agentName`: its open session, else its newest.',
    args: { by: t.arg({ type: SessionRef, required: true, description: 'Which one.' }) },
    resolve: async (query, _, { by }, { store, caller: { projectId } }) => {
      const newest = (where: Prisma.SessionWhereInput) =>
        store.database.prisma.session.findFirst({
          ...query,
          where: { projectId, ...where },
          orderBy: { ordinal: 'desc' },
        });
      const session = named(by);
      // Of the ways to name a session only this one may mean several.
      const open = by.agentName == null ? null : await newest({ ...session, endedAt: null });
      return open ?? newest(session);
    },
  }),
  sessions: t.field({
    type: SessionConnection,
    description: 'The sessions of the project.',
    args: {
      filter: t.arg({ type: SessionFilter, description: 'Which sessions; all where absent.' }),
      orderBy: t.arg({ type: SessionOrder, description: 'Their order; the newest first where absent.' }),
      ...EITHER_WAY,
    },
    resolve: (_, { filter, orderBy, ...paging }, context, info) =>
      list(
        context.store.database.prisma.session,
        { order: orderBy ? orderOf(orderBy) : NEWEST_FIRST, paging, where: sessionWhere(filter, context) },
        context,
        info,
      ),
  }),
}));

builder.prismaObjectField('Run', 'sessions', (t) =>
  t.field({
    description: 'The sessions of the run, the newest first.',
    args: {
      filter: t.arg({ type: SessionFilter, description: 'Which sessions; all where absent.' }),
      ...FORWARD,
    },
    ...related(
      SessionConnection,
      'sessions',
      NEWEST_FIRST,
      (args: Paging & { filter?: SessionFilter | null }, context) => sessionWhere(args.filter, context),
    ),
  }),
);

builder.prismaObjectField('Conversation', 'sessions', (t) =>
  t.field({
    description: 'The sessions of the conversation, the newest first.',
    args: FORWARD,
    ...related(SessionConnection, 'sessions', {
      name: 'ordinal DESC',
      keys: [{ field: 'ordinal', type: 'integer', direction: 'desc' }],
    }),
  }),
);
