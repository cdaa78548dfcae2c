import type { HandoffReason } from '../domain/handoff.js';
import { builder, enumOf } from './builder.js';
import { HandoffNode } from './node.js';

export const HandoffReasonEnum = enumOf<HandoffReason>('HandoffReason', 'Why work is handed over.', {
  COMPACTION: 'The context window is full.',
  CRASH: 'The giver is failing.',
  MANUAL: 'Somebody wants it.',
  TIMEOUT: 'The giver is out of time.',
});

builder.prismaObjectFields('Handoff', (t) => ({
  from: t.relation('from', {
    description: 'The session that gives its work away. It stays open until the taker begins.',
  }),
  to: t.relation('to', {
    nullable: true,
    description: 'The session that took over; null until it is completed, and where that session was purged.',
  }),
  checkpoint: t.relation('checkpoint', { description: 'The checkpoint that was taken for it.' }),
  reason: t.expose('reason', { type: HandoffReasonEnum, description: 'Why.' }),
  note: t.exposeString('note', { nullable: true, description: 'A word on it; null where nobody said.' }),
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was initiated.' }),
  completedAt: t.expose('completedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When the taker began; null where it is pending, or where the giver ended without it.',
  }),
}));

builder.prismaObjectField('Session', 'pendingHandoff', (t) =>
  t.field({
    type: HandoffNode,
    nullable: true,
    description: 'The handoff by which it offers its work: at most one is pending. Null where none is.',
    extensions: { relation: 'given' },
    select: (_, __, nestedSelection) => ({
      given: nestedSelection({ where: { completedAt: null, cancelledAt: null }, take: 1 }),
    }),
    resolve: ({ given }) => given[0],
  }),
);
