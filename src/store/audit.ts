// Looks over a whole database for what may never be: every invariant, and that every session stands as its own events say.
// All of it reads one snapshot, so that a server which writes meanwhile neither waits for it nor confuses it.
import type { Database, Prisma } from '../database/client.js';
import { encodeId } from '../domain/id.js';
import { replay, REPLAYED_EVENT_TYPES, type Replay, type ReplayableEvent } from '../domain/replay.js';
import { INVARIANTS } from './invariant.js';

export interface Breach {
  readonly projectId: string;
  /** What is wrong: an id, a name or a position. */
  readonly subject: string;
  readonly found: string;
}

export interface Audited {
  readonly name: string;
  readonly rule: string;
  /** At most BREACHES_MAX; none where it holds. */
  readonly breaches: readonly Breach[];
}

export const BREACHES_MAX = 10;
// A large log is read from beginning to end.
const AUDIT_MAX_MS = 60 * 60_000;
const SESSIONS_PER_STEP = 200;

/** Everything that is to hold, in the order of the rules, with what breaks it. */
export async function audit({ prisma }: Pick<Database, 'prisma'>): Promise<Audited[]> {
  return prisma.$transaction(
    async (db) => {
      await db.$executeRaw`SET TRANSACTION READ ONLY`;
      await db.$executeRaw`SET LOCAL statement_timeout = 0`;
      const audited: Audited[] = [];
      for (const { name, rule, breaches } of INVARIANTS) {
        audited.push({
          name,
          rule,
          breaches: await db.$queryRaw<Breach[]>`SELECT * FROM (${breaches}) b LIMIT ${BREACHES_MAX}`,
        });
      }
      audited.push({
        name: 'replay',
        rule: 'A session stands as the fold of its events says.',
        breaches: await unlikeReplay(db),
      });
      return audited;
    },
    { isolationLevel: 'RepeatableRead', timeout: AUDIT_MAX_MS },
  );
}

/** A session as its row and its pulse tell. */
interface Standing extends Pick<Replay, 'state' | 'endReason' | 'escalationLevel' | 'contextPercent' | 'currentEpic'> {
  projectId: string;
  id: string;
  ordinal: bigint;
}

type History = ReplayableEvent & { projectId: string; sessionId: string };

/** The sessions whose rows their events contradict; of those whose events are all there. */
async function unlikeReplay(db: Prisma.TransactionClient): Promise<Breach[]> {
  const breaches: Breach[] = [];
  for (let after = 0n; breaches.length < BREACHES_MAX;) {
    const sessions = await db.$queryRaw<Standing[]>`
      SELECT s.project_id AS "projectId", s.id, s.ordinal, s.state, s.end_reason AS "endReason",
        s.escalation_level AS "escalationLevel", p.context_percent AS "contextPercent", p.current_epic AS "currentEpic"
      FROM sessions s
      JOIN projects j ON j.id = s.project_id JOIN pulses p ON p.project_id = s.project_id AND p.session_id = s.id
      WHERE s.ordinal > ${after} AND (s.ended_at IS NULL OR j.log_purged = 0)
      ORDER BY s.ordinal LIMIT ${SESSIONS_PER_STEP}`;
    const last = sessions.at(-1);
    if (!last) break;
    after = last.ordinal;
    const histories = await readHistories(db, sessions);
    for (const session of sessions) {
      const found = difference(session, replay(histories.get(keyOf(session.projectId, session.id)) ?? []));
      if (found) breaches.push({ projectId: session.projectId, subject: encodeId('Session', session.id), found });
    }
  }
  return breaches.slice(0, BREACHES_MAX);
}

async function readHistories(
  db: Prisma.TransactionClient,
  sessions: readonly Standing[],
): Promise<Map<string, History[]>> {
  const rows = await db.$queryRaw<History[]>`
    SELECT e.project_id AS "projectId", e.session_id AS "sessionId", e.sequence, e.type::text, e.data
    FROM unnest(${sessions.map(({ projectId }) => projectId)}::uuid[], ${sessions.map(({ id }) => id)}::uuid[])
      AS s (project_id, id)
    JOIN events e ON e.project_id = s.project_id AND e.session_id = s.id
    WHERE e.type = ANY (${[...REPLAYED_EVENT_TYPES]}::event_type[])
    ORDER BY e.session_id, e.sequence`;
  const histories = new Map<string, History[]>();
  for (const row of rows) {
    const key = keyOf(row.projectId, row.sessionId);
    const history = histories.get(key);
    if (history) history.push(row);
    else histories.set(key, [row]);
  }
  return histories;
}

const keyOf = (projectId: string, sessionId: string): string => `${projectId}/${sessionId}`;

/** A heartbeat that moves the context by less is not told to the log. */
const UNTOLD_PERCENT = 5;

/** What the row says otherwise than the events, as a sentence; empty where they agree. */
function difference(row: Standing, told: Replay): string {
  const differences = (['state', 'endReason', 'escalationLevel', 'currentEpic'] as const)
    .filter((fact) => row[fact] !== told[fact])
    .map((fact) => `${fact} is ${row[fact]}, told ${told[fact]}`);
  const { contextPercent: context } = row;
  const agrees =
    context === null || told.contextPercent === null
      ? context === told.contextPercent
      : Math.abs(context - told.contextPercent) < UNTOLD_PERCENT;
  if (!agrees) differences.push(`contextPercent is ${context}, told ${told.contextPercent}`);
  return differences.join('; ');
}
