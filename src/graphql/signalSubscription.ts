import { NotFoundError } from '../domain/errors.js';
import { followLog } from '../store/follow.js';
import { insist } from '../store/insist.js';
import { pendingSignals } from '../store/signal.js';
import type { Signal } from '../store/store.js';
import { builder } from './builder.js';
import type { Context } from './context.js';
import { derivation } from './derived.js';
import { uuidOf } from './id.js';
import { SignalNode } from './node.js';
import { inOrder, namedIn, through } from './stream.js';

const sentIn = derivation<readonly Signal[]>();

/** What is pending of a session, then each signal that is sent to it. */
function signals({ store, caller: { projectId } }: Context, sessionId: string): AsyncGenerator<Signal, void, void> {
  const { prisma } = store.database;
  const log = followLog(store, projectId, { after: null, filter: { types: ['SIGNAL_SENT'], sessionIds: [sessionId] } });
  return through(log, async function* (batches, leave) {
    // The first batch says that the log is followed from here on: what is pending now and was sent since then comes in both.
    let delivered: ReadonlySet<string> | null = null;
    for await (const batch of batches) {
      if (delivered === null) {
        const { reads } = store.tail(projectId);
        const read = () => reads.read(`signals ${sessionId}`, () => pendingSignals(prisma, projectId, sessionId));
        const pending = await insist(store, leave, read);
        if (!pending) return;
        delivered = new Set(pending.map(({ id }) => id));
        yield* pending;
        continue;
      }
      const ids = namedIn(batch.events, 'Signal', 'signalId');
      if (ids.every((id) => delivered?.has(id))) continue;
      const find = async () => inOrder(ids, await prisma.signal.findMany({ where: { projectId, id: { in: ids } } }));
      const sent = await insist(store, leave, () => sentIn(batch, '', find));
      for (const signal of sent ?? []) if (!delivered.has(signal.id)) yield signal;
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
