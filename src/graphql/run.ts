import { decodeIdOf } from '../domain/id.js';
import { unstorable } from '../domain/limits.js';
import type { RunStatus } from '../domain/run.js';
import { builder, enumOf } from './builder.js';
import { FORWARD, list } from './connection.js';
import { RunConnection, RunNode } from './node.js';
import type { Order } from './order.js';
import { byState, runCounts } from './count.js';
import { StateCount } from './state.js';

export const RunStatusEnum = enumOf<RunStatus>('RunStatus', 'Where a run stands.', {
  ACTIVE: 'Sessions may join it.',
  COMPLETED: 'It is done.',
  FAILED: 'It was given up.',
});

builder.prismaObjectFields('Run', (t) => ({
  externalId: t.exposeString('externalId', {
    nullable: true,
    description: "The caller's own id for it; unique in the project. Null where nobody gave one.",
  }),
  status: t.expose('status', { type: RunStatusEnum, description: 'Where it stands.' }),
  description: t.exposeString('description', {
    nullable: true,
    description: 'What it is for; null where nobody said.',
  }),
  coordinatorName: t.exposeString('coordinatorName', {
    nullable: true,
    description: 'The agent that coordinates it, which has at most one active run. Null where nobody said.',
  }),
  coordinator: t.relation('coordinator', {
    nullable: true,
    description: "The coordinator's session; null where none was named or that one was purged.",
  }),
  metadata: t.expose('metadata', { type: 'JSON', description: 'An object of whatever else its callers keep with it.' }),
  startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When it began.' }),
  completedAt: t.expose('completedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When it was completed or failed; null while it is active.',
  }),
  agentCount: t.int({
    description: 'How many sessions it has, ended ones included. Derived from them, never counted by hand.',
    resolve: async ({ id }, _, context, info) => (await runCounts(id, context, info))?.total ?? 0,
  }),
  sessionsByState: t.field({
    type: [StateCount],
    description: 'How many of its sessions are in each state, zeros included, in the order of the states.',
    resolve: async ({ id }, _, context, info) => byState((await runCounts(id, context, info))?.states),
  }),
  workersFinished: t.boolean({
    description: "True once every session but the coordinator's is completed or zombie; false while it has none.",
    resolve: async ({ id }, _, context, info) => (await runCounts(id, context, info))?.workersFinished ?? false,
  }),
}));

const NEWEST_FIRST: Order = {
  name: 'startedAt DESC',
  keys: [
    { field: 'startedAt', type: 'instant', direction: 'desc' },
    { field: 'id', type: 'uuid', direction: 'desc' },
  ],
};

builder.queryFields((t) => ({
  run: t.prismaField({
    type: RunNode,
    nullable: true,
    description: 'One run; null for an id that is unknown.',
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (query, _, args, { store, caller: { projectId } }) => {
      const id = decodeIdOf('Run', args.id);
      if (id === null) return null;
      return store.database.prisma.run.findUnique({ ...query, where: { projectId_id: { projectId, id } } });
    },
  }),
  activeRun: t.prismaField({
    type: RunNode,
    nullable: true,
    description: 'The active run of a coordinator, or the newest active one of any. Null where there is none.',
    args: { coordinatorName: t.arg.string({ description: 'The coordinator; any where absent.' }) },
    resolve: (query, _, { coordinatorName }, { store, caller: { projectId } }) => {
      if (coordinatorName != null && unstorable(coordinatorName)) return null;
      return store.database.prisma.run.findFirst({
        ...query,
        where: { projectId, status: 'ACTIVE', coordinatorName: coordinatorName ?? undefined },
        orderBy: [{ startedAt: 'desc' }, { id: 'desc' }],
      });
    },
  }),
  runs: t.field({
    type: RunConnection,
    description: 'The runs of the project, the newest first.',
    args: {
      status: t.arg({ type: RunStatusEnum, description: 'Only those of this status.' }),
      externalId: t.arg.string({ description: 'Only the one that its caller knows by this id.' }),
      ...FORWARD,
    },
    resolve: (_, { status, externalId, ...paging }, context, info) => {
      // What cannot be stored names none.
      const named = externalId != null && unstorable(externalId) ? { in: [] } : (externalId ?? undefined);
      const where = { projectId: context.caller.projectId, status: status ?? undefined, externalId: named };
      return list(context.store.database.prisma.run, { order: NEWEST_FIRST, paging, where }, context, info);
    },
  }),
}));
