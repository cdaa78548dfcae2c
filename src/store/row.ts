// Raw statements answer with rows of the same shape as Prisma's, so that nobody has to know which of the two read them.
import {
  Prisma,
  type ApiKey,
  type Approval,
  type Checkpoint,
  type Command,
  type Conversation,
  type Event,
  type Handoff,
  type IdempotencyKey,
  type Project,
  type Run,
  type SavedState,
  type Session,
  type Signal,
} from '../database/client.js';
import { Table } from './table.js';

const JSON_FIELD = true;

export const API_KEYS = new Table<ApiKey>('api_keys', Prisma.ApiKeyScalarFieldEnum, {});
export const APPROVALS = new Table<Approval>('approvals', Prisma.ApprovalScalarFieldEnum, {
  context: JSON_FIELD,
  result: JSON_FIELD,
});
export const CHECKPOINTS = new Table<Checkpoint>('checkpoints', Prisma.CheckpointScalarFieldEnum, {
  workState: JSON_FIELD,
  metadata: JSON_FIELD,
});
export const COMMANDS = new Table<Command>('commands', Prisma.CommandScalarFieldEnum, {
  parameters: JSON_FIELD,
  result: JSON_FIELD,
  contextData: JSON_FIELD,
});
export const CONVERSATIONS = new Table<Conversation>('conversations', Prisma.ConversationScalarFieldEnum, {});
export const EVENTS = new Table<Event>('events', Prisma.EventScalarFieldEnum, {
  data: JSON_FIELD,
  metadata: JSON_FIELD,
});
export const HANDOFFS = new Table<Handoff>('handoffs', Prisma.HandoffScalarFieldEnum, {});
export const IDEMPOTENCY_KEYS = new Table<IdempotencyKey>('idempotency_keys', Prisma.IdempotencyKeyScalarFieldEnum, {
  answer: JSON_FIELD,
});
export const PROJECTS = new Table<Project>('projects', Prisma.ProjectScalarFieldEnum, {});
export const RUNS = new Table<Run>('runs', Prisma.RunScalarFieldEnum, { metadata: JSON_FIELD });
export const SAVED_STATES = new Table<SavedState>('saved_states', Prisma.SavedStateScalarFieldEnum, {
  conversationHistory: JSON_FIELD,
  contextVariables: JSON_FIELD,
  planData: JSON_FIELD,
});
export const SESSIONS = new Table<Session>('sessions', Prisma.SessionScalarFieldEnum, {
  metadata: JSON_FIELD,
  evidence: JSON_FIELD,
});
export const SIGNALS = new Table<Signal>('signals', Prisma.SignalScalarFieldEnum, { payload: JSON_FIELD });

/** Every column of a session known as `s`. */
export const SESSION_COLUMNS = SESSIONS.columns('s');
/** Every column of a conversation known as `c`. */
export const CONVERSATION_COLUMNS = CONVERSATIONS.columns('c');
/** Every column of a run known as `r`. */
export const RUN_COLUMNS = RUNS.columns('r');
