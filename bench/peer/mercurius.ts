// The same fields by Fastify and Mercurius, with its JIT and loaders that read what many sessions refer to at once.
import { fastify } from 'fastify';
import mercurius from 'mercurius';
import pg from 'pg';
import { encodeId, type IdType } from '../../src/domain/id.js';
import { announce, given, POOL_SIZE } from './peer.js';

const schema = `
  type Query { viewer: Viewer!  session(by: SessionRef!): Session }
  type Viewer { name: String! }
  input SessionRef { externalId: String }
  type Session {
    id: ID!  agentName: String  state: String!  startedAt: String!
    run: Run  conversation: Conversation  parent: Parent
  }
  type Run { id: ID!  status: String!  description: String }
  type Conversation { id: ID!  platform: String!  externalId: String! }
  type Parent { id: ID!  state: String!  endReason: String }
`;

interface Session {
  id: string;
  started_at: Date;
  agent_name: string | null;
  run_id: string | null;
  conversation_id: string | null;
  parent_id: string | null;
}

interface Row {
  id: string;
}

const [connectionString, project] = given();
const pool = new pg.Pool({ connectionString, max: POOL_SIZE });

async function rowsOf<Found extends Row>(name: string, condition: string, value: unknown): Promise<Found[]> {
  const text = `SELECT ${condition}`;
  return (await pool.query<Found>({ name, text, values: [project, value] })).rows;
}

/** What sessions refer to by a column: all at once, each in its place. */
const referred = (name: string, column: 'run_id' | 'conversation_id' | 'parent_id', columns: string, table: string) =>
  async function (queries: readonly { obj: Session }[]): Promise<(Row | null)[]> {
    const ids = queries.map(({ obj }) => obj[column]);
    const rows = await rowsOf(name, `id, ${columns} FROM ${table} WHERE project_id = $1 AND id = ANY($2)`, ids);
    const found = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => (id === null ? null : (found.get(id) ?? null)));
  };

const idOf = (type: IdType) => ({ id: ({ id }: Row) => encodeId(type, id) });

const app = fastify();
await app.register(mercurius, {
  schema,
  jit: 1,
  graphiql: false,
  resolvers: {
    Query: {
      viewer: () => ({ name: 'local' }),
      session: async (_: unknown, { by }: { by: { externalId: string } }) => {
        const columns = 'id, agent_name, state, started_at, run_id, conversation_id, parent_id';
        const where = 'project_id = $1 AND external_id = $2';
        return (await rowsOf('session', `${columns} FROM sessions WHERE ${where}`, by.externalId))[0] ?? null;
      },
    },
    Session: {
      ...idOf('Session'),
      agentName: ({ agent_name }: Session) => agent_name,
      startedAt: ({ started_at }: Session) => started_at.toISOString(),
    },
    Run: idOf('Run'),
    Conversation: idOf('Conversation'),
    Parent: idOf('Session'),
  },
  loaders: {
    Session: {
      run: referred('run', 'run_id', 'status, description', 'runs'),
      conversation: referred(
        'conversation',
        'conversation_id',
        'platform, external_id AS "externalId"',
        'conversations',
      ),
      parent: referred('parent', 'parent_id', 'state, end_reason AS "endReason"', 'sessions'),
    },
  },
});
await app.ready();
await announce(app.server, '/graphql');
