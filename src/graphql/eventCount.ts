import type { EventType } from '../domain/event.js';
import { batched } from './batch.js';
import { builder } from './builder.js';
import type { Context } from './context.js';
import { EventTypeEnum } from './eventType.js';

interface Count {
  type: EventType;
  count: number;
}

/** The events of a session by type; undefined where it has none. One statement for all sessions of a page. */
const eventCounts = batched(async (sessionIds: string[], { store, caller }: Context) => {
  const rows = await store.database.prisma.event.groupBy({
    by: ['sessionId', 'type'],
    where: { projectId: caller.projectId, sessionId: { in: sessionIds } },
    orderBy: { type: 'asc' },
    _count: true,
  });
  const counts = new Map<string, Count[]>();
  for (const { sessionId, type, _count: count } of rows) {
    const own = counts.get(sessionId ?? '') ?? [];
    counts.set(sessionId ?? '', [...own, { type, count }]);
  }
  return counts;
});

const EventCount = builder.objectRef<Count>('EventCount').implement({
  description: 'How many events of a type there are.',
  fields: (t) => ({
    type: t.expose('type', { type: EventTypeEnum, description: 'The type.' }),
    count: t.exposeInt('count', { description: 'How many there are of it.' }),
  }),
});

builder.prismaObjectField('Session', 'eventCounts', (t) =>
  t.field({
    type: [EventCount],
    description: 'How many events it has of each type; a type without events is left out.',
    resolve: async ({ id }, _, context, info) => (await eventCounts(id, context, info)) ?? [],
  }),
);
