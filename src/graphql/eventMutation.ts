import { appendEvents } from '../store/event.js';
import { builder } from './builder.js';
import { EventLevelEnum, EventTypeEnum } from './eventType.js';
import { decoded } from './id.js';
import { EventNode } from './node.js';
import { OCCURRED_AT, POSITION } from './payload.js';

const EventInput = builder.inputType('EventInput', {
  description: "An event to append. The service's own types cannot be sent.",
  fields: (t) => ({
    type: t.field({ type: EventTypeEnum, required: true, description: 'What it tells; CUSTOM needs a `name`.' }),
    name: t.string({ description: 'What a CUSTOM event is called.' }),
    level: t.field({ type: EventLevelEnum, required: true, defaultValue: 'INFO', description: 'How much it matters.' }),
    toolName: t.string({ description: 'The tool that it is about.' }),
    data: t.field({ type: 'JSON', description: 'An object of what it tells in particular.' }),
    metadata: t.field({ type: 'JSON', description: 'An object of whatever else is to be kept with it.' }),
    causeId: t.id({ description: 'The earlier event that led to it.' }),
    causeDedupeKey: t.string({
      description:
        'The same by its `dedupeKey`, for a caller who has not been told its id yet: in this call or in this session.',
    }),
    occurredAt: t.field({ type: 'DateTime', ...OCCURRED_AT }),
    dedupeKey: t.string({ description: 'Repeating it in the same session answers with the event already there.' }),
  }),
});

builder.relayMutationField(
  'appendEvents',
  {
    description: '1 to 500 events of one session, all or none.',
    inputFields: (t) => ({
      sessionId: t.id({ required: true, description: 'Whose.' }),
      events: t.field({ type: [EventInput], required: true, description: 'The events, in their order.' }),
    }),
  },
  {
    description: "Appends events to a session's log. It counts as a sign of life.",
    resolve: (_, { input }, { store, caller }) =>
      appendEvents(store, caller, {
        ...decoded(input, { sessionId: 'Session' }),
        events: input.events.map((event) => decoded(event, { causeId: 'Event' })),
      }),
  },
  {
    description: 'What was appended.',
    outputFields: (t) => ({
      events: t.field({
        type: [EventNode],
        description: 'The events in the order of the input, those that were there already among them.',
        resolve: ({ events }) => events,
      }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
