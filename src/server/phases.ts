import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import { discloseErrors } from './failure.js';
import { executor } from './execute.js';
import { fanOut } from './fanout.js';
import { keepJournal } from './journal.js';
import { checker, hideSuggestions } from './introspection.js';
import { layered, type Layer, type Phases } from './layer.js';
import { shedLoad, type Gates } from './load.js';
import { OPERATION_LIMITS } from './limits.js';
import { limitOperations, reader } from './operationLimit.js';
import { limitSubscriptions, type SubscriptionLimits } from './subscriptionLimit.js';

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
