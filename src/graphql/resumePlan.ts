import { queryFromInfo } from '@pothos/plugin-prisma';
import type { GraphQLResolveInfo } from 'graphql';
import { ValidationError } from '../domain/errors.js';
import { PAGE_MAX_SIZE } from '../domain/limits.js';
import { confidenceOf, nextSteps, REPORTED_EVENT_TYPES, type ResumeSource } from '../domain/resume.js';
import type { Checkpoint, Command, Event, Prisma, SavedState, Session } from '../store/store.js';
import { batched } from './batch.js';
import { builder, enumOf } from './builder.js';
import { spend } from './budget.js';
import { these, type Model } from './connection.js';
import type { Context } from './context.js';
import { columnsOf, fitting, isHeavy, lightColumnsOf, total, WEIGHED, type Weighed } from './heavy.js';
import { asksOnly } from './selection.js';
import { CheckpointNode, CommandNode, EventNode, SavedStateNode, SessionNode } from './node.js';

/** All that one snapshot of the database tells a successor. */
interface Plan {
  session: Session;
  source: ResumeSource;
  confidence: number;
  checkpoint: Checkpoint | null;
  savedState: SavedState | null;
  events: Event[];
  commands: Command[];
  nextSteps: string[];
  asOf: bigint;
}

const DEFAULT_MAX_EVENTS = 50;
/** The fields of a plan that can be told without its documents. */
const UNWEIGHED: ReadonlySet<string> = new Set(
  '__typename session source confidence checkpoint savedState events commands nextSteps asOf'.split(' '),
);

type Part = 'Checkpoint' | 'SavedState' | 'Event' | 'Command';

interface Wanted {
  maxEvents: number;
  /** What of each part is read. */
  select: Readonly<Record<Part, object>>;
  /** The checkpoint to start from; the session's newest where absent. */
  from?: Checkpoint;
}

/**
 * The plans of some sessions, all from one snapshot. One after the other on one connection: a page of sessions must not
 * take the whole pool.
 */
async function readPlans(context: Context, sessionIds: readonly string[], wanted: Wanted) {
  const { store, caller } = context;
  return store.database.prisma.$transaction(
    async (db) => {
      const plans = new Map<string, Plan>();
      for (const id of sessionIds)
        plans.set(id, await readPlan(context, db, { projectId: caller.projectId, id }, wanted, store.now()));
      return plans;
    },
    { isolationLevel: 'RepeatableRead' },
  );
}

async function readPlan(
  context: Context,
  db: Prisma.TransactionClient,
  key: { projectId: string; id: string },
  { maxEvents, select, from }: Wanted,
  now: Date,
): Promise<Plan> {
  const { project, pulse, ...session } = await db.session.findUniqueOrThrow({
    where: { projectId_id: key },
    include: { project: { select: { logPosition: true } }, pulse: { select: { currentEpic: true } } },
  });
  const mine = { projectId: key.projectId, sessionId: key.id };
  const newestFirst = { sequence: 'desc' } as const;
  const checkpoint =
    from ??
    (await readNewest<Checkpoint>(db.checkpoint, { where: mine, orderBy: newestFirst, select: select.Checkpoint }));
  const lastSaved = [{ createdAt: 'desc' }, { id: 'desc' }];
  const savedState = await readNewest<SavedState>(db.savedState, {
    where: mine,
    orderBy: lastSaved,
    select: select.SavedState,
  });

  // At least one of each, however few are wanted: the source and its age hang on it.
  const take = Math.max(maxEvents, 1);
  const since = checkpoint?.eventSequence ?? 0n;
  const events = await readFitting<Event>(context, 'Event', db.event, {
    where: { ...mine, sequence: { gt: since }, type: { in: [...REPORTED_EVENT_TYPES] } },
    orderBy: newestFirst,
    take,
    select: select.Event,
  });
  const commands = await readFitting<Command>(context, 'Command', db.command, {
    where: { ...mine, ...(checkpoint && { eventSequence: { gt: since } }) },
    orderBy: newestFirst,
    take,
    select: select.Command,
  });

  const { source, at } = sourceOf(session, checkpoint, events[0], commands[0]);
  return {
    session,
    source,
    confidence: confidenceOf(source, (now.getTime() - at.getTime()) / 1000),
    checkpoint,
    savedState,
    events: events.slice(0, maxEvents).reverse(),
    commands: commands.slice(0, maxEvents).reverse(),
    nextSteps: nextSteps({ ...checkpoint, ...savedState, currentEpic: pulse?.currentEpic }),
    asOf: project.logPosition,
  };
}

interface Reading {
  where: object;
  orderBy: object;
  select: object;
}

async function readNewest<Row>(model: Pick<Model<Row>, 'findMany'>, reading: Reading): Promise<Row | null> {
  const [newest = null] = await model.findMany({ ...reading, take: 1 });
  return newest;
}

/** As many rows as an answer can carry. */
async function readFitting<Row>(
  context: Context,
  typeName: Part,
  model: Pick<Model<Row>, 'findMany'>,
  reading: Reading & { take: number },
): Promise<Row[]> {
  if (!isHeavy(typeName, reading)) return model.findMany(reading);
  const rows = (await model.findMany({ ...reading, select: WEIGHED })) as unknown as Weighed[];
  const kept = rows.slice(0, fitting([rows])[0]);
  spend(context, 'bytes', total(kept.map(({ sizeBytes }) => sizeBytes)));
  const { projectId } = context.caller;
  return model.findMany({ where: { projectId, ...these(kept) }, orderBy: reading.orderBy, select: reading.select });
}

/** The best that there is to go on from, and of when it is. */
function sourceOf(
  session: Session,
  checkpoint: Checkpoint | null,
  event: Event | undefined,
  command: Command | undefined,
): { source: ResumeSource; at: Date } {
  if (checkpoint) return { source: 'CHECKPOINT', at: checkpoint.createdAt };
  if (event) return { source: 'EVENTS', at: event.occurredAt };
  if (command) return { source: 'COMMANDS', at: command.createdAt };
  return { source: 'REGISTRY', at: session.startedAt };
}

const plansOfPage = batched((ids: string[], context: Context, info: GraphQLResolveInfo, maxEvents: number) =>
  readPlans(context, ids, { maxEvents, select: selectOf(context, info) }),
);

/** What has to be read of the parts of a plan: what they show, or all of it where its size is asked for. */
function selectOf(context: Context, info: GraphQLResolveInfo): Wanted['select'] {
  const isWeighed = !asksOnly(UNWEIGHED, info);
  const of = (typeName: Part, field: string): object => {
    if (isWeighed) return columnsOf(typeName);
    const { select } = queryFromInfo({ context, info, typeName, path: [field], select: lightColumnsOf(typeName) });
    return select;
  };
  return {
    Checkpoint: of('Checkpoint', 'checkpoint'),
    SavedState: of('SavedState', 'savedState'),
    Event: of('Event', 'events'),
    Command: of('Command', 'commands'),
  };
}

/** The plan of one session, for the answer to what has just been done to it. */
export async function planOf(
  context: Context,
  info: GraphQLResolveInfo,
  sessionId: string,
  from?: Checkpoint,
): Promise<Plan> {
  const wanted = { maxEvents: DEFAULT_MAX_EVENTS, select: selectOf(context, info), from };
  const plans = await readPlans(context, [sessionId], wanted);
  return present(plans.get(sessionId));
}

function present(plan: Plan | undefined): Plan {
  if (!plan) throw new Error('the plan of a session was not read');
  return plan;
}

export const ResumePlan = builder.objectRef<Plan>('ResumePlan').implement({
  description: 'What a successor needs to go on with the work of a session, read from one snapshot of the database.',
  fields: (t) => ({
    session: t.field({
      type: SessionNode,
      description: 'The session whose work it is.',
      resolve: ({ session }) => session,
    }),
    source: t.expose('source', {
      type: enumOf<ResumeSource>('ResumeSource', 'What a plan rests on: the best that there is.', {
        CHECKPOINT: 'A checkpoint, and what came after it.',
        EVENTS: 'What agents or supervisors reported.',
        COMMANDS: 'The commands that were carried out.',
        REGISTRY: 'Nothing but that the session was there.',
      }),
      description: 'What it rests on.',
    }),
    confidence: t.exposeInt('confidence', {
      description: '0 to 100: how much of the work the source still tells, falling with its age.',
    }),
    checkpoint: t.field({
      type: CheckpointNode,
      nullable: true,
      description: 'The checkpoint to start from; null where there is none.',
      resolve: ({ checkpoint }) => checkpoint,
    }),
    savedState: t.field({
      type: SavedStateNode,
      nullable: true,
      description: 'The open saved state, else the newest; null where nothing was ever saved.',
      resolve: ({ savedState }) => savedState,
    }),
    events: t.field({
      type: [EventNode],
      description:
        'What agents and supervisors reported after the checkpoint, or last where there is none; the newest last. What the ' +
        'service writes of its own accord is not among it.',
      resolve: ({ events }) => events,
    }),
    commands: t.field({
      type: [CommandNode],
      description: 'The commands after the checkpoint, or the last ones where there is none; the newest last.',
      resolve: ({ commands }) => commands,
    }),
    nextSteps: t.exposeStringList('nextSteps', {
      description:
        'What to do next: the pending work of the checkpoint, else where the saved state stands, else the epic. Empty where ' +
        'nobody said.',
    }),
    sizeBytes: t.int({
      description: 'The bytes of checkpoint, saved state, events and commands as JSON text.',
      resolve: ({ checkpoint, savedState, events, commands }) =>
        sizeOf([checkpoint, savedState, ...events, ...commands]),
    }),
    asOf: t.expose('asOf', { type: 'SafeInt', description: 'The log position that all of this was read at.' }),
  }),
});

function sizeOf(rows: readonly (object | null)[]): number {
  const text = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
  return Buffer.byteLength(text);
}

builder.prismaObjectField('Session', 'resumePlan', (t) =>
  t.field({
    type: ResumePlan,
    description: 'What a successor would be given, from one snapshot of the database.',
    args: {
      maxEvents: t.arg.int({
        defaultValue: DEFAULT_MAX_EVENTS,
        description: 'How many events and how many commands at most: 0 to 500, and about 8 MiB of either.',
      }),
    },
    resolve: async ({ id }, args, context, info) => {
      const maxEvents = args.maxEvents ?? DEFAULT_MAX_EVENTS;
      if (maxEvents < 0 || maxEvents > PAGE_MAX_SIZE) {
        throw new ValidationError({ issues: [{ path: 'maxEvents', message: `must be from 0 to ${PAGE_MAX_SIZE}` }] });
      }
      return present(await plansOfPage(id, context, info, info, maxEvents));
    },
  }),
);
