import { followLog } from '../store/follow.js';
import type { Approval, Event } from '../store/store.js';
import { builder } from './builder.js';
import { delivered, type Context } from './context.js';
import { beginning } from './log.js';
import { lookup } from './lookup.js';
import { ApprovalNode } from './node.js';
import { inOrder, namedIn, through } from './stream.js';

interface Settlement {
  approval: Approval;
  position: bigint;
}

const settlementsOf = lookup<Settlement>();

/** The approval of each event that tells of one, in the order of the log. */
function approvals(context: Context, after: bigint | null): AsyncGenerator<Settlement, void, void> {
  const { store, caller } = context;
  const { projectId } = caller;
  const filter = { types: ['APPROVAL_REQUESTED', 'APPROVAL_RESOLVED'] } as const;
  const log = followLog(store, projectId, { after, filter });
  return through(log, (batches, leave) => settlementsOf(batches, { store, leave, name: '', find }));

  async function find(events: readonly Event[]): Promise<(Settlement | null)[]> {
    const ids = namedIn(events, 'Approval', 'approvalId');
    if (ids.length === 0) return [];
    const rows = await store.database.prisma.approval.findMany({ where: { projectId, id: { in: ids } } });
    return events.map((event) => {
      const [approval] = inOrder(namedIn([event], 'Approval', 'approvalId'), rows);
      return approval ? { approval, position: event.position } : null;
    });
  }
}

builder.subscriptionField('approvals', (t) =>
  t.field({
    type: ApprovalNode,
    description:
      'Each approval when it is asked for and when it is settled (answered, expired or cancelled), as it stands when it is ' +
      'delivered.',
    args: {
      after: t.arg({
        type: 'SafeInt',
        description:
          'The position to begin after: everything committed after it is delivered once. Absent: from now on.',
      }),
    },
    subscribe: (_, { after }, context) => approvals(context, beginning(context, after)),
    resolve: ({ approval, position }, _, context) => delivered(context, position, approval),
  }),
);
