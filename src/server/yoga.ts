import type { DocumentNode, ExecutionArgs, ExecutionResult, GraphQLError, GraphQLSchema } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { Logger } from 'pino';
import type { Context } from '../graphql/context.js';
import { disclose, discloseErrors } from './failure.js';
import { executeBy, executor } from './execute.js';
import { fanOut, type Subscription } from './fanout.js';
import { keepJournal } from './journal.js';
import { hideSchema } from './introspection.js';
import { shedLoad, type Gates } from './load.js';
import { BODY_MAX_BYTES, OPERATION_LIMITS } from './limits.js';
import { documentCache, limitOperations } from './operationLimit.js';
import { PATH } from './path.js';
import { limitSubscriptions, type SubscriptionLimits } from './subscriptionLimit.js';

/** Serves HTTP; the context of each operation comes with its request. */
export type Yoga = YogaServerInstance<Context, object>;

/** The phases of an operation, with all that Yoga and its plugins add to them. Envelop types them as `any`. */
export interface Engine {
  readonly schema: GraphQLSchema;
  readonly parse: (text: string) => DocumentNode;
  readonly validate: (schema: GraphQLSchema, document: DocumentNode) => readonly GraphQLError[];
  readonly contextFactory: () => Promise<Context>;
  readonly execute: (args: ExecutionArgs) => Promise<ExecutionResult>;
  readonly subscribe: (args: ExecutionArgs) => Promise<Subscription | ExecutionResult>;
}

interface Parts {
  readonly schema: GraphQLSchema;
  readonly log: Logger;
  readonly gates: Gates;
  readonly maxCost: number;
  readonly subscriptions: SubscriptionLimits;
  /** Whether the schema can be asked for. */
  readonly introspection: boolean;
  readonly plugins: (Plugin | Plugin<Context>)[];
}

/** The one way by which the operations of all transports are parsed, validated and executed. */
export function yogaOf({ schema, log, gates, maxCost, subscriptions, introspection, plugins }: Parts): Yoga {
  const execute = executor();
  return createYoga<Context>({
    schema,
    graphqlEndpoint: PATH,
    // The one that comes first is within those that come after: they hear what it refuses.
    plugins: [
      executeBy(execute),
      introspection ? {} : hideSchema(),
      shedLoad(gates, log),
      fanOut(execute, log),
      limitOperations({ ...OPERATION_LIMITS, cost: maxCost }),
      limitSubscriptions(subscriptions),
      discloseErrors(log),
      keepJournal(log),
      ...plugins,
    ],
    parserAndValidationCache: documentCache(),
    maskedErrors: { maskError: (error) => disclose(error, log) },
    maxRequestBodySize: BODY_MAX_BYTES,
    graphiql: false,
    landingPage: false,
    // Yoga grants every Origin unless told otherwise, and reads uploads, which any page can send.
    cors: false,
    multipart: false,
    // It takes its callers' mistakes for errors; ours are logged by `disclose`.
    logging: false,
  });
}

/** For operations that do not come by Yoga's own HTTP. */
export function engineOf(yoga: Yoga, context?: Context): Engine {
  return yoga.getEnveloped(context) as Engine;
}
