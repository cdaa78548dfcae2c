import { NotFoundError } from '../domain/errors.js';
import { followLog } from '../store/follow.js';
import { pendingSignals } from '../store/signal.js';
import type { Signal } from '../store/store.js';
import { builder } from './builder.js';
import type { Context } from './context.js';
import { uuidOf } from './id.js';
import { SignalNode } from './node.js';
import { inOrder, namedIn, through } from './stream.js';

/** What is pending of a session, then each signal that is sent to it. */
function signals({ store, caller: { projectId } }: Context, sessionId: string): AsyncGenerator<Signal, void, void> {
  const { prisma } = store.database;
  const log = followLog(store, projectId, { after: null, filter: { types: ['SIGNAL_SENT'], sessionIds: [sessionId] } });
  return through(log, async function* (batches) {
    // The first batch says that the log is followed from here on: what is pending now and was sent since then comes in both.
    let delivered: ReadonlySet<string> | null = null;
    for await (const { events } of batches) {
      if (delivered === null) {
        const pending = await pendingSignals(prisma, projectId, sessionId);
        delivered = new Set(pending.map(({ id }) => id));
        yield* pending;
        continue;
      }
      const ids = namedIn(events, 'Signal', 'signalId').filter((id) => !delivered?.has(id));
      if (ids.length === 0) continue;
      yield* inOrder(ids, await prisma.signal.findMany({ where: { projectId, id: { in: ids } } }));
    }
  });
}

builder.subscriptionField('signals', (t) =>
  t.field({
    type: SignalNode,
    description:
      'For the agent itself: what is wanted of it. Those still pending arrive at once, each later one when it is sent. ' +
      'NOT_FOUND for an id that is unknown.',
    args: { sessionId: t.arg.id({ required: true, description: 'Which session.' }) },
    subscribe: async (_, { sessionId: ref }, context) => {
      const id = uuidOf('Session', ref);
      const where = { projectId_id: { projectId: context.caller.projectId, id } };
      const session = await context.store.database.prisma.session.findUnique({ where, select: { id: true } });
      if (!session) throw new NotFoundError({ kind: 'Session', ref });
      return signals(context, id);
    },
    resolve: (signal) => signal,
  }),
);
