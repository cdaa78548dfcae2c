// A place holds at most one open session: a conversation, else an agent's name. The partial unique indexes hold that;
// here is how a writer finds who is there, and comes to be the only one who changes it.
import { Prisma, type Conversation, type Session } from '../database/client.js';
import { NotFoundError, SessionAlreadyOpenError } from '../domain/errors.js';
import { encodeId, newId } from '../domain/id.js';
import { CONVERSATION_COLUMNS, CONVERSATIONS, SESSION_COLUMNS } from './row.js';
import type { Transaction } from './transaction.js';

export interface ConversationKey {
  platform: string;
  externalId: string;
}

/** Where a session stands. One that has neither conversation nor name stands only in its line. */
export interface Place {
  conversationId: string | null;
  agentName: string | null;
  /** The first session of the line: a chain without its forks, or a fork and what continues it. */
  lineId?: string;
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
    await CONVERSATIONS.update(tx.db, { projectId, id }, { closedAt: null });
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

/**
 * Locks the name against every other who wants to follow its holder: all queue at the first session that bore it. A name
 * that nobody bore has nothing to lock; of two who give it at once the unique index lets one.
 */
export async function lockName(tx: Transaction, agentName: string): Promise<void> {
  await tx.db.$queryRaw`
    SELECT s.id FROM sessions s WHERE s.project_id = ${tx.projectId}::uuid AND s.agent_name = ${agentName}
    ORDER BY s.ordinal LIMIT 1 FOR NO KEY UPDATE`;
}

/** The first session of the line that this one is in, locked against every other who wants to go on with that line. */
export async function lockLine(tx: Transaction, sessionId: string): Promise<string> {
  const [first] = await tx.db.$queryRaw<{ id: string }[]>`
    WITH RECURSIVE before AS (
      SELECT id, parent_id, start_reason, chain_index FROM sessions
      WHERE project_id = ${tx.projectId}::uuid AND id = ${sessionId}::uuid
      UNION ALL
      SELECT p.id, p.parent_id, p.start_reason, p.chain_index FROM before b
      JOIN sessions p ON p.project_id = ${tx.projectId}::uuid AND p.id = b.parent_id
      WHERE b.start_reason <> 'FORKED'
    )
    SELECT s.id FROM sessions s
    WHERE s.project_id = ${tx.projectId}::uuid AND s.id = (SELECT id FROM before ORDER BY chain_index LIMIT 1)
    FOR NO KEY UPDATE`;
  if (!first) throw new NotFoundError({ kind: 'Session', ref: encodeId('Session', sessionId) });
  return first.id;
}

/** The open sessions that hold the conversation, the name or the end of the line, oldest first, locked. */
export async function lockHolders(tx: Transaction, place: Place): Promise<Session[]> {
  const conditions = standingAt(tx.projectId, place);
  if (conditions.length === 0) return [];
  return tx.db.$queryRaw<Session[]>`
    SELECT ${SESSION_COLUMNS} FROM sessions s
    WHERE s.project_id = ${tx.projectId}::uuid AND s.ended_at IS NULL AND (${Prisma.join(conditions, ' OR ')})
    ORDER BY s.ordinal FOR NO KEY UPDATE`;
}

/** The newest session of the place, open or not, kept from being purged: what comes next continues its chain. */
export async function newestAt(tx: Transaction, place: Place): Promise<Session | null> {
  // Where there is a conversation its chain goes on, not that of the name.
  const conditions = standingAt(tx.projectId, place.conversationId === null ? place : { ...place, agentName: null });
  if (conditions.length === 0) return null;
  const [newest] = await tx.db.$queryRaw<Session[]>`
    SELECT ${SESSION_COLUMNS} FROM sessions s
    WHERE s.project_id = ${tx.projectId}::uuid AND (${Prisma.join(conditions, ' OR ')})
    ORDER BY s.ordinal DESC LIMIT 1 FOR KEY SHARE`;
  return newest ?? null;
}

/** Each of the ways in which a session `s` may stand at the place. */
function standingAt(projectId: string, { conversationId, agentName, lineId }: Place): Prisma.Sql[] {
  return [
    conversationId !== null && Prisma.sql`s.conversation_id = ${conversationId}::uuid`,
    agentName !== null && Prisma.sql`s.agent_name = ${agentName}`,
    lineId !== undefined &&
      Prisma.sql`s.id = ANY (ARRAY(
        WITH RECURSIVE line AS (
          SELECT ${lineId}::uuid AS id
          UNION ALL
          SELECT c.id FROM line l JOIN sessions c ON c.project_id = ${projectId}::uuid AND c.parent_id = l.id
          WHERE c.start_reason <> 'FORKED'
        )
        SELECT id FROM line))`,
  ].filter((condition) => condition !== false);
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
