import { followBeats, type Beat } from '../store/beatStream.js';
import type { Session } from '../store/store.js';
import { builder } from './builder.js';
import { SessionNode } from './node.js';
import { checkSessionFilter, SessionFilter, sessionWhere } from './sessionFilter.js';

/** A beat, with the session as it stands now. */
interface Heard {
  beat: Beat;
  session: Session;
}

const SessionHeartbeat = builder.objectRef<Heard>('SessionHeartbeat').implement({
  description: 'A sign of life of a session, and what was known of it then.',
  fields: (t) => ({
    session: t.field({
      type: SessionNode,
      description: 'The session, as it stands when this is delivered.',
      resolve: ({ session }) => session,
    }),
    at: t.field({ type: 'DateTime', description: 'When it came.', resolve: ({ beat }) => new Date(beat.at) }),
    contextPercent: t.float({
      nullable: true,
      description: 'How full its context window was, 0 to 100, as it last said; null where it never did.',
      resolve: ({ beat }) => beat.contextPercent,
    }),
    currentEpic: t.string({
      nullable: true,
      description: 'The epic that it was at, as it last said; null where it never did.',
      resolve: ({ beat }) => beat.currentEpic,
    }),
    activity: t.string({
      nullable: true,
      description: 'What it said it was doing, in its last heartbeat that said so.',
      resolve: ({ beat }) => beat.activity,
    }),
  }),
});

builder.subscriptionField('sessionHeartbeat', (t) =>
  t.field({
    type: SessionHeartbeat,
    description:
      'The heartbeats of sessions. Ephemeral: of one session the latest wins, and nothing is replayed. While Redis is out of reach, those that other servers take are not told.',
    args: {
      filter: t.arg({
        type: SessionFilter,
        description: 'Of which sessions, as they stand when it is delivered; all where absent.',
      }),
    },
    subscribe: (_, { filter }, context) => {
      checkSessionFilter(filter);
      const { store, caller } = context;
      return followBeats(store, caller.projectId, {
        name: JSON.stringify(filter ?? null),
        async find(beats) {
          const where = {
            AND: [sessionWhere(filter, context), { id: { in: beats.map(({ sessionId }) => sessionId) } }],
          };
          const rows = await store.database.prisma.session.findMany({ where });
          const sessions = new Map(rows.map((session) => [session.id, session]));
          return beats.map((beat): Heard | null => {
            const session = sessions.get(beat.sessionId);
            return session ? { beat, session } : null;
          });
        },
      });
    },
    resolve: (heard) => heard,
  }),
);
