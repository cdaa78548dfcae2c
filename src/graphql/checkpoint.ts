import type { CheckpointTrigger, CheckpointType } from '../domain/checkpoint.js';
import { builder, enumOf } from './builder.js';
import { FORWARD, list, related } from './connection.js';
import type { Paging } from './page.js';
import { CheckpointConnection, CheckpointNode } from './node.js';
import { NEWEST_CREATED_FIRST, NEWEST_SEQUENCE_FIRST } from './order.js';

export const CheckpointTypeEnum = enumOf<CheckpointType>('CheckpointType', 'Who took a checkpoint.', {
  MANUAL: 'Somebody took it on purpose.',
  AUTOMATIC: 'It was taken by rule.',
});

export const CheckpointTriggerEnum = enumOf<CheckpointTrigger>('CheckpointTrigger', 'Why a checkpoint was taken.', {
  MANUAL: 'Somebody wanted it.',
  CONTEXT_WINDOW: 'The context window was filling up, or was compacted.',
  EPIC_COMPLETION: 'An epic was finished.',
  STEP_COMPLETE: 'A step was finished.',
  TIMED: 'It was due.',
  ERROR: 'Something went wrong.',
  HANDOFF: 'The work is handed to a successor.',
});

/** What the parts of the picture are, where it is given and where it is read. */
export const PICTURE = {
  contextPercent: 'How full the context window was, 0 to 100; null where nobody said.',
  workState: 'An object of all that a successor needs to go on, up to 4 MiB; secrets in it are redacted.',
  summary: 'The same in words; null where nobody said.',
  pendingWork: 'What is still to be done, the next first.',
  filesModified: 'The files that were changed.',
  branchName: 'The branch that was checked out; null where nobody said.',
  metadata: 'An object of whatever else its caller keeps with it.',
} as const;

builder.prismaObjectFields('Checkpoint', (t) => ({
  session: t.relation('session', { description: 'The session whose work it shows.' }),
  sequence: t.expose('sequence', {
    type: 'SafeInt',
    description: "Its place among its session's checkpoints: 1, 2, 3, …",
  }),
  type: t.expose('type', { type: CheckpointTypeEnum, description: 'Who took it.' }),
  trigger: t.expose('trigger', { type: CheckpointTriggerEnum, description: 'Why it was taken.' }),
  contextPercent: t.exposeFloat('contextPercent', { nullable: true, description: PICTURE.contextPercent }),
  workState: t.expose('workState', { type: 'JSON', description: PICTURE.workState }),
  summary: t.exposeString('summary', { nullable: true, description: PICTURE.summary }),
  pendingWork: t.exposeStringList('pendingWork', { description: PICTURE.pendingWork }),
  filesModified: t.exposeStringList('filesModified', { description: PICTURE.filesModified }),
  branchName: t.exposeString('branchName', { nullable: true, description: PICTURE.branchName }),
  metadata: t.expose('metadata', { type: 'JSON', description: PICTURE.metadata }),
  eventSequence: t.expose('eventSequence', {
    type: 'SafeInt',
    description:
      "The sequence of the session's last event when it was taken: its own CHECKPOINT_CREATED comes after it.",
  }),
  sizeBytes: t.exposeInt('sizeBytes', { description: 'The bytes of `workState` as JSON text.' }),
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was taken.' }),
}));

const typeArg = builder.args((t) => ({
  type: t.field({ type: CheckpointTypeEnum, description: 'Only those of this type.' }),
}));

interface Typed extends Paging {
  type?: CheckpointType | null;
}

builder.prismaObjectFields('Session', (t) => ({
  checkpoints: t.field({
    description: 'Its checkpoints, the newest first.',
    args: { ...typeArg, ...FORWARD },
    ...related(CheckpointConnection, 'checkpoints', NEWEST_SEQUENCE_FIRST, ({ type }: Typed) => ({
      type: type ?? undefined,
    })),
  }),
  latestCheckpoint: t.field({
    type: CheckpointNode,
    nullable: true,
    description: 'The newest of its checkpoints; null where it has none.',
    extensions: { relation: 'checkpoints' },
    select: (_, __, nestedSelection) => ({
      checkpoints: nestedSelection({ orderBy: { sequence: 'desc' }, take: 1 }),
    }),
    resolve: ({ checkpoints }) => checkpoints[0],
  }),
}));

builder.queryField('checkpoints', (t) =>
  t.field({
    type: CheckpointConnection,
    description: 'The checkpoints of the project, the newest first.',
    args: { ...typeArg, ...FORWARD },
    resolve: (_, { type, ...paging }, context, info) => {
      const where = { projectId: context.caller.projectId, type: type ?? undefined };
      const { checkpoint } = context.store.database.prisma;
      return list(checkpoint, { order: NEWEST_CREATED_FIRST, paging, where }, context, info);
    },
  }),
);
