import type { GraphQLSchema } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { Logger } from 'pino';
import type { Context } from '../graphql/context.js';
import { disclose, discloseErrors } from './failure.js';
import { executor } from './execute.js';
import { fanOut } from './fanout.js';
import { keepJournal } from './journal.js';
import { checker, hideSuggestions } from './introspection.js';
import { layered, phasesOfYoga, type Layer, type Phases } from './layer.js';
import { shedLoad, type Gates } from './load.js';
import { BODY_MAX_BYTES, OPERATION_LIMITS } from './limits.js';
import { limitOperations, reader } from './operationLimit.js';
import { PATH } from './path.js';
import { limitSubscriptions, type SubscriptionLimits } from './subscriptionLimit.js';

/** Serves HTTP; the context of each operation comes with its request. */
export type Yoga = YogaServerInstance<Context, object>;

interface Parts {
  readonly schema: GraphQLSchema;
  readonly log: Logger;
  readonly gates: Gates;
  readonly maxCost: number;
  readonly subscriptions: SubscriptionLimits;
  /** Whether the schema can be asked for. */
  readonly introspection: boolean;
  /** What hears of every operation. */
  readonly layers: readonly Layer[];
}

/** The one way by which the operations of all transports are parsed, validated and executed. */
export function phasesOf({ schema, log, gates, maxCost, subscriptions, introspection, layers }: Parts): Phases {
  const execute = executor();
  const limits = { ...OPERATION_LIMITS, cost: maxCost };
  const innermost = {
    parse: reader(limits.tokens),
    validate: checker(schema, introspection),
    execute,
    subscribe: fanOut(execute, log),
  };
  return layered(innermost, [
    introspection ? {} : hideSuggestions,
    shedLoad(gates, log),
    limitOperations(schema, limits),
    limitSubscriptions(subscriptions),
    discloseErrors(log),
    keepJournal(log),
    ...layers,
  ]);
}

/** What serves the requests that are not plain. */
export function yogaOf({
  schema,
  phases,
  plugins,
  log,
}: {
  schema: GraphQLSchema;
  phases: Phases;
  plugins: readonly Plugin[];
  log: Logger;
}): Yoga {
  return createYoga<Context>({
    schema,
    graphqlEndpoint: PATH,
    plugins: [phasesOfYoga(phases), ...plugins],
    parserAndValidationCache: false,
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
