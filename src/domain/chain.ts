// A session and those before it, by parent, are its chain; who started whom is another edge, the spawn tree, and the two
// are never merged. The first of a chain is its own root with index 0; each child counts one on. A session that nobody
// spawned has depth 0, one that was is a step below its spawner. A child is the same agent at the same place: it keeps
// what makes it so, and gets its own title, provider's session, metadata and handles.
import { WORKSPACE_FIELDS } from './workspace.js';

export interface ChainLink {
  readonly parentId: string | null;
  readonly chainRootId: string;
  readonly chainIndex: number;
}

/** The place of a new session in the chain of its parent, or at the head of its own. */
export function continueChain(
  parent: { id: string; chainRootId: string; chainIndex: number } | null,
  newId: string,
): ChainLink {
  if (!parent) return { parentId: null, chainRootId: newId, chainIndex: 0 };
  return { parentId: parent.id, chainRootId: parent.chainRootId, chainIndex: parent.chainIndex + 1 };
}

/** The depth of a new session in the spawn tree. */
export function depthBelow(spawner: { depth: number } | null): number {
  return spawner ? spawner.depth + 1 : 0;
}

/** What a child has of its parent unless its caller says otherwise. */
export const INHERITED_FIELDS = [
  'kind',
  'agentName',
  'conversationId',
  'runId',
  'spawnedById',
  'depth',
  ...WORKSPACE_FIELDS,
  'assistant',
  'stallAfterSeconds',
  'zombieAfterSeconds',
  'escalateEverySeconds',
  'maxEscalationLevel',
] as const;
type InheritedField = (typeof INHERITED_FIELDS)[number];

/** The fields of the parent that its child inherits. */
export function inherit<Parent extends Record<InheritedField, unknown>>(parent: Parent): Pick<Parent, InheritedField> {
  return Object.fromEntries(INHERITED_FIELDS.map((field) => [field, parent[field]])) as Pick<Parent, InheritedField>;
}
