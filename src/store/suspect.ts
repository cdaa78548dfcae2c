// Who has been silent for so long that a verdict may be due, and what a verdict turns on.
import { Prisma, type Session } from '../database/client.js';
import type { Suspect } from '../domain/verdict.js';
import type { Transaction } from './transaction.js';

/** Where a session stands in the order in which a sweep comes to them. */
export interface Place {
  projectId: string;
  id: string;
}

/** A suspect as it was found. The sequence of its newest event changes with all that happens to it but a beat. */
export interface Found extends Suspect, Place, Pick<Session, 'runId' | 'conversationId' | 'spawnedById'> {
  readonly eventSequence: number;
  readonly now: Date;
}

// Of a session `s` and its pulse `p`.
const IS_WAITING = Prisma.sql`EXISTS (SELECT FROM approvals a
  WHERE a.project_id = p.project_id AND a.session_id = p.session_id AND a.status = 'PENDING' AND a.expires_at > now())`;
const ANSWERED_AT = Prisma.sql`(SELECT max(coalesce(a.resolved_at, a.expires_at)) FROM approvals a
  WHERE a.project_id = p.project_id AND a.session_id = p.session_id
    AND (a.status <> 'PENDING' OR a.expires_at <= now()))`;
const LIFE = Prisma.sql`p.watched, p.last_heartbeat_at AS "lastHeartbeatAt", p.last_activity_at AS "lastActivityAt",
  clock_timestamp() AS "now", ${IS_WAITING} AS "waiting", ${ANSWERED_AT} AS "answeredAt"`;

/** As `judge` has it: something is due on a session of which no silence counts from before `from`. */
const isDue = (from: Prisma.Sql): Prisma.Sql => Prisma.sql`(
  greatest(p.last_activity_at, ${from}) < now() - make_interval(secs =>
    CASE WHEN s.state = 'STALLED' THEN s.zombie_after_seconds
      ELSE least(s.stall_after_seconds, s.zombie_after_seconds) END)
  OR (s.state = 'STALLED' AND coalesce(s.escalation_level, 0) < s.max_escalation_level
    AND greatest(s.stalled_since, ${from}) <= now() - make_interval(secs =>
      (coalesce(s.escalation_level, 0) + 1.0) * s.escalate_every_seconds)))`;

/** The first `limit` of those after `after` on whom something is due. */
export async function findSuspects(
  db: Prisma.TransactionClient,
  { after, hearingSince, limit }: { after: Place; hearingSince: Date; limit: number },
): Promise<Found[]> {
  const hearing = Prisma.sql`${hearingSince}::timestamptz`;
  // First by the clock alone, as the pulses have it, which leaves few of all that live: who is stalled has been silent for as
  // long. Each of those is looked up by itself (OFFSET 0), since nobody can tell the planner how few they are, and it would
  // read all sessions beside them. The answers are one row, which costs a fraction of many.
  const [{ rows }] = await db.$queryRaw<[{ rows: string | null }]>`
    WITH silent AS MATERIALIZED (
      SELECT p.* FROM pulses p
      WHERE p.look_after_seconds IS NOT NULL AND p.watched
        AND p.last_activity_at <= now() - make_interval(secs => p.look_after_seconds)
    ), due AS MATERIALIZED (
      SELECT s.*, p.event_sequence AS "eventSequence", ${LIFE}
      FROM silent p CROSS JOIN LATERAL (
        SELECT s.project_id AS "projectId", s.id, s.run_id AS "runId", s.conversation_id AS "conversationId",
          s.spawned_by_id AS "spawnedById", s.state, s.stall_after_seconds AS "stallAfterSeconds",
          s.zombie_after_seconds AS "zombieAfterSeconds", s.escalate_every_seconds AS "escalateEverySeconds",
          s.max_escalation_level AS "maxEscalationLevel", s.stalled_since AS "stalledSince",
          s.escalation_level AS "escalationLevel"
        FROM sessions s
        WHERE s.project_id = p.project_id AND s.id = p.session_id AND s.ended_at IS NULL
          AND s.state IN ('BOOTING', 'WORKING', 'STALLED') AND ${isDue(hearing)}
          AND NOT ${IS_WAITING} AND ${isDue(Prisma.sql`greatest(${hearing}, ${ANSWERED_AT})`)}
        OFFSET 0
      ) s
    ), next AS (
      SELECT * FROM due WHERE ("projectId", id) > (${after.projectId}::uuid, ${after.id}::uuid)
      ORDER BY "projectId", id LIMIT ${limit}
    )
    SELECT json_agg(next)::text AS "rows" FROM next`;
  return (JSON.parse(rows ?? '[]') as Row[]).map((row) => ({
    ...row,
    now: new Date(row.now),
    lastHeartbeatAt: dateOf(row.lastHeartbeatAt),
    lastActivityAt: new Date(row.lastActivityAt),
    answeredAt: dateOf(row.answeredAt),
    stalledSince: dateOf(row.stalledSince),
  }));
}

type Instant = 'now' | 'lastHeartbeatAt' | 'lastActivityAt' | 'answeredAt' | 'stalledSince';

/** As JSON writes it. */
type Row = Omit<Found, Instant> & { [Key in Instant]: Found[Key] extends Date ? string : string | null };

const dateOf = (instant: string | null): Date | null => (instant === null ? null : new Date(instant));

type Life = Pick<Found, 'watched' | 'waiting' | 'lastHeartbeatAt' | 'lastActivityAt' | 'answeredAt' | 'now'>;

/** The session's signs of life; its pulse is locked, so that a beat comes either before this or after the verdict. */
export async function readLife(tx: Transaction, { projectId, id }: Place): Promise<Life> {
  const [life] = await tx.db.$queryRaw<Life[]>`
    SELECT ${LIFE} FROM pulses p
    WHERE p.project_id = ${projectId}::uuid AND p.session_id = ${id}::uuid FOR NO KEY UPDATE`;
  if (!life) throw new Error('a session has no pulse');
  return life;
}
