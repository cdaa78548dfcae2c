// What the subscribers ask, where the client's own documents ask for something else.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { parse } from 'graphql';

type Document<Result, Variables> = TypedDocumentNode<Result, Variables>;

interface Id {
  id: string;
}

interface EndMessage {
  sessionEnded: { position: number; event: Id; session: Id; reason: string; outcome: string };
}
export const FOLLOW_ENDS = parse(`subscription ($after: SafeInt) {
  sessionEnded(after: $after) { position event { id } session { id } reason outcome }
}`) as Document<EndMessage, { after: number }>;

interface TransitionMessage {
  sessionTransitioned: { position: number; event: Id; session: Id; from: string | null; to: string };
}
export const FOLLOW_TRANSITIONS = parse(`subscription ($after: SafeInt) {
  sessionTransitioned(after: $after) { position event { id } session { id } from to }
}`) as Document<TransitionMessage, { after: number }>;

/** How a session stands, as its watcher sees it. */
export interface Standing {
  id: string;
  version: number;
  state: string;
  title: string | null;
  endReason: string | null;
  outcome: string | null;
}
export const WATCH_SESSION = parse(`subscription ($id: ID!) {
  session(id: $id) { id version state title endReason outcome }
}`) as Document<{ session: Standing }, { id: string }>;

/** How a run stands, as its watcher sees it. */
export interface RunStanding {
  id: string;
  status: string;
  agentCount: number;
}
export const WATCH_RUN = parse(`subscription ($id: ID!) {
  run(id: $id) { id status agentCount }
}`) as Document<{ run: RunStanding }, { id: string }>;

interface SilenceMessage {
  sessionStalled: { position: number; event: Id; session: Id; state: string; escalationLevel: number | null };
}
export const FOLLOW_SILENCES = parse(`subscription ($after: SafeInt) {
  sessionStalled(after: $after) { position event { id } session { id } state escalationLevel }
}`) as Document<SilenceMessage, { after: number }>;

/** An approval does not say at which position it is told: the message does, where messages have an id. */
export interface ApprovalMessage {
  approvals: { id: string; session: Id; status: string; resolution: string | null };
}
export const FOLLOW_APPROVALS = parse(`subscription ($after: SafeInt) {
  approvals(after: $after) { id session { id } status resolution }
}`) as Document<ApprovalMessage, { after: number }>;

export const FOLLOW_SIGNALS = parse(`subscription ($sessionId: ID!) {
  signals(sessionId: $sessionId) { id note }
}`) as Document<{ signals: { id: string; note: string | null } }, { sessionId: string }>;

interface HeartbeatMessage {
  sessionHeartbeat: { session: Id; at: string; activity: string | null };
}
export const FOLLOW_HEARTBEATS = parse(`subscription {
  sessionHeartbeat { session { id } at activity }
}`) as Document<HeartbeatMessage, object>;
