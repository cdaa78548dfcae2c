import { ValidationError } from '../domain/errors.js';
import { replay, REPLAYED_EVENT_TYPES, type Replay, type ReplayableEvent } from '../domain/replay.js';
import { batched } from './batch.js';
import { builder } from './builder.js';
import type { Context } from './context.js';
import { EventTypeEnum } from './eventType.js';
import { CheckpointNode } from './node.js';
import { LifecycleStateEnum } from './state.js';
import { EndReasonEnum } from './trigger.js';

/** Beyond every sequence that a session can reach. */
const LAST = 2n ** 62n;

/** What replaying needs of the events of a session, up to a sequence. One statement for all sessions of a page. */
const replayable = batched(async (sessionIds: string[], { store, caller }: Context, to: bigint) => {
  const types = [...REPLAYED_EVENT_TYPES];
  // The very last event counts whatever its type is; the others are never read.
  const rows = await store.database.prisma.$queryRaw<(ReplayableEvent & { sessionId: string })[]>`
    SELECT s.id AS "sessionId", e.sequence, e.type::text, e.data
    FROM unnest(${sessionIds}::uuid[]) AS s (id) CROSS JOIN LATERAL (
      SELECT sequence, type, data FROM events
      WHERE project_id = ${caller.projectId}::uuid AND session_id = s.id AND sequence <= ${to}
        AND type = ANY (${types}::event_type[])
      UNION ALL
      SELECT * FROM (
        SELECT sequence, type, '{}'::jsonb FROM events
        WHERE project_id = ${caller.projectId}::uuid AND session_id = s.id AND sequence <= ${to}
        ORDER BY sequence DESC LIMIT 1
      ) last WHERE type <> ALL (${types}::event_type[])
    ) e
    ORDER BY s.id, e.sequence`;
  const events = new Map(sessionIds.map((id): [string, ReplayableEvent[]] => [id, []]));
  for (const { sessionId, ...event } of rows) events.get(sessionId)?.push(event);
  return events;
});

interface ReplayedSession extends Replay {
  sessionId: string;
}

const ReplayedSession = builder.objectRef<ReplayedSession>('ReplayedSession').implement({
  description: 'A session as its own events say that it stood.',
  fields: (t) => ({
    sequence: t.expose('sequence', {
      type: 'SafeInt',
      description: 'Of the last event that was read; 0 before the first.',
    }),
    state: t.expose('state', { type: LifecycleStateEnum, description: 'Where it stood in its life.' }),
    endReason: t.expose('endReason', {
      type: EndReasonEnum,
      nullable: true,
      description: 'Why it ended; null where it had not.',
    }),
    contextPercent: t.exposeFloat('contextPercent', {
      nullable: true,
      description: 'How full its context window was, as the log was told: a change of less than 5 points is not.',
    }),
    currentEpic: t.exposeString('currentEpic', {
      nullable: true,
      description: 'The epic that it was at, as the log was told.',
    }),
    escalationLevel: t.exposeInt('escalationLevel', {
      nullable: true,
      description: '0 warn, 1 nudge, 2 triage, 3 terminate; null unless it was stalled.',
    }),
    lastEventType: t.expose('lastEventType', {
      type: EventTypeEnum,
      nullable: true,
      description: 'What the last event told, of whatever type; null before the first.',
    }),
    latestCheckpoint: t.prismaField({
      type: CheckpointNode,
      nullable: true,
      description: 'The newest checkpoint that it had; null where it had none or that one was purged.',
      resolve: (query, { latestCheckpointId: id, sessionId }, _, { store, caller: { projectId } }) =>
        id === null
          ? null
          : store.database.prisma.checkpoint.findUnique({
              ...query,
              where: { projectId_id: { projectId, id }, sessionId },
            }),
    }),
  }),
});

builder.prismaObjectField('Session', 'replay', (t) =>
  t.field({
    type: ReplayedSession,
    description: 'The session as its own events say that it stood after `toSequence`. Reads events alone.',
    args: {
      toSequence: t.arg({ type: 'SafeInt', description: 'The last event to count; the last of all where absent.' }),
    },
    resolve: async ({ id }, { toSequence }, context, info) => {
      const to = toSequence ?? LAST;
      if (to < 0n) throw new ValidationError({ issues: [{ path: 'toSequence', message: 'must not be negative' }] });
      return { ...replay((await replayable(id, context, info, to)) ?? []), sessionId: id };
    },
  }),
);
