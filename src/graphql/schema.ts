import type { GraphQLSchema } from 'graphql';
import { builder } from './builder.js';
import './chain.js';
import './conversation.js';
import './event.js';
import './eventCount.js';
import './eventMutation.js';
import './log.js';
import './node.js';
import './project.js';
import './run.js';
import './runMutation.js';
import './session.js';
import './sessionMutation.js';
import './sessionQuery.js';
import './sessionSubscription.js';
import './trigger.js';
import './watch.js';

/** The executable schema, its types in alphabetical order. */
export function buildSchema(): GraphQLSchema {
  return builder.toSchema();
}
