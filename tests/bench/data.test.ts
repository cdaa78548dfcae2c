import { describe, expect, it } from 'vitest';
import { addAgents } from '../../bench/agent.js';
import { load, sizesOf } from '../../bench/data.js';
import { run } from '../support/program.js';
import { createDatabase } from '../support/postgres.js';
import { query } from '../support/sql.js';

describe('the data of the bench', () => {
  it('is as many rows as it says, and breaks no invariant', async () => {
    await using database = await createDatabase();
    const samples = await load(database.url, sizesOf(400), () => undefined);
    const projectId = samples.project.id;
    await addAgents(database.url, { projectId, count: 20, stallAfterSeconds: 300, silentForSeconds: 60 });

    const counts = `SELECT (SELECT count(*) FROM sessions)::int AS sessions, (SELECT count(*) FROM events
      WHERE session_id IS NOT NULL)::int AS events, (SELECT count(*) FROM conversations)::int AS conversations`;
    // 20 conversations and the chain of 1,000, whose last session is open and says one thing like all others.
    expect(await query(database.url, counts)).toEqual([
      { sessions: 400 + 1_000 + 20, events: 4_000 + 3_000 + 40, conversations: 20 + 1 },
    ]);
    const { code, stdout } = await run(['doctor', '--invariants'], { DATABASE_URL: database.url });
    expect(stdout.match(/^fail.*/gm)).toBeNull();
    expect(code).toBe(0);
  });

  it('names rows that are there', async () => {
    await using database = await createDatabase();
    const samples = await load(database.url, sizesOf(400), () => undefined);
    const [found] = await query(
      database.url,
      `SELECT (SELECT count(*) FROM sessions WHERE id = ANY ($1))::int AS sessions,
        (SELECT chain_index FROM sessions WHERE id = $2) AS "chainIndex",
        (SELECT count(*) FROM projects WHERE id = ANY ($3) AND log_position = 0)::int AS "emptyProjects"`,
      [samples.sessions.map(({ id }) => id), samples.chainEnd.id, samples.emptyProjects.map(({ id }) => id)],
    );
    expect(found).toEqual({ sessions: samples.sessions.length, chainIndex: 999, emptyProjects: 16 });
    expect(samples.sessions).not.toEqual([]);
  });
});
