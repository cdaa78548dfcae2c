import type { Session } from '../database/client.js';
import { continueChain, inherit } from '../domain/chain.js';
import { newId } from '../domain/id.js';
import { checkJson } from '../domain/json.js';
import { checkName, checkTitle, JSON_MAX_BYTES, type Issues } from '../domain/limits.js';
import type { StartReason } from '../domain/session.js';
import { checkWorkspace, type Workspace } from '../domain/workspace.js';
import { lockHolders, refuseHolder } from './place.js';
import { redacted } from './redacted.js';
import { inheritedRun } from './run.js';
import { insertSession } from './session.js';
import type { Given } from './table.js';
import type { Transaction } from './transaction.js';

/** What the next session has of its own, where its caller says so. */
export interface NextSession {
  assistant?: string | null;
  providerSessionId?: string | null;
  title?: string | null;
  workspace?: Workspace | null;
  metadata?: unknown;
}

export interface Succession {
  startReason: StartReason;
  next?: NextSession | null | undefined;
  /** Where it stands, if not where its parent stood. */
  place?: { conversationId: string | null; agentName: string | null };
  occurredAt?: Date | null | undefined;
  /** Whether the parent has held its place until this transaction ended it: so long nobody else can come there. */
  isVacated?: boolean;
}

/**
 * Begins the next session of the parent's chain: it inherits what it is not told.
 * @throws SessionAlreadyOpenError where its place is held.
 */
export async function startSuccessor(
  tx: Transaction,
  parent: Session,
  { startReason, next, place, occurredAt, isVacated = false }: Succession,
): Promise<Session> {
  const id = newId();
  const row = {
    ...inherit(parent),
    ...place,
    capability: parent.capability,
    runId: await inheritedRun(tx, parent.runId),
    ...said(next),
    ...continueChain(parent, id),
    projectId: tx.projectId,
    id,
    startReason,
  };
  const { conversationId, agentName } = row;
  const [holder] = isVacated ? [] : await lockHolders(tx, { conversationId, agentName });
  if (holder) return refuseHolder(tx, holder);
  return insertSession(tx, row, { occurredAt });
}

/** The fields of the next session that its caller says. */
export function said(next: NextSession | null | undefined): Given<Session> {
  const { workspace, metadata, ...fields }: NextSession = next ?? {};
  const given = { ...fields, ...workspace, metadata: metadata == null ? undefined : redacted(metadata) };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

export function checkNext(issues: Issues, path: string, next: NextSession | null | undefined): void {
  checkName(issues, `${path}.assistant`, next?.assistant);
  checkName(issues, `${path}.providerSessionId`, next?.providerSessionId);
  checkTitle(issues, `${path}.title`, next?.title);
  checkWorkspace(issues, `${path}.workspace`, next?.workspace);
  checkJson(issues, `${path}.metadata`, next?.metadata, { limitBytes: JSON_MAX_BYTES, shape: 'object' });
}
