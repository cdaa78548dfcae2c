import { ValidationError } from '../domain/errors.js';
import { PAGE_DEFAULT_SIZE, PAGE_MAX_SIZE } from '../domain/limits.js';
import { followLog } from '../store/follow.js';
import { readLog, type LogBatch, type LogFilter } from '../store/page.js';
import { spend } from './budget.js';
import { builder } from './builder.js';
import { delivered, type Context } from './context.js';
import { EventLevelEnum, EventTypeEnum } from './eventType.js';
import { total } from './heavy.js';
import { uuidIn } from './id.js';
import { fieldsOfEvents } from './logText.js';
import { EventNode } from './node.js';

const LogFilterInput = builder.inputType('LogFilter', {
  description:
    'Which entries of the log: those that match everything that is given. An empty list matches nothing, and so does an id ' +
    'that is unknown, malformed or of another type.',
  fields: (t) => ({
    types: t.field({ type: [EventTypeEnum], description: 'Of one of these types.' }),
    levels: t.field({ type: [EventLevelEnum], description: 'Of one of these levels.' }),
    sessionIds: t.idList({ description: 'Of one of these sessions.' }),
    runId: t.id({ description: 'Of this run.' }),
    conversationId: t.id({ description: 'Of this conversation.' }),
  }),
});

function logFilter(filter: typeof LogFilterInput.$inferInput | null | undefined): LogFilter | null {
  if (!filter) return null;
  const { sessionIds, runId, conversationId } = filter;
  return {
    ...filter,
    sessionIds: sessionIds?.map((id) => uuidIn('Session', id)),
    runId: runId == null ? null : uuidIn('Run', runId),
    conversationId: conversationId == null ? null : uuidIn('Conversation', conversationId),
  };
}

const LogBatchType = builder.objectRef<LogBatch>('LogBatch').implement({
  description:
    'A stretch of the log, in order: at most 500 entries and about 4 MiB, at least one where there is one. With a filter ' +
    'its position moves on past entries that do not match: it looks at 20,000 entries at most and may be empty before the ' +
    'log ends, which `caughtUp` tells; in the subscription by an empty batch at most every 10 s or 1,000 entries. An ' +
    '`after` beyond the log’s head (a restored backup, say) is VALIDATION, not silence.',
  fields: (t) => ({
    events: t.expose('events', { type: [EventNode], description: 'The entries, in the order of their positions.' }),
    position: t.expose('position', { type: 'SafeInt', description: 'What to pass as `after` to go on.' }),
    caughtUp: t.exposeBoolean('caughtUp', {
      description: 'True where nothing newer had been committed: from here on it is live.',
    }),
    trimmedBefore: t.expose('trimmedBefore', {
      type: 'SafeInt',
      nullable: true,
      description: 'Set where retention has removed entries after the position asked for: the first that is left.',
    }),
  }),
});

/**
 * Where a subscription begins: after the last message that the client of an event stream says it has, else after what it
 * asks for; null is from now on.
 * @throws ValidationError where that is negative.
 */
export function beginning({ lastEventId }: Context, after: bigint | null | undefined): bigint | null {
  return lastEventId ?? (after == null ? null : position(after));
}

function position(after: bigint): bigint {
  if (after >= 0n) return after;
  throw new ValidationError({ issues: [{ path: 'after', message: 'must not be negative' }] });
}

const filterArg = builder.args((t) => ({
  filter: t.field({ type: LogFilterInput, description: 'Which entries; all where absent.' }),
}));

builder.queryField('log', (t) =>
  t.field({
    type: LogBatchType,
    description: "The project's log, oldest first, after a position.",
    args: {
      after: t.arg({
        type: 'SafeInt',
        defaultValue: 0n,
        description: 'The position to begin after; 0 is the beginning.',
      }),
      first: t.arg.int({ defaultValue: PAGE_DEFAULT_SIZE, description: 'How many entries, 1 to 500.' }),
      ...filterArg,
    },
    resolve: async (_, { after, first, filter }, context) => {
      const size = first ?? PAGE_DEFAULT_SIZE;
      if (size < 1 || size > PAGE_MAX_SIZE) {
        throw new ValidationError({ issues: [{ path: 'first', message: `must be from 1 to ${PAGE_MAX_SIZE}` }] });
      }
      const { store, caller } = context;
      const asked = { after: position(after ?? 0n), first: size, filter: logFilter(filter) };
      const batch = await readLog(store, caller.projectId, asked);
      spend(context, 'bytes', total(batch.events.map(({ sizeBytes }) => sizeBytes)));
      return batch;
    },
  }),
);

builder.subscriptionField('log', (t) =>
  t.field({
    type: LogBatchType,
    description:
      "The project's log, live. Batches of at most 500; the first arrives at once, empty where there is nothing to replay.",
    args: {
      after: t.arg({
        type: 'SafeInt',
        description:
          'The position to begin after: everything committed after it is delivered once. Absent: from now on.',
      }),
      ...filterArg,
    },
    subscribe: (_, { after, filter }, context, info) =>
      followLog(context.store, context.caller.projectId, {
        after: beginning(context, after),
        filter: logFilter(filter),
        fields: fieldsOfEvents(info),
      }),
    resolve: (batch, _, context) => delivered(context, batch.position, batch),
  }),
);
