import { canonical } from '../domain/canonical.js';
import type { EventType } from '../domain/event.js';
import { STATE_EVENT_TYPES } from '../domain/lifecycle.js';
import type { EndReason, LifecycleState, Outcome } from '../domain/session.js';
import { followLog } from '../store/follow.js';
import type { Event, Session } from '../store/store.js';
import { builder } from './builder.js';
import { delivered, type Context } from './context.js';
import { beginning } from './log.js';
import { lookup } from './lookup.js';
import { EventNode, SessionNode } from './node.js';
import { checkSessionFilter, SessionFilter, sessionWhere } from './sessionFilter.js';
import { LifecycleStateEnum, OutcomeEnum } from './state.js';
import { through } from './stream.js';
import { EndReasonEnum } from './trigger.js';

/** One event of a session, with the session as it stands now. */
interface Moment {
  event: Event;
  session: Session;
}

const momentsOf = lookup<Moment>();

/** The events of these types whose sessions the filter lets through, one by one in the order of the log. */
function moments(
  context: Context,
  types: readonly EventType[],
  { after, filter }: { after?: bigint | null; filter?: SessionFilter | null },
): AsyncGenerator<Moment, void, void> {
  // At once, and not when there is a first event to filter.
  checkSessionFilter(filter);
  const { store, caller } = context;
  const log = followLog(store, caller.projectId, { after: beginning(context, after), filter: { types } });
  return through(log, (batches, leave) => momentsOf(batches, { store, leave, name: canonical(filter), find }));

  async function find(events: readonly Event[]): Promise<(Moment | null)[]> {
    const ids = events.flatMap(({ sessionId }) => sessionId ?? []);
    const where = { AND: [sessionWhere(filter, context), { id: { in: ids } }] };
    const rows = await store.database.prisma.session.findMany({ where });
    const sessions = new Map(rows.map((session) => [session.id, session]));
    return events.map((event) => {
      const session = sessions.get(event.sessionId ?? '');
      return session ? { event, session } : null;
    });
  }
}

/** What the store writes into the data of an event that tells of a change of state. */
interface Change {
  from: LifecycleState | null;
  to: LifecycleState;
}

/** Where the change is the end, its data says more. */
interface End extends Change {
  reason: EndReason;
  outcome: Outcome;
}

const changeOf = ({ event }: Moment) => event.data as unknown as Change;
const endOf = ({ event }: Moment) => event.data as unknown as End;

const SessionEnded = builder.objectRef<Moment>('SessionEnded').implement({
  description: 'The end of a session.',
  fields: (t) => ({
    reason: t.field({ type: EndReasonEnum, description: 'Why it ended.', resolve: (moment) => endOf(moment).reason }),
    outcome: t.field({
      type: OutcomeEnum,
      description: 'How it came out.',
      resolve: (moment) => endOf(moment).outcome,
    }),
    successor: t.prismaField({
      type: SessionNode,
      nullable: true,
      description: 'The session that goes on in its chain; null where there is none yet.',
      resolve: (query, { session: { id, projectId } }, _, { store }) =>
        store.database.prisma.session.findFirst({
          ...query,
          where: { projectId, parentId: id, startReason: { not: 'FORKED' } },
          orderBy: { ordinal: 'asc' },
        }),
    }),
  }),
});

const SessionTransitioned = builder.objectRef<Moment>('SessionTransitioned').implement({
  description: 'A change of the state of a session.',
  fields: (t) => ({
    from: t.field({
      type: LifecycleStateEnum,
      nullable: true,
      description: 'The state before; null where it began.',
      resolve: (moment) => changeOf(moment).from,
    }),
    to: t.field({
      type: LifecycleStateEnum,
      description: 'The state after.',
      resolve: (moment) => changeOf(moment).to,
    }),
  }),
});

const SessionStalled = builder.objectRef<Moment>('SessionStalled').implement({
  description: 'What became of a silent session: a stall, a rise of its level, a verdict of death, or its return.',
  fields: (t) => ({
    state: t.field({
      type: LifecycleStateEnum,
      description: 'The state that it led to.',
      // A rise of the level is no change of state: only a stalled session has one.
      resolve: (moment) => (moment.event.type === 'SESSION_ESCALATED' ? 'STALLED' : changeOf(moment).to),
    }),
    escalationLevel: t.int({
      nullable: true,
      description: '0 warn, 1 nudge, 2 triage, 3 terminate; null unless it is stalled.',
      resolve: levelOf,
    }),
  }),
});

function levelOf({ event: { type, data } }: Moment): number | null {
  if (type === 'SESSION_ESCALATED') return (data as { level: number }).level;
  return type === 'SESSION_STALLED' ? 0 : null;
}

for (const type of [SessionEnded, SessionTransitioned, SessionStalled]) {
  builder.objectFields(type, (t) => ({
    session: t.field({
      type: SessionNode,
      description: 'The session, as it stands when this is delivered.',
      resolve: ({ session }) => session,
    }),
    event: t.field({
      type: EventNode,
      description: 'The entry of the log that tells of it.',
      resolve: ({ event }) => event,
    }),
    position: t.field({
      type: 'SafeInt',
      description: 'What to pass as `after` to go on from here.',
      resolve: ({ event }) => event.position,
    }),
    at: t.field({ type: 'DateTime', description: 'When it happened.', resolve: ({ event }) => event.occurredAt }),
  }));
}

const args = builder.args((t) => ({
  after: t.field({
    type: 'SafeInt',
    description: 'The position to begin after: everything committed after it is delivered once. Absent: from now on.',
  }),
  filter: t.field({
    type: SessionFilter,
    description: 'Of which sessions, as they stand when it is delivered; all where absent.',
  }),
}));

/** What the watchdog, or an observer, makes of a silence, and what takes it back. */
const SILENCE_TYPES = [
  'SESSION_STALLED',
  'SESSION_ESCALATED',
  'SESSION_ZOMBIE',
  'SESSION_RECOVERED',
  'SESSION_REVIVED',
] as const satisfies readonly EventType[];

const atPosition = (moment: Moment, _: object, context: Context) => delivered(context, moment.event.position, moment);

builder.subscriptionFields((t) => ({
  sessionStalled: t.field({
    type: SessionStalled,
    description: 'Stalls, each rise of the escalation level, verdicts of death, recoveries and revivals, in order.',
    args,
    subscribe: (_, { after, filter }, context) => moments(context, SILENCE_TYPES, { after, filter }),
    resolve: atPosition,
  }),
  sessionEnded: t.field({
    type: SessionEnded,
    description: 'Every end of a session, one by one in the order of the log.',
    args,
    subscribe: (_, { after, filter }, context) => moments(context, ['SESSION_ENDED'], { after, filter }),
    resolve: atPosition,
  }),
  sessionTransitioned: t.field({
    type: SessionTransitioned,
    description: 'Every change of state, starts and ends included, one by one in the order of the log.',
    args,
    subscribe: (_, { after, filter }, context) => moments(context, STATE_EVENT_TYPES, { after, filter }),
    resolve: atPosition,
  }),
}));
