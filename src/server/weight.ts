// What the analysis of an operation cannot read off the schema: how long the lists are that take no size, and which fields
// the database works for longer than their answer shows. By coordinates: `Type.field`. A field that is not named costs 1.
import { CHAIN_COUNTED, EVENTS_MAX_PER_CALL, PAGE_DEFAULT_SIZE, PAGE_MAX_SIZE } from '../domain/limits.js';

/** Arguments that say how many entries an answer may have: by a number, or by their own length. */
export const SIZE_ARGUMENTS: readonly string[] = ['first', 'last', 'maxEvents', 'ids'];

/** For lists of objects that take no size and are not named below: what belongs to one session is told in few lines. */
export const ASSUMED_SIZE = 10;

/** How many entries a field answers with that takes no size, itself or in the lists right below it. */
export const SIZES: ReadonlyMap<string, number> = new Map([
  ['Session.chain', CHAIN_COUNTED],
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
  ['Query.sessions', 2_500],
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
  ['Session.eventCounts', 200],
  ['Session.commandStats', 400],
  // Several statements for each session, one after the other.
  ['Session.resumePlan', 150],
  ['ResumeSessionPayload.plan', 150],
  ['RestoreCheckpointPayload.plan', 150],
  // Reads all that a session ever told.
  ['Session.replay', 200],
  ['Session.timeline', 20],
  ['Session.chain', 10],
  // As large as the schema, whatever is selected: the server's own rule bounds how deep it may go.
  ['Query.__schema', 2_000],
  ['Query.__type', 200],
]);

/** For 256 KiB, so that no more than 64 MiB of documents fit into the default cost. */
const JSON_WEIGHT = 100;
/** For 4 MiB. */
const DOCUMENT_WEIGHT = 16 * JSON_WEIGHT;

/** What fields cost besides that may be large, by the size that they may have. */
export const DOCUMENTS: ReadonlyMap<string, number> = new Map([
  ['Session.metadata', JSON_WEIGHT],
  ['Run.metadata', JSON_WEIGHT],
  ['Event.data', JSON_WEIGHT],
  ['Event.metadata', JSON_WEIGHT],
  ['Command.parameters', JSON_WEIGHT],
  ['Command.result', JSON_WEIGHT],
  ['Command.contextData', JSON_WEIGHT],
  ['Approval.context', JSON_WEIGHT],
  ['Approval.result', JSON_WEIGHT],
  ['Signal.payload', JSON_WEIGHT],
  ['Checkpoint.metadata', JSON_WEIGHT],
  ['Checkpoint.workState', DOCUMENT_WEIGHT],
  ['SavedState.contextVariables', DOCUMENT_WEIGHT],
  ['SavedState.conversationHistory', DOCUMENT_WEIGHT],
  ['SavedState.planData', DOCUMENT_WEIGHT],
  // The checkpoint, the saved state and as much of events and commands are read to be weighed.
  ['ResumePlan.sizeBytes', 5 * DOCUMENT_WEIGHT],
]);

/** Where documents cost nothing besides: rows that were weighed, or sent with the request. */
export const WEIGHED: ReadonlySet<string> = new Set([
  ...['Event', 'Checkpoint', 'Command', 'Timeline'].flatMap((name) => [`${name}Connection.nodes`, `${name}Edge.node`]),
  'LogBatch.events',
  'ResumePlan.events',
  'ResumePlan.commands',
  'AppendEventsPayload.events',
  'LogCommandsPayload.commands',
]);

/** What a field costs by itself, for each object that it is asked of. */
export function weightOf(coordinate: string): number {
  return WEIGHTS.get(coordinate) ?? (coordinate.endsWith('Connection.totalCount') ? COUNT_WEIGHT : 1);
}

/** Whether a field has all entries of its page read, though it shows none of them. */
export const readsPage = (coordinate: string): boolean => coordinate.endsWith('Connection.pageInfo');

/** All fields that are named here. */
export const NAMED: readonly string[] = [
  ...SIZES.keys(),
  ...STATEMENTS.keys(),
  ...SEARCHED,
  ...WEIGHTS.keys(),
  ...DOCUMENTS.keys(),
  ...WEIGHED,
];
