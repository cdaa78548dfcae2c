// A session that ends and is succeeded: the store, beside the same statements on bare node-postgres in a transaction.

import type pg from 'pg';
import { newId } from '../src/domain/id.js';
import { transitionSession } from '../src/store/conversation.js';
import type { Case } from './case.js';
import { AT_ONCE, callerIn, openBoth, part, throughput } from './store.js';

const TRIGGER = 'PLAN_TO_EXECUTE';

const LOCK_CONVERSATION = {
  name: 'lock conversation',
  text: `SELECT id FROM conversations WHERE project_id = $1 AND platform = $2 AND external_id = $3 FOR NO KEY UPDATE`,
};
const LOCK_OPEN = {
  name: 'lock open',
  text: `
    SELECT id, chain_root_id, chain_index FROM sessions
    WHERE project_id = $1 AND conversation_id = $2 AND ended_at IS NULL FOR NO KEY UPDATE`,
};
const END = {
  name: 'end',
  text: `
    WITH s AS (
      UPDATE sessions SET state = 'COMPLETED', state_changed_at = now(), version = version + 1, ended_at = now(),
        end_reason = '${TRIGGER}', outcome = 'UNKNOWN', ended_by = 'bench'
      WHERE project_id = $1 AND id = $2 RETURNING project_id, id
    )
    UPDATE pulses p SET steady = false FROM s WHERE p.project_id = s.project_id AND p.session_id = s.id`,
};
const SETTLE = {
  name: 'settle',
  text: `
    WITH states AS (
      UPDATE saved_states SET status = 'COMPLETED', updated_at = now()
      WHERE project_id = $1 AND session_id = $2 AND status IN ('ACTIVE', 'SUSPENDED')
    ), handoff AS (
      UPDATE handoffs SET cancelled_at = now()
      WHERE project_id = $1 AND from_id = $2 AND completed_at IS NULL AND cancelled_at IS NULL
    ), signal AS (
      UPDATE signals SET cancelled_at = now()
      WHERE project_id = $1 AND session_id = $2 AND acknowledged_at IS NULL AND cancelled_at IS NULL
    )
    UPDATE approvals SET status = 'CANCELLED', resolved_at = now()
    WHERE project_id = $1 AND session_id = $2 AND status = 'PENDING' RETURNING id`,
};
const START = {
  name: 'start',
  text: `
    INSERT INTO sessions (project_id, id, kind, start_reason, parent_id, chain_root_id, chain_index, conversation_id)
    VALUES ($1, $2, 'CONVERSATION', $3, $4, $5, $6, $7) RETURNING *`,
};
const PULSE = { name: 'pulse', text: `INSERT INTO pulses (project_id, session_id) VALUES ($1, $2)` };
const TELL = {
  name: 'tell',
  text: `
    WITH input AS (
      SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::event_type[], $6::jsonb[])
        WITH ORDINALITY AS i (id, session_id, type, data, ordinal)
    ), counted AS (
      UPDATE pulses p SET event_sequence = event_sequence + 1 FROM input i
      WHERE p.project_id = $1 AND p.session_id = i.session_id RETURNING p.session_id, event_sequence AS sequence
    ), head AS (
      UPDATE projects SET log_position = log_position + cardinality($3)
      WHERE id = $1 AND (SELECT count(*) FROM counted) >= 0 RETURNING log_position - cardinality($3) AS base
    )
    INSERT INTO events (project_id, position, id, session_id, sequence, conversation_id, type, data, size_bytes)
    SELECT $1, base + i.ordinal, i.id, i.session_id, c.sequence, $2, i.type, i.data, octet_length(i.data::text)
    FROM head, input i JOIN counted c USING (session_id) ORDER BY i.ordinal RETURNING position`,
};

interface Open {
  id: string;
  chain_root_id: string;
  chain_index: number;
}

interface Thread {
  readonly projectId: string;
  readonly platform: string;
  readonly externalId: string;
}

async function transitionBare(pool: pg.Pool, { projectId, platform, externalId }: Thread): Promise<void> {
  const client = await pool.connect();
  const ask = <Row extends pg.QueryResultRow>(statement: { name: string; text: string }, ...values: unknown[]) =>
    client.query<Row>({ ...statement, values: [projectId, ...values] });
  try {
    await client.query('BEGIN');
    const [conversation] = (await ask<{ id: string }>(LOCK_CONVERSATION, platform, externalId)).rows;
    if (!conversation) throw new Error('there is no conversation');
    const [open] = (await ask<Open>(LOCK_OPEN, conversation.id)).rows;
    if (!open) throw new Error('no session is open');
    await ask(END, open.id);
    await ask(SETTLE, open.id);
    const next = { id: newId(), root: open.chain_root_id, index: open.chain_index + 1 };
    await ask(START, next.id, TRIGGER, open.id, next.root, next.index, conversation.id);
    await ask(PULSE, next.id);
    const told = [
      { from: 'BOOTING', to: 'COMPLETED', reason: TRIGGER, outcome: 'UNKNOWN', by: 'bench', note: null },
      { from: null, to: 'BOOTING', reason: TRIGGER, parentId: open.id, spawnedById: null, contextPercent: null },
    ].map((data) => JSON.stringify(data));
    const ids = told.map(() => newId());
    await ask(TELL, conversation.id, ids, [open.id, next.id], ['SESSION_ENDED', 'SESSION_STARTED'], told);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

/** Each worker transitions a conversation of its own. */
const transition = (projects: number, workers: number): Case => ({
  name: `transitionSession CREATES, ${projects === 1 ? 'one project' : `${projects} projects`}, the store`,
  against: 'the same statements on bare pg in a transaction',
  unit: 'transitions/s',
  better: 'higher',
  mark: 0.7,
  async sides({ databaseUrl, samples, seconds }) {
    const { store, bare, close } = await openBoth(databaseUrl);
    const own = samples.emptyProjects.slice(0, projects);
    const threads = (whose: string): Thread[] =>
      Array.from({ length: workers }, (_, worker) => {
        const platform = `transition of ${projects}`;
        return { projectId: part(own, worker).id, platform, externalId: `${whose} ${worker}` };
      });
    const go = ({ projectId, ...conversation }: Thread) =>
      transitionSession(store, callerIn(projectId), { conversation, trigger: TRIGGER });
    const [ours, theirs] = [threads('ours'), threads('theirs')];
    for (const thread of [...ours, ...theirs]) await go(thread);
    return {
      ours: throughput(seconds, (worker) => go(part(ours, worker)), { workers }),
      theirs: throughput(seconds, (worker) => transitionBare(bare, part(theirs, worker)), { workers }),
      close,
    };
  },
});

export const transitionCases: readonly Case[] = [transition(1, AT_ONCE), transition(16, 16)];
