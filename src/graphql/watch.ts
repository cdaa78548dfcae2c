// What can be watched of one session or one run: its state now, and again after every change, until the last one.
import { NotFoundError } from '../domain/errors.js';
import { isOpen } from '../domain/session.js';
import { followChanges } from '../store/follow.js';
import { insist } from '../store/insist.js';
import type { Event } from '../store/store.js';
import { builder } from './builder.js';
import type { Context } from './context.js';
import { uuidOf } from './id.js';
import { RunNode, SessionNode } from './node.js';
import { through } from './stream.js';

interface Watched<Row> {
  read: () => Promise<Row | null>;
  concerns: (event: Event) => boolean;
  isLast: (row: Row) => boolean;
}

/** The row now, and again after every change; it ends after the last, or when the row is gone. */
function watched<Row>(
  { store, caller }: Context,
  { read, concerns, isLast }: Watched<Row>,
): AsyncGenerator<Row, void, void> {
  return through(followChanges(store, caller.projectId, concerns), async function* (changes, leave) {
    for await (const _ of changes) {
      const row = await insist(store, leave, read);
      if (row === null) return;
      yield row;
      if (isLast(row)) return;
    }
  });
}

builder.subscriptionFields((t) => ({
  session: t.field({
    type: SessionNode,
    description:
      'One session, again after every change to it; the first arrives at once. Completes after the last state, once it has ' +
      'ended. NOT_FOUND for an id that is unknown.',
    args: { id: t.arg.id({ required: true, description: 'Which session.' }) },
    subscribe: async (_, { id: ref }, context) => {
      const { store, caller } = context;
      const id = uuidOf('Session', ref);
      const where = { projectId_id: { projectId: caller.projectId, id } };
      const read = () =>
        store
          .tail(caller.projectId)
          .reads.read(`session ${id}`, () => store.database.prisma.session.findUnique({ where }));
      if ((await read()) === null) throw new NotFoundError({ kind: 'Session', ref });
      return watched(context, {
        read,
        concerns: ({ sessionId }) => sessionId === id,
        isLast: ({ state }) => !isOpen(state),
      });
    },
    resolve: (session) => session,
  }),
  run: t.field({
    type: RunNode,
    description:
      'One run, again after every change to it or to its sessions; the first arrives at once. Completes after the last ' +
      'state, once it is completed or failed. NOT_FOUND for an id that is unknown.',
    args: { id: t.arg.id({ required: true, description: 'Which run.' }) },
    subscribe: async (_, { id: ref }, context) => {
      const { store, caller } = context;
      const id = uuidOf('Run', ref);
      const where = { projectId_id: { projectId: caller.projectId, id } };
      const read = () =>
        store.tail(caller.projectId).reads.read(`run ${id}`, () => store.database.prisma.run.findUnique({ where }));
      if ((await read()) === null) throw new NotFoundError({ kind: 'Run', ref });
      return watched(context, {
        read,
        concerns: ({ runId }) => runId === id,
        isLast: ({ status }) => status !== 'ACTIVE',
      });
    },
    resolve: (run) => run,
  }),
}));
