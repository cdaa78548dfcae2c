// What a deployment holds of a trial in the end, by its tables where they can be read, else by its API.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { Kind, OperationTypeNode, parse, type DocumentNode } from 'graphql';
import type { Client } from '../../src/client/client.js';
import { FollowLogDocument, type FollowLogSubscription } from '../../src/client/operation.js';
import { encodeId } from '../../src/domain/id.js';
import { writtenLog, type Entry } from '../support/monitor.js';
import { query } from '../support/sql.js';
import type { Trace, WrittenSession } from './checker.js';
import type { RunStanding, Standing } from './subscription.js';

export interface Written {
  /** All after the position at which the trial began. */
  readonly log: readonly Entry[];
  readonly traces: readonly Trace[];
  readonly sessions: readonly (WrittenSession & { standing: string })[];
  readonly runs: readonly { readonly id: string; readonly standing: string }[];
}

const SESSIONS = `
  SELECT s.id, s.version, s.state, s.title, s.end_reason AS "endReason", s.outcome, s.metadata ->> 'mark' AS mark,
    c.platform || ' ' || c.external_id AS conversation, p.last_heartbeat_at AS "heardAt"
  FROM sessions s LEFT JOIN conversations c ON c.project_id = s.project_id AND c.id = s.conversation_id
  JOIN pulses p ON p.project_id = s.project_id AND p.session_id = s.id`;
const RUNS = `
  SELECT r.id, r.status, count(s.id)::int AS "agentCount"
  FROM runs r LEFT JOIN sessions s ON s.project_id = r.project_id AND s.run_id = r.id GROUP BY r.project_id, r.id`;
const CHECKPOINTS = `SELECT id, metadata ->> 'mark' AS mark FROM checkpoints`;
const COMMANDS = `SELECT id, action AS mark FROM commands`;

/** By the tables of a database that nobody but the trial writes to. */
export async function readTables(databaseUrl: string): Promise<Written> {
  const log = await writtenLog(databaseUrl);
  const sessions = (await query(databaseUrl, SESSIONS)) as unknown as SessionRow[];
  const runs = (await query(databaseUrl, RUNS)) as unknown as RunStanding[];
  const checkpoints = (await query(databaseUrl, CHECKPOINTS)) as unknown as Marked[];
  const commands = (await query(databaseUrl, COMMANDS)) as unknown as Marked[];
  return {
    log,
    traces: [
      ...tracesIn(log),
      ...sessions.map(({ id, mark }) => ({ kind: 'session' as const, id: encodeId('Session', id), mark })),
      ...checkpoints.map(({ id, mark }) => ({ kind: 'checkpoint' as const, id: encodeId('Checkpoint', id), mark })),
      ...commands.map(({ id, mark }) => ({ kind: 'command' as const, id: encodeId('Command', id), mark })),
    ],
    sessions: sessions.map(({ id, conversation, heardAt, ...row }) => {
      const lastHeartbeatAt = heardAt?.toISOString() ?? null;
      return {
        id: encodeId('Session', id),
        conversation,
        lastHeartbeatAt,
        standing: standingOf({ ...row, id: encodeId('Session', id) }),
      };
    }),
    runs: runs.map(({ id, ...row }) => runOf({ ...row, id: encodeId('Run', id) })),
  };
}

interface Marked {
  id: string;
  mark: string;
}
interface SessionRow extends Standing, Marked {
  conversation: string | null;
  heardAt: Date | null;
}

/** As a watcher of the session is told it. */
const standingOf = ({ id, version, state, title, endReason, outcome }: Standing): string =>
  JSON.stringify({ id, version, state, title, endReason, outcome });

const runOf = ({ id, status, agentCount }: RunStanding) => ({
  id,
  standing: JSON.stringify({ id, status, agentCount }),
});

/** What the log itself says of writes. */
function tracesIn(log: readonly Entry[]): Trace[] {
  return log.flatMap(({ id, position, type, data, session }): Trace[] => {
    if (type === 'SESSION_ENDED' && session) return [{ kind: 'end', mark: session.id, id, position }];
    const { mark, question, note, ...told } = data as Record<string, string | undefined>;
    if (type === 'APPROVAL_REQUESTED' && question)
      return [{ kind: 'approval', mark: question, id: told.approvalId ?? id }];
    if (type === 'APPROVAL_RESOLVED' && told.status === 'RESOLVED') {
      return [{ kind: 'answer', mark: told.approvalId ?? id, id, position }];
    }
    if (type === 'SIGNAL_SENT' && note) return [{ kind: 'signal', mark: note, id: told.signalId ?? id }];
    return typeof mark === 'string' ? [{ kind: 'event', mark, id, position }] : [];
  });
}

/** The log as a page instead of a stream, with the same fields in the same order. */
const READ_LOG = {
  ...FollowLogDocument,
  definitions: FollowLogDocument.definitions.map((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? { ...definition, operation: OperationTypeNode.QUERY } : definition,
  ),
} as DocumentNode as TypedDocumentNode<FollowLogSubscription, { after: number }>;

const READ_NODES = parse(`query ($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on Session {
      id version state title endReason outcome metadata
      conversation { platform externalId }
      liveness { lastHeartbeatAt }
    }
    ... on Checkpoint { id metadata }
    ... on Command { id action }
    ... on Run { id status agentCount }
  }
}`) as TypedDocumentNode<{ nodes: ((Node & RunStanding) | null)[] }, { ids: string[] }>;

interface Node extends Standing {
  metadata?: { mark?: string };
  action?: string;
  conversation: { platform: string; externalId: string } | null;
  liveness: { lastHeartbeatAt: string | null };
}

const NODES_PER_CALL = 50;
const PATIENCE = { repeatForMs: 30_000 };

/** By the API, which others may write through at the same time: all after a position, as it stands now. */
export async function readApi(client: Client, from: number): Promise<Written> {
  const log: Entry[] = [];
  for (let after = from, caughtUp = false; !caughtUp;) {
    const { log: page } = await client.request(READ_LOG, { after }, PATIENCE);
    log.push(...page.events);
    after = page.position;
    caughtUp = page.caughtUp;
  }
  const sessions = await nodes('SESSION_STARTED', ({ session }) => session?.id);
  const checkpoints = await nodes('CHECKPOINT_CREATED', ({ data }) => (data as { checkpointId?: string }).checkpointId);
  const runs = await nodes('RUN_STARTED', ({ run }) => run?.id);
  const commands = await nodes('COMMAND_LOGGED', ({ data }) => (data as { commandId?: string }).commandId);
  return {
    log,
    traces: [
      ...tracesIn(log),
      ...sessions.map(({ id, metadata }) => ({ kind: 'session' as const, id, mark: metadata?.mark ?? id })),
      ...checkpoints.map(({ id, metadata }) => ({ kind: 'checkpoint' as const, id, mark: metadata?.mark ?? id })),
      ...commands.map(({ id, action }) => ({ kind: 'command' as const, id, mark: action ?? id })),
    ],
    sessions: sessions.map(({ conversation, liveness: { lastHeartbeatAt }, ...session }) => ({
      id: session.id,
      conversation: conversation && `${conversation.platform} ${conversation.externalId}`,
      lastHeartbeatAt,
      standing: standingOf(session),
    })),
    runs: runs.map(runOf),
  };

  async function nodes(
    type: Entry['type'],
    idOf: (entry: Entry) => string | undefined,
  ): Promise<(Node & RunStanding)[]> {
    const ids = log.filter((entry) => entry.type === type).flatMap((entry) => idOf(entry) ?? []);
    const found: (Node & RunStanding)[] = [];
    while (ids.length > 0) {
      const { nodes } = await client.request(READ_NODES, { ids: ids.splice(0, NODES_PER_CALL) }, PATIENCE);
      found.push(...nodes.filter((node) => node !== null));
    }
    return found;
  }
}
