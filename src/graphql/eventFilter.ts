import { unstorable } from '../domain/limits.js';
import type { Prisma } from '../store/store.js';
import { builder } from './builder.js';
import { EventLevelEnum, EventTypeEnum } from './eventType.js';

export const EventFilter = builder.inputType('EventFilter', {
  description: 'Which events: those that match everything that is given. An empty list matches nothing.',
  fields: (t) => ({
    types: t.field({ type: [EventTypeEnum], description: 'Of one of these types.' }),
    levels: t.field({ type: [EventLevelEnum], description: 'Of one of these levels.' }),
    toolName: t.string({ description: 'About this tool.' }),
    since: t.field({ type: 'DateTime', description: 'That happened at this time or later.' }),
    until: t.field({ type: 'DateTime', description: 'That happened before this time.' }),
    search: t.string({
      description:
        'Whose `data` holds all of these words and numbers, in its values at any depth: whole ones, in upper or lower case, in ' +
        'any order. A text without a word or a number matches nothing. Up to 512 characters.',
    }),
  }),
});
export type EventFilter = typeof EventFilter.$inferInput;

/** The events that a filter lets through, but for its `search`. */
export function eventWhere(filter: EventFilter | null | undefined): Prisma.EventWhereInput {
  if (!filter) return {};
  const { types, levels, toolName, since, until } = filter;
  // What cannot be stored is in no event.
  if (toolName != null && unstorable(toolName)) return { id: { in: [] } };
  return {
    ...(types && { type: { in: types } }),
    ...(levels && { level: { in: levels } }),
    ...(toolName != null && { toolName }),
    occurredAt: { ...(since && { gte: since }), ...(until && { lt: until }) },
  };
}
