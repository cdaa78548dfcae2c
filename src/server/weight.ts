// What the analysis of an operation cannot read off the schema: how long the lists are that take no size, and which fields
// the database works for longer than their answer shows. By coordinates: `Type.field`. A field that is not named costs 1.
import { EVENTS_MAX_PER_CALL, PAGE_DEFAULT_SIZE, PAGE_MAX_SIZE } from '../domain/limits.js';

/** Arguments that say how many entries an answer may have: by a number, or by their own length. */
export const SIZE_ARGUMENTS: readonly string[] = ['first', 'last', 'maxEvents', 'ids'];

/** For lists of objects that take no size and are not named below: what belongs to one session is told in few lines. */
export const ASSUMED_SIZE = 10;

/** How many entries a field answers with that takes no size, itself or in the lists right below it. */
export const SIZES: ReadonlyMap<string, number> = new Map([
  ['Session.chain', 25],
  ['Subscription.log', PAGE_MAX_SIZE],
  ['ResumeSessionPayload.plan', PAGE_DEFAULT_SIZE],
  ['RestoreCheckpointPayload.plan', PAGE_DEFAULT_SIZE],
  ['AppendEventsPayload.events', EVENTS_MAX_PER_CALL],
  ['LogCommandsPayload.commands', EVENTS_MAX_PER_CALL],
  ['ImportSessionsPayload.runs', PAGE_MAX_SIZE],
  ['ImportSessionsPayload.sessions', PAGE_MAX_SIZE],
]);

/**
 * What a field costs besides, however many rows it is asked of, for a statement that reads more than it answers with: a
 * whole table, in the worst case.
 */
export const STATEMENTS: ReadonlyMap<string, number> = new Map([
  ['Query.sessions', 1_000],
  ['Query.log', 1_000],
  ['Query.commands', 500],
  ['Query.findSessions', 500],
  ['Query.checkpoints', 200],
  ['Query.conversations', 200],
  ['Query.runs', 200],
  ['Query.approvals', 200],
  ['Project.stats', 500],
]);

/** Fields whose filter may search the texts of all events, and what that costs besides. */
export const SEARCHED: ReadonlySet<string> = new Set(['Session.events', 'Run.events']);
export const SEARCH_COST = 5_000;

/** Of any connection: an index is read from end to end. */
const COUNT_WEIGHT = 20;

const WEIGHTS: ReadonlyMap<string, number> = new Map([
  ['Run.agentCount', 20],
  ['Run.sessionsByState', 20],
  ['Run.workersFinished', 20],
  ['Session.eventCounts', 50],
  ['Session.commandStats', 50],
  // Several statements for each session, one after the other.
  ['Session.resumePlan', 100],
  ['ResumeSessionPayload.plan', 100],
  ['RestoreCheckpointPayload.plan', 100],
  // Reads all that a session ever told.
  ['Session.replay', 200],
  ['Session.timeline', 20],
  ['Session.chain', 10],
  // Documents of up to 4 MiB.
  ['Checkpoint.workState', 50],
  ['SavedState.contextVariables', 50],
  ['SavedState.conversationHistory', 50],
  ['SavedState.planData', 50],
  // As large as the schema, whatever is selected: the server's own rule bounds how deep it may go.
  ['Query.__schema', 2_000],
  ['Query.__type', 200],
]);

/** What a field costs by itself, for each object that it is asked of. */
export function weightOf(coordinate: string): number {
  return WEIGHTS.get(coordinate) ?? (coordinate.endsWith('Connection.totalCount') ? COUNT_WEIGHT : 1);
}

/** All fields that are named here. */
export const NAMED: readonly string[] = [...SIZES.keys(), ...STATEMENTS.keys(), ...SEARCHED, ...WEIGHTS.keys()];
