import { requestApproval, resolveApproval } from '../store/approval.js';
import { ApprovalResolutionEnum, ApprovalTypeEnum } from './approval.js';
import { builder } from './builder.js';
import { decoded } from './id.js';
import { ApprovalNode } from './node.js';
import { POSITION, REPEATABLE, REPLAYED } from './payload.js';

builder.relayMutationField(
  'requestApproval',
  {
    description: 'A question to a person.',
    inputFields: (t) => ({
      idempotencyKey: t.string(REPEATABLE),
      sessionId: t.id({ required: true, description: 'Who asks; it must be open.' }),
      type: t.field({
        type: ApprovalTypeEnum,
        required: true,
        defaultValue: 'OTHER',
        description: 'What it is about.',
      }),
      question: t.string({ required: true, description: 'The question.' }),
      context: t.field({ type: 'JSON', description: 'An object of what one needs to know to answer.' }),
      timeoutSeconds: t.int({
        required: true,
        defaultValue: 300,
        description: 'How long it waits for an answer, in seconds: 1 to 2,592,000.',
      }),
    }),
  },
  {
    description: 'Asks a person. While the question is PENDING, the session is waiting and not stalled.',
    resolve: (_, { input }, { store, caller }) =>
      requestApproval(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'What was asked.',
    outputFields: (t) => ({
      approval: t.field({ type: ApprovalNode, description: 'The question.', resolve: ({ approval }) => approval }),
      replayed: t.exposeBoolean('replayed', REPLAYED),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);

builder.relayMutationField(
  'resolveApproval',
  {
    description: 'The answer to a question.',
    inputFields: (t) => ({
      approvalId: t.id({ required: true, description: 'Which question; it must be PENDING.' }),
      resolution: t.field({ type: ApprovalResolutionEnum, required: true, description: 'The answer.' }),
      result: t.field({ type: 'JSON', description: 'What goes with the answer: the changes, say.' }),
      by: t.string({ description: "Who answers; the credential's name where absent." }),
    }),
  },
  {
    description: 'Answers a question, once: whoever comes second gets ALREADY_RESOLVED with the first answer.',
    resolve: (_, { input }, { store, caller }) =>
      resolveApproval(store, caller, decoded(input, { approvalId: 'Approval' })),
  },
  {
    description: 'What was answered.',
    outputFields: (t) => ({
      approval: t.field({
        type: ApprovalNode,
        description: 'The question with its answer.',
        resolve: ({ approval }) => approval,
      }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
