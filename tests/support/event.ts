import type { Database, Session } from '../../src/database/client.js';

/** Adds so many events to a session in one statement, past all code: for what is about many. */
export async function addEvents({ prisma }: Database, { projectId, id }: Session, count: number): Promise<void> {
  await prisma.$executeRaw`
    WITH log AS (
      UPDATE projects SET log_position = log_position + ${count}::int WHERE id = ${projectId}::uuid
      RETURNING log_position - ${count}::int AS head
    ), session AS (
      UPDATE pulses SET event_sequence = event_sequence + ${count}::int
      WHERE project_id = ${projectId}::uuid AND session_id = ${id}::uuid
      RETURNING event_sequence - ${count}::int AS head
    )
    INSERT INTO events (project_id, position, id, session_id, sequence, type, size_bytes)
    SELECT ${projectId}::uuid, log.head + n, gen_random_uuid(), ${id}::uuid, session.head + n, 'PROGRESS', 4
    FROM log, session, generate_series(1, ${count}::int) n`;
}
