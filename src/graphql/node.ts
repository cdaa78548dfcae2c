import { ValidationError } from '../domain/errors.js';
import { decodeId } from '../domain/id.js';
import { NODES_MAX_PER_CALL } from '../domain/limits.js';
import { includes } from '../domain/role.js';
import { visible } from '../store/apiKey.js';
import { builder } from './builder.js';
import type { Context } from './context.js';

// The types that have an id, and where each is found. Their fields are added by the modules of their nouns, so that types
// which refer to each other need no modules that do.

const found = { id: { resolve: ({ id }: { id: string }) => id }, nullable: true } as const;
const ofProject = {
  ...found,
  findUnique: (id: string, { caller }: Context) => ({ projectId_id: { projectId: caller.projectId, id } }),
};

export const ProjectNode = builder.prismaNode('Project', {
  description: 'A boundary that the database itself enforces: nothing refers across projects. Each has one log.',
  ...found,
  findUnique: (id) => ({ id }),
});

export const ConversationNode = builder.prismaNode('Conversation', {
  description: 'A chat, an issue, a pull request: a thread on a platform, with at most one open session at a time.',
  ...ofProject,
});

export const RunNode = builder.prismaNode('Run', {
  description: 'Sessions that one coordinator groups.',
  ...ofProject,
});

export const SessionNode = builder.prismaNode('Session', {
  description:
    'One life of one agent: from the context window it began with to the one it ended with. Identity, lineage and end ' +
    'facts are written once; a change of context ends the session and, where the trigger says so, starts the next one in ' +
    'its chain.',
  ...ofProject,
});

export const EventNode = builder.prismaNode('Event', {
  description: "One entry of a project's log. Written once, never changed.",
  ...ofProject,
});

export const CheckpointNode = builder.prismaNode('Checkpoint', {
  description: 'A picture of the work, to start again from. Written once, never changed.',
  ...ofProject,
});

export const CommandNode = builder.prismaNode('Command', {
  description:
    'One command that an agent carried out, with its answer. Written once, never changed; secrets are redacted before it is ' +
    'stored.',
  ...ofProject,
});

export const SavedStateNode = builder.prismaNode('SavedState', {
  description: 'The working state of a resumable workflow: versioned, at most one open for a session.',
  ...ofProject,
});

export const HandoffNode = builder.prismaNode('Handoff', {
  description: 'The passing of the work of one session to the next.',
  ...ofProject,
});

export const ApprovalNode = builder.prismaNode('Approval', {
  description:
    'A question that an agent waits on a person for. While one is pending, its session is waiting and not stalled.',
  ...ofProject,
});

export const SignalNode = builder.prismaNode('Signal', {
  description:
    'What a person or the watchdog wants of a running agent. It comes back in the answers to its heartbeats until it is ' +
    'acknowledged.',
  ...ofProject,
});

export const ApiKeyNode = builder.prismaNode('ApiKey', {
  description: 'A credential of the project. Its secret was shown when it was made, and is kept nowhere.',
  ...found,
  findUnique: (id, { caller }) => ({ projectId_id: { projectId: caller.projectId, id }, ...visible(caller) }),
});

const NODES = {
  Project: ProjectNode,
  Conversation: ConversationNode,
  Run: RunNode,
  Session: SessionNode,
  Event: EventNode,
  Checkpoint: CheckpointNode,
  Command: CommandNode,
  SavedState: SavedStateNode,
  Handoff: HandoffNode,
  Approval: ApprovalNode,
  Signal: SignalNode,
  ApiKey: ApiKeyNode,
};

/** Where to find what an id names; null for one that can name nothing in the caller's project. */
function locate(ref: string, { caller }: Context) {
  const { type, uuid } = decodeId(ref) ?? {};
  if (!type || !uuid) return null;
  if (type === 'Project' && uuid !== caller.projectId && !caller.serverAdmin) return null;
  // Who may not list the keys learns nothing of one either.
  if (type === 'ApiKey' && !includes(caller.role, 'ADMIN')) return null;
  return { type: NODES[type], id: uuid };
}

builder.queryFields((t) => ({
  node: t.node({
    description:
      'Null for an id that is unknown, malformed or of another project, and never an error that tells them apart.',
    args: { id: t.arg.id({ required: true, description: 'Any id of this API.' }) },
    id: (_, { id }, context) => locate(id, context),
  }),
  nodes: t.nodeList({
    description: 'As `node`, in the order of the ids, each as often as it is named. At most 500.',
    args: { ids: t.arg.idList({ required: true, description: 'Any ids of this API.' }) },
    ids: (_, { ids }, context) => {
      if (ids.length > NODES_MAX_PER_CALL) {
        throw new ValidationError({
          issues: [{ path: 'ids', message: `must have at most ${NODES_MAX_PER_CALL} entries` }],
        });
      }
      return ids.map((id) => locate(id, context));
    },
  }),
}));

const connection = { description: 'A page of a list, in the order that the field names.' };
const edge = { description: 'An entry of a list, and its place there.' };

export const ConversationConnection = builder.connectionObject(
  { type: ConversationNode, name: 'ConversationConnection', ...connection },
  { name: 'ConversationEdge', ...edge },
);
export const RunConnection = builder.connectionObject(
  { type: RunNode, name: 'RunConnection', ...connection },
  { name: 'RunEdge', ...edge },
);
export const SessionConnection = builder.connectionObject(
  { type: SessionNode, name: 'SessionConnection', ...connection },
  { name: 'SessionEdge', ...edge },
);
export const EventConnection = builder.connectionObject(
  { type: EventNode, name: 'EventConnection', ...connection },
  { name: 'EventEdge', ...edge },
);
export const CheckpointConnection = builder.connectionObject(
  { type: CheckpointNode, name: 'CheckpointConnection', ...connection },
  { name: 'CheckpointEdge', ...edge },
);
export const CommandConnection = builder.connectionObject(
  { type: CommandNode, name: 'CommandConnection', ...connection },
  { name: 'CommandEdge', ...edge },
);
export const ApprovalConnection = builder.connectionObject(
  { type: ApprovalNode, name: 'ApprovalConnection', ...connection },
  { name: 'ApprovalEdge', ...edge },
);
export const ProjectConnection = builder.connectionObject(
  { type: ProjectNode, name: 'ProjectConnection', ...connection },
  { name: 'ProjectEdge', ...edge },
);
export const ApiKeyConnection = builder.connectionObject(
  { type: ApiKeyNode, name: 'ApiKeyConnection', ...connection },
  { name: 'ApiKeyEdge', ...edge },
);
