// A place holds at most one open session: a conversation, else an agent's name. The partial unique indexes hold that;
// here is how a writer finds who is there, and comes to be the only one who changes it.
import type { Conversation, Session } from '../database/client.js';
import { SessionAlreadyOpenError } from '../domain/errors.js';
import { newId } from '../domain/id.js';
import { CONVERSATION_COLUMNS, SESSION_COLUMNS } from './row.js';
import type { Transaction } from './transaction.js';

export interface ConversationKey {
  platform: string;
  externalId: string;
}

/** Where a session stands. One that has neither conversation nor name stands only in its chain. */
export interface Place {
  conversationId: string | null;
  agentName: string | null;
  chainRootId?: string | null;
}

/** The conversation, locked; made or opened again where it was not there or closed, with its event. */
export async function openConversation(tx: Transaction, key: ConversationKey): Promise<Conversation> {
  const [row] = await tx.db.$queryRaw<(Conversation & { created: boolean })[]>`
    INSERT INTO conversations AS c (project_id, id, platform, external_id)
    VALUES (${tx.projectId}::uuid, ${newId()}::uuid, ${key.platform}, ${key.externalId})
    ON CONFLICT (project_id, platform, external_id) DO UPDATE SET last_activity_at = now()
    RETURNING ${CONVERSATION_COLUMNS}, c.xmax = 0 AS "created"`;
  if (!row) throw new Error('the upsert of a conversation answered with no row');
  const { created, ...conversation } = row;
  if (!created && !conversation.closedAt) return conversation;
  if (conversation.closedAt) {
    const { projectId, id } = conversation;
    await tx.db.conversation.update({ where: { projectId_id: { projectId, id } }, data: { closedAt: null } });
  }
  tx.record({ type: 'CONVERSATION_OPENED', conversationId: conversation.id, data: { ...key, reopened: !created } });
  return { ...conversation, closedAt: null };
}

/** The conversation, locked against every other writer of its place, or null where there is none. */
export async function lockConversation(
  tx: Transaction,
  by: { id: string } | { key: ConversationKey },
): Promise<Conversation | null> {
  const { projectId } = tx;
  const [conversation] =
    'id' in by
      ? await tx.db.$queryRaw<Conversation[]>`
          SELECT ${CONVERSATION_COLUMNS} FROM conversations c
          WHERE c.project_id = ${projectId}::uuid AND c.id = ${by.id}::uuid FOR NO KEY UPDATE`
      : await tx.db.$queryRaw<Conversation[]>`
          SELECT ${CONVERSATION_COLUMNS} FROM conversations c
          WHERE c.project_id = ${projectId}::uuid AND c.platform = ${by.key.platform}
            AND c.external_id = ${by.key.externalId} FOR NO KEY UPDATE`;
  return conversation ?? null;
}

/** The open sessions that hold the conversation, the name or the end of the chain, oldest first, locked. */
export function lockHolders(tx: Transaction, place: Place): Promise<Session[]> {
  const { conversationId, agentName, chainRootId = null } = place;
  return tx.db.$queryRaw<Session[]>`
    SELECT ${SESSION_COLUMNS} FROM sessions s
    WHERE s.project_id = ${tx.projectId}::uuid AND s.ended_at IS NULL
      AND (s.conversation_id = ${conversationId}::uuid OR s.agent_name = ${agentName}
        OR (s.chain_root_id = ${chainRootId}::uuid AND s.start_reason <> 'FORKED'))
    ORDER BY s.ordinal FOR NO KEY UPDATE`;
}

/** The newest session of the place, open or not: what comes next continues its chain. */
export async function newestAt(tx: Transaction, place: Place): Promise<Session | null> {
  const { conversationId, agentName, chainRootId } = place;
  const where =
    (conversationId && { conversationId }) ||
    (agentName && { agentName }) ||
    (chainRootId && { chainRootId, startReason: { not: 'FORKED' as const } });
  if (!where) return null;
  return tx.db.session.findFirst({ where: { projectId: tx.projectId, ...where }, orderBy: { ordinal: 'desc' } });
}

/** @throws SessionAlreadyOpenError that names the holder and for how long it has been silent. */
export async function refuseHolder(tx: Transaction, holder: Session): Promise<never> {
  const [pulse] = await tx.db.$queryRaw<{ silentSeconds: number }[]>`
    SELECT greatest(extract(epoch FROM now() - p.last_activity_at), 0)::float8 AS "silentSeconds" FROM pulses p
    WHERE p.project_id = ${tx.projectId}::uuid AND p.session_id = ${holder.id}::uuid`;
  throw new SessionAlreadyOpenError({
    holderId: holder.id,
    holderState: holder.state,
    holderSilentSeconds: pulse?.silentSeconds ?? 0,
  });
}
