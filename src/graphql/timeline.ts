// The timeline of a session merges three lists, each in the order of its sequence: its events, and its checkpoints and
// commands, which stand right after the event that was the session's newest when they were recorded. A place in it is
// how far each list has been read: whatever writers add comes after it, and a page costs the same wherever it begins.
import type { Checkpoint, Command, Event } from '../store/store.js';
import { batched } from './batch.js';
import { builder } from './builder.js';
import { FORWARD, stretched, unpack, type Rows } from './connection.js';
import type { Stretch } from './page.js';
import type { Context } from './context.js';
import { CheckpointNode, CommandNode, EventNode } from './node.js';
import type { Order } from './order.js';

type Entry = Event | Checkpoint | Command;

const TimelineEntry = builder.unionType('TimelineEntry', {
  description: 'What was recorded of a session: something told, done or kept.',
  types: [EventNode, CommandNode, CheckpointNode],
  resolveType: (entry) => ('position' in entry ? 'Event' : 'workState' in entry ? 'Checkpoint' : 'Command'),
});

const TimelineConnection = builder.connectionObject(
  { type: TimelineEntry, name: 'TimelineConnection', description: 'A page of the timeline of a session.' },
  { name: 'TimelineEdge', description: 'An entry of a timeline, and its place there.' },
);

type Kind = 'events' | 'checkpoints' | 'commands';

/** The sequence up to which each of the three lists has been read. */
type Place = Record<`${Kind}Read`, bigint>;

const BEGINNING: Place = { eventsRead: 0n, checkpointsRead: 0n, commandsRead: 0n };

const AS_RECORDED: Order = {
  name: 'timeline',
  keys: Object.keys(BEGINNING).map((field) => ({ field, type: 'integer', direction: 'asc' })),
};

interface Located {
  sessionId: string;
  kind: Kind;
  id: string;
  sequence: bigint;
  sizeBytes: number;
}

/** The first entries after a place, by the ids of their sessions. A statement for all of a page, and one for each kind. */
const entries = batched(async (sessionIds: string[], context: Context, { from, take }: Stretch) => {
  const [eventsRead, checkpointsRead, commandsRead] = (from as bigint[] | null) ?? Object.values(BEGINNING);
  const start = { eventsRead, checkpointsRead, commandsRead } as Place;
  const lists = new Map(sessionIds.map((id): [string, (Located & Place)[]] => [id, []]));
  for (const entry of await locate(sessionIds, context, start, take)) {
    const list = lists.get(entry.sessionId);
    list?.push({ ...entry, ...placeOf(list.at(-1) ?? start), [`${entry.kind}Read`]: entry.sequence });
  }
  const pages = await unpack<Entry & Place, Located & Place>(context, [...lists.values()], take - 1, (wanted) =>
    load(wanted, context),
  );
  return new Map(sessionIds.map((id, index): [string, Rows<Entry & Place>] => [id, pages[index] ?? []]));
});

const placeOf = ({ eventsRead, checkpointsRead, commandsRead }: Place): Place => ({
  eventsRead,
  checkpointsRead,
  commandsRead,
});

function locate(sessionIds: string[], { store, caller: { projectId } }: Context, after: Place, take: number) {
  // Each list is read by its own index, and no further than the page reaches.
  return store.database.prisma.$queryRaw<Located[]>`
    SELECT s.id AS "sessionId", t.kind, t.id, t.sequence, t.size_bytes AS "sizeBytes"
    FROM unnest(${sessionIds}::uuid[]) AS s (id) CROSS JOIN LATERAL (
      (SELECT 'events' AS kind, e.id, e.sequence, e.sequence AS place, 0 AS rank, e.size_bytes FROM events e
        WHERE e.project_id = ${projectId}::uuid AND e.session_id = s.id AND e.sequence > ${after.eventsRead}
        ORDER BY e.sequence LIMIT ${take})
      UNION ALL
      (SELECT 'checkpoints', k.id, k.sequence, k.event_sequence, 1, k.size_bytes FROM checkpoints k
        WHERE k.project_id = ${projectId}::uuid AND k.session_id = s.id AND k.sequence > ${after.checkpointsRead}
        ORDER BY k.sequence LIMIT ${take})
      UNION ALL
      (SELECT 'commands', c.id, c.sequence, c.event_sequence, 2, c.size_bytes FROM commands c
        WHERE c.project_id = ${projectId}::uuid AND c.session_id = s.id AND c.sequence > ${after.commandsRead}
        ORDER BY c.sequence LIMIT ${take})
      ORDER BY place, rank, sequence LIMIT ${take}
    ) t
    ORDER BY s.id, t.place, t.rank, t.sequence`;
}

async function load(located: readonly Located[], { store, caller: { projectId } }: Context) {
  const { event, checkpoint, command } = store.database.prisma;
  const whereOf = (kind: Kind) => {
    const ids = located.flatMap((entry) => (entry.kind === kind ? entry.id : []));
    return ids.length === 0 ? null : { projectId, id: { in: ids } };
  };
  const [events, checkpoints, commands] = [whereOf('events'), whereOf('checkpoints'), whereOf('commands')];
  const lists = await Promise.all<Entry[]>([
    events ? event.findMany({ where: events }) : [],
    checkpoints ? checkpoint.findMany({ where: checkpoints }) : [],
    commands ? command.findMany({ where: commands }) : [],
  ]);
  return lists.flat();
}

/** How many entries there are. One statement for all sessions of a page. */
const counts = batched(async (sessionIds: string[], { store, caller: { projectId } }: Context) => {
  const sessions = await store.database.prisma.session.findMany({
    where: { projectId, id: { in: sessionIds } },
    select: { id: true, _count: { select: { events: true, checkpoints: true, commands: true } } },
  });
  return new Map(
    sessions.map(({ id, _count: { events, checkpoints, commands } }) => [id, events + checkpoints + commands]),
  );
});

builder.prismaObjectField('Session', 'timeline', (t) =>
  t.field({
    type: TimelineConnection,
    description:
      'Events, commands and checkpoints in the order in which they were recorded, each once. Pages stay in step with each ' +
      'other while writers add to it.',
    args: FORWARD,
    resolve: ({ id }, paging, context, info) =>
      stretched(AS_RECORDED, paging, {
        read: async (stretch) => (await entries(id, context, info, stretch)) ?? [],
        count: async () => (await counts(id, context, info)) ?? 0,
      }),
  }),
);
