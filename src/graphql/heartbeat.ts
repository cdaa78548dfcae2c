import { queryFromInfo } from '@pothos/plugin-prisma';
import type { GraphQLResolveInfo } from 'graphql';
import { NotFoundError } from '../domain/errors.js';
import { encodeId } from '../domain/id.js';
import type { RecommendedAction } from '../domain/signal.js';
import { heartbeat, heartbeats, type HeartbeatAnswer } from '../store/heartbeat.js';
import type { Session, Signal } from '../store/store.js';
import { batched } from './batch.js';
import { builder, enumOf } from './builder.js';
import type { Context } from './context.js';
import { maskError } from './errors.js';
import { decoded, uuidIn } from './id.js';
import { SessionNode, SignalNode } from './node.js';
import { asksOnly } from './selection.js';

const RecommendedActionEnum = enumOf<RecommendedAction>('RecommendedAction', 'What an agent should do now.', {
  NONE: 'Go on.',
  CHECKPOINT: 'Take a checkpoint: the context is 80 % full, or somebody asks for one.',
  SUSPEND: 'Save the work and suspend: somebody asks for it.',
  STOP: 'End: somebody asks for it.',
});

/** The sessions of the heartbeats of one call, with all that is asked of them: one statement. */
const sessionsOf = batched(async (ids: string[], context: Context, info: GraphQLResolveInfo) => {
  const { store, caller } = context;
  const rows = await store.database.prisma.session.findMany({
    ...queryFromInfo({ context, info }),
    where: { projectId: caller.projectId, id: { in: ids } },
  });
  return new Map(rows.map((session) => [session.id, session]));
});

const KNOWN_FIELDS = new Set(['id', '__typename']);

/** The session of a heartbeat. Most agents ask for nothing of it that they have not said themselves: no statement. */
async function sessionOf({ sessionId: id }: HeartbeatAnswer, context: Context, info: GraphQLResolveInfo) {
  // A row of which nothing else is read.
  if (asksOnly(KNOWN_FIELDS, info)) return { id, projectId: context.caller.projectId } as Session;
  const session = await sessionsOf(id, context, info, info);
  if (!session) throw new NotFoundError({ kind: 'Session', ref: encodeId('Session', id) });
  return session;
}

const { inputType: HeartbeatInput } = builder.relayMutationField(
  'heartbeat',
  {
    description: 'A sign of life. Absent fields are left as they are.',
    inputFields: (t) => ({
      sessionId: t.id({ required: true, description: 'Whose.' }),
      contextPercent: t.float({ description: 'How full its context window is, 0 to 100.' }),
      currentEpic: t.string({ description: 'The epic that it is at.' }),
      activity: t.string({ description: 'What it is doing.' }),
      processAlive: t.boolean({
        description: 'False is evidence of death, by an observer: the session becomes a ZOMBIE.',
      }),
    }),
  },
  {
    description: 'Takes a sign of life, and answers with what the agent should do. Not recorded in the log.',
    resolve: (_, { input }, { store, caller }) => heartbeat(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'What became of it.',
    outputFields: (t) => ({
      session: t.field({
        type: SessionNode,
        description: 'The session.',
        resolve: (answer, _, context, info) => sessionOf(answer, context, info),
      }),
      recommendedAction: t.expose('recommendedAction', {
        type: RecommendedActionEnum,
        description: 'What the agent should do now.',
      }),
      signals: t.expose('signals', {
        type: [SignalNode],
        description: 'What is wanted of the agent and not acknowledged yet, oldest first.',
      }),
    }),
  },
);

/** What became of one heartbeat of many. Told as it is: what would ask a function for each field costs more than the beat. */
interface Outcome {
  /** In the caller's own words. */
  sessionId: string;
  /** Null where it was refused. */
  answer: HeartbeatAnswer | null;
  recommendedAction: RecommendedAction | null;
  signals: Signal[];
  errorCode: string | null;
  errorMessage: string | null;
}

const HeartbeatOutcome = builder.objectRef<Outcome>('HeartbeatOutcome').implement({
  description: 'What became of one heartbeat of many: what `heartbeat` would answer, or an error with its code.',
  fields: (t) => ({
    sessionId: t.exposeID('sessionId', { description: 'Whose it was, as the input says it.' }),
    session: t.field({
      type: SessionNode,
      nullable: true,
      description: 'The session; null where the heartbeat was refused.',
      resolve: ({ answer }, _, context, info) => answer && sessionOf(answer, context, info),
    }),
    recommendedAction: t.expose('recommendedAction', {
      type: RecommendedActionEnum,
      nullable: true,
      description: 'What the agent should do now; null where the heartbeat was refused.',
    }),
    signals: t.expose('signals', {
      type: [SignalNode],
      description: 'What is wanted of the agent and not acknowledged yet, oldest first.',
    }),
    errorCode: t.exposeString('errorCode', {
      nullable: true,
      description: 'Why it was refused: a code as errors have it in `extensions.code`; null where it was taken.',
    }),
    errorMessage: t.exposeString('errorMessage', {
      nullable: true,
      description: 'The same in a sentence; null where it was taken.',
    }),
  }),
});

const HeartbeatsPayload = builder.objectRef<{ outcomes: Outcome[] }>('HeartbeatsPayload').implement({
  description: 'What became of them.',
  fields: (t) => ({
    outcomes: t.expose('outcomes', {
      type: [HeartbeatOutcome],
      description: 'One for each heartbeat, in the order of the input.',
    }),
  }),
});

builder.mutationField('heartbeats', (t) =>
  t.field({
    type: HeartbeatsPayload,
    description:
      'Takes the heartbeats of many sessions at once, each on its own: one that is refused stands in nobody’s way. Those of ' +
      'one session are taken in their order; several in a row count as one that says the last of what they say.',
    args: {
      inputs: t.arg({ type: [HeartbeatInput], required: true, description: 'The signs of life, 1 to 1,000.' }),
    },
    resolve: async (_, { inputs }, context) => ({ outcomes: await outcomesOf(inputs, context) }),
  }),
);

async function outcomesOf(
  inputs: readonly (typeof HeartbeatInput.$inferInput)[],
  context: Context,
): Promise<Outcome[]> {
  const { store, caller } = context;
  const named = inputs.map((input) => ({ ...input, sessionId: uuidIn('Session', input.sessionId) }));
  const results = await heartbeats(store, caller, named);
  return results.map((result, index) => {
    const sessionId = inputs[index]?.sessionId ?? '';
    if (result.status === 'rejected') return refusal(result.reason, sessionId, context);
    const { recommendedAction, signals } = result.value;
    return { sessionId, answer: result.value, recommendedAction, signals, errorCode: null, errorMessage: null };
  });
}

/** As the error of a call of its own would be told. */
function refusal(reason: unknown, sessionId: string, { store, requestId }: Context): Outcome {
  // The store knows it by the id that a malformed one was taken for.
  const error = reason instanceof NotFoundError ? new NotFoundError({ kind: 'Session', ref: sessionId }) : reason;
  const { message: errorMessage, extensions } = maskError(error, requestId);
  const errorCode = String(extensions.code);
  if (errorCode === 'INTERNAL_SERVER_ERROR') store.log.error({ err: reason, requestId }, 'a heartbeat failed');
  return { sessionId, answer: null, recommendedAction: null, signals: [], errorCode, errorMessage };
}
