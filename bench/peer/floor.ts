// The least that an answer can cost: bare `node:http` and `pg`, each answer one prepared statement that makes its JSON, the
// same as the server's to the byte. Its paths are the names of the statements, its bodies their parameters.
import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { encodeId, type IdType } from '../../src/domain/id.js';
import { announce, given, POOL_SIZE } from './peer.js';

/** Marks a uuid as what stands for it outside. */
const id = (type: IdType, column: string): string => `'${type}:' || ${column}`;
const time = (column: string): string => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const one = (query: string): string => `(SELECT row_to_json(one) FROM (${query}) one)`;
const many = (query: string): string => `ARRAY(SELECT row_to_json(each) FROM (${query}) each)`;

const SAME_PROJECT = (table: string): string => `${table}.project_id = s.project_id AND ${table}.id`;

const STATEMENTS: Readonly<Record<string, string>> = {
  session: one(`
    SELECT ${id('Session', 's.id')} AS id, s.agent_name AS "agentName", s.state, ${time('s.started_at')} AS "startedAt",
      ${one(`SELECT ${id('Run', 'r.id')} AS id, r.status, r.description FROM runs r
        WHERE ${SAME_PROJECT('r')} = s.run_id`)} AS run,
      ${one(`SELECT ${id('Conversation', 'c.id')} AS id, c.platform, c.external_id AS "externalId" FROM conversations c
        WHERE ${SAME_PROJECT('c')} = s.conversation_id`)} AS conversation,
      ${one(`SELECT ${id('Session', 'p.id')} AS id, p.state, p.end_reason AS "endReason" FROM sessions p
        WHERE ${SAME_PROJECT('p')} = s.parent_id`)} AS parent
    FROM sessions s WHERE s.project_id = $1 AND s.external_id = $2`),

  sessions: one(`
    WITH found AS MATERIALIZED (
      SELECT * FROM sessions WHERE project_id = $1 ORDER BY started_at DESC, id DESC LIMIT 51
    )
    SELECT ${many(`
        SELECT ${id('Session', 's.id')} AS id, s.agent_name AS "agentName", s.state, ${time('s.started_at')} AS "startedAt",
          ${one(`SELECT ${id('Session', 'p.id')} AS id, p.state, p.end_reason AS "endReason" FROM sessions p
            WHERE ${SAME_PROJECT('p')} = s.parent_id`)} AS parent,
          ${one(`SELECT ${id('Run', 'r.id')} AS id, r.description FROM runs r WHERE ${SAME_PROJECT('r')} = s.run_id`)} AS run,
          ${one(
            `SELECT ${many(`SELECT * FROM (
              SELECT ${id('Event', 'e.id')} AS id, e.position, e.type, ${time('e.occurred_at')} AS "occurredAt" FROM events e
              WHERE e.project_id = s.project_id AND e.session_id = s.id ORDER BY e.sequence DESC LIMIT 3
            ) newest ORDER BY position`)} AS nodes`,
          )} AS events
        FROM found s ORDER BY s.started_at DESC, s.id DESC LIMIT 50`)} AS nodes,
      ${one('SELECT (SELECT count(*) FROM found) > 50 AS "hasNextPage"')} AS "pageInfo"`),

  chain: one(`
    WITH RECURSIVE line AS (
      SELECT id, parent_id, chain_index, state, start_reason, started_at, end_reason FROM sessions
      WHERE project_id = $1 AND external_id = $2
      UNION ALL
      SELECT s.id, s.parent_id, s.chain_index, s.state, s.start_reason, s.started_at, s.end_reason
      FROM line JOIN sessions s ON s.project_id = $1 AND s.id = line.parent_id
    )
    SELECT ${many(`SELECT ${id('Session', 'id')} AS id, state, start_reason AS "startReason", ${time('started_at')} AS "startedAt",
      end_reason AS "endReason" FROM line ORDER BY chain_index`)} AS chain`),
};

/** How the answer to each is called. */
const NAMES: Readonly<Record<string, string>> = { session: 'session', sessions: 'sessions', chain: 'session' };

const MARKED = /"(Session|Run|Conversation|Event):([0-9a-f-]{36})"/g;
const [connectionString, project] = given();
const pool = new pg.Pool({ connectionString, max: POOL_SIZE });

const server = createServer((request, response) => {
  const name = request.url?.slice(1) ?? '';
  text(request)
    .then((body) => answer(name, (JSON.parse(body) as { variables: { name?: string } }).variables, response))
    .catch((error: unknown) => response.writeHead(500).end(String(error)));
});

async function answer(name: string, variables: { name?: string }, response: ServerResponse): Promise<void> {
  const values = variables.name === undefined ? [project] : [project, variables.name];
  const { rows } = await pool.query<{ json: string }>({
    name,
    text: `SELECT ${STATEMENTS[name]}::text AS json`,
    values,
  });
  const json = (rows[0]?.json ?? 'null').replaceAll(
    MARKED,
    (_, type: IdType, uuid: string) => `"${encodeId(type, uuid)}"`,
  );
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(`{"data":{"${NAMES[name]}":${json}}}`);
}

await announce(server);
