import type { GraphQLSchema } from 'graphql';
import { builder } from './builder.js';
import { selectLightly } from './column.js';
import { tellNodesAlone } from './connection.js';
import { tellIdsAtOnce } from './id.js';
import { tellWhatIsLoaded } from './loaded.js';
import { knowShownFields } from './logText.js';
import { rejectWhatThrows } from './rejection.js';
import { askForRoles } from './role.js';
import './apiKey.js';
import './approval.js';
import './approvalMutation.js';
import './approvalSubscription.js';
import './chain.js';
import './checkpoint.js';
import './checkpointMutation.js';
import './command.js';
import './commandMutation.js';
import './commandStats.js';
import './conversation.js';
import './event.js';
import './eventCount.js';
import './eventMutation.js';
import './handoff.js';
import './handoffMutation.js';
import './heartbeat.js';
import './heartbeatSubscription.js';
import './import.js';
import './livenessMutation.js';
import './log.js';
import './node.js';
import './project.js';
import './purge.js';
import './replay.js';
import './resumePlan.js';
import './run.js';
import './runMutation.js';
import './savedState.js';
import './savedStateMutation.js';
import './session.js';
import './sessionMutation.js';
import './sessionQuery.js';
import './sessionSearch.js';
import './sessionSubscription.js';
import './signal.js';
import './signalSubscription.js';
import './timeline.js';
import './trigger.js';
import './watch.js';

/** The executable schema, its types in alphabetical order. */
export function buildSchema(): GraphQLSchema {
  const steps = [
    ...[selectLightly, tellIdsAtOnce, tellNodesAlone, tellWhatIsLoaded],
    ...[askForRoles, rejectWhatThrows, knowShownFields],
  ];
  return steps.reduce((schema, step) => step(schema), builder.toSchema());
}
