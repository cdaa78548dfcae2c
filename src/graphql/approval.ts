import type { ApprovalResolution, ApprovalStatus, ApprovalType } from '../domain/approval.js';
import { builder, enumOf } from './builder.js';
import { FORWARD, list } from './connection.js';
import { ApprovalConnection } from './node.js';
import { NEWEST_CREATED_FIRST } from './order.js';

export const ApprovalTypeEnum = enumOf<ApprovalType>('ApprovalType', 'What an approval is about.', {
  PLAN: 'A plan, before it is carried out.',
  STEP: 'The next step of a plan.',
  ERROR_RECOVERY: 'How to go on after an error.',
  TOOL_CALL: 'The call of a tool.',
  OTHER: 'Anything else.',
});

const ApprovalStatusEnum = enumOf<ApprovalStatus>('ApprovalStatus', 'Where an approval stands.', {
  PENDING: 'It waits for an answer.',
  RESOLVED: 'It was answered.',
  EXPIRED: 'Its time passed without an answer.',
  CANCELLED: 'Its session ended without an answer.',
});

export const ApprovalResolutionEnum = enumOf<ApprovalResolution>(
  'ApprovalResolution',
  'How an approval was answered.',
  {
    APPROVED: 'Yes.',
    REJECTED: 'No.',
    MODIFIED: 'Yes, with changes; `result` says which.',
  },
);

builder.prismaObjectFields('Approval', (t) => ({
  session: t.relation('session', { description: 'The session that asks.' }),
  type: t.expose('type', { type: ApprovalTypeEnum, description: 'What it is about.' }),
  question: t.exposeString('question', { description: 'The question.' }),
  context: t.expose('context', { type: 'JSON', description: 'An object of what one needs to know to answer.' }),
  status: t.expose('status', { type: ApprovalStatusEnum, description: 'Where it stands.' }),
  resolution: t.expose('resolution', {
    type: ApprovalResolutionEnum,
    nullable: true,
    description: 'The answer, given once; null unless it is RESOLVED.',
  }),
  result: t.expose('result', {
    type: 'JSON',
    nullable: true,
    description: 'What goes with the answer; null where nothing does.',
  }),
  resolvedBy: t.exposeString('resolvedBy', { nullable: true, description: 'Who answered; null unless somebody did.' }),
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked.' }),
  expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'Until when it waits for an answer.' }),
  resolvedAt: t.expose('resolvedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When it was answered, expired or cancelled; null while it is PENDING.',
  }),
}));

builder.prismaObjectField('Session', 'approvals', (t) =>
  t.relation('approvals', {
    description: 'What it asked people, oldest first.',
    args: { status: t.arg({ type: ApprovalStatusEnum, description: 'Only those of this status.' }) },
    query: ({ status }) => ({ where: { status: status ?? undefined }, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] }),
  }),
);

builder.queryField('approvals', (t) =>
  t.field({
    type: ApprovalConnection,
    description: 'What the agents of the project ask people, the newest first.',
    args: {
      status: t.arg({
        type: ApprovalStatusEnum,
        defaultValue: 'PENDING',
        description: 'Of which status; null: of any.',
      }),
      ...FORWARD,
    },
    resolve: (_, { status, ...paging }, context, info) => {
      const where = { projectId: context.caller.projectId, status: status ?? undefined };
      const { approval } = context.store.database.prisma;
      return list(approval, { order: NEWEST_CREATED_FIRST, paging, where }, context, info);
    },
  }),
);
