import { builder } from './builder.js';
import { EITHER_WAY, related } from './connection.js';
import { EventFilter, eventWhere } from './eventFilter.js';
import { searchable, type Filtered } from './eventSearch.js';
import { EventLevelEnum, EventTypeEnum } from './eventType.js';
import { EventConnection } from './node.js';
import type { Order } from './order.js';

builder.prismaObjectFields('Event', (t) => ({
  position: t.expose('position', {
    type: 'SafeInt',
    description: "Its place in the project's log: 1, 2, 3, … without a gap, in the order of commit.",
  }),
  sequence: t.expose('sequence', {
    type: 'SafeInt',
    nullable: true,
    description: 'Its place in its session: 1, 2, 3, … without a gap. Null where it belongs to no session.',
  }),
  type: t.expose('type', { type: EventTypeEnum, description: 'What it tells.' }),
  name: t.exposeString('name', { nullable: true, description: 'What a CUSTOM event is called.' }),
  level: t.expose('level', { type: EventLevelEnum, description: 'How much it matters.' }),
  toolName: t.exposeString('toolName', {
    nullable: true,
    description: 'The tool that it is about; null where it is about none.',
  }),
  data: t.expose('data', { type: 'JSON', description: 'An object of what it tells in particular, by its type.' }),
  metadata: t.expose('metadata', { type: 'JSON', description: 'An object of whatever else its caller keeps with it.' }),
  session: t.relation('session', {
    nullable: true,
    description: 'The session that it belongs to; null where it belongs to none.',
  }),
  run: t.relation('run', { nullable: true, description: 'The run that it belongs to; null where it belongs to none.' }),
  cause: t.relation('cause', {
    nullable: true,
    description: 'The earlier event that led to this one; null where nobody said or that one was purged.',
  }),
  occurredAt: t.expose('occurredAt', {
    type: 'DateTime',
    description: "When it happened, as the caller says; the database's clock where it says nothing.",
  }),
  recordedAt: t.expose('recordedAt', {
    type: 'DateTime',
    description: "When it was recorded, by the database's clock.",
  }),
}));

const BY_SEQUENCE: Order = { name: 'sequence', keys: [{ field: 'sequence', type: 'integer', direction: 'asc' }] };
const BY_POSITION: Order = { name: 'position', keys: [{ field: 'position', type: 'integer', direction: 'asc' }] };

const eventArgs = builder.args((t) => ({
  filter: t.field({ type: EventFilter, description: 'Which events; all where absent.' }),
}));

const matching = ({ filter }: Filtered) => eventWhere(filter);

builder.prismaObjectField('Session', 'events', (t) =>
  t.field({
    description: 'Its events, in the order of their sequence. `last` reads the newest without the rest.',
    args: { ...eventArgs, ...EITHER_WAY },
    ...searchable('session', BY_SEQUENCE, related(EventConnection, 'events', BY_SEQUENCE, matching)),
  }),
);

builder.prismaObjectField('Run', 'events', (t) =>
  t.field({
    description: 'The events of the run and of its sessions, in the order of the log.',
    args: { ...eventArgs, ...EITHER_WAY },
    ...searchable('run', BY_POSITION, related(EventConnection, 'events', BY_POSITION, matching)),
  }),
);
