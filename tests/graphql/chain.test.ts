import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/database/client.js';
import { encodeId } from '../../src/domain/id.js';
import { transitionSession } from '../../src/store/conversation.js';
import { CHAIN_COUNTED } from '../../src/domain/limits.js';
import { READ_LIMITS } from '../../src/graphql/budget.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';

let graphql: TestGraphql;
let chain: Session[];

const LINE = `query ($id: ID!) { node(id: $id) { ... on Session {
  chainIndex parent { id } chainRoot { id chainIndex } chain { id chainIndex parent { id } }
} } }`;
const idOf = ({ id }: Session) => encodeId('Session', id);

beforeAll(async () => {
  graphql = await openGraphql();
  const { store, caller, start } = graphql;
  const conversation = { platform: 'test', externalId: 'c' };
  chain = [await start(caller, { conversation })];
  for (let i = 0; i < 3; i++) {
    const { session } = await transitionSession(store, caller, { conversation, trigger: 'CONTEXT_COMPACTED' });
    if (session) chain.push(session);
  }
});
afterAll(() => graphql[Symbol.asyncDispose]());

async function lineOf(session: Session | undefined): Promise<{ chain: { id: string }[]; chainRoot: { id: string } }> {
  return (await graphql.ask(LINE, { id: session && idOf(session) })).node;
}

describe('a chain', () => {
  it('leads from its root to the session, oldest first, and no further', async () => {
    for (const [index, session] of chain.entries()) {
      const line = await lineOf(session);
      expect(line.chain.map(({ id }) => id)).toEqual(chain.slice(0, index + 1).map(idOf));
      expect(line.chainRoot).toEqual({ id: chain[0] && idOf(chain[0]), chainIndex: 0 });
    }
  });

  it('leaves out what went another way', async () => {
    const { database } = graphql;
    const [root, second] = chain as [Session, Session];
    const { ordinal: _, ...row } = await database.prisma.session.findUniqueOrThrow({
      where: { projectId_id: { projectId: second.projectId, id: second.id } },
    });
    const id = '01890000-0000-7000-8000-00000000f0f0';
    const fork = {
      ...row,
      id,
      metadata: {},
      evidence: undefined,
      startReason: 'FORKED',
      conversationId: null,
    } as const;
    await database.prisma.session.create({ data: { ...fork, pulse: { create: {} } } });
    expect((await lineOf({ ...second, id })).chain.map((node) => node.id)).toEqual([
      idOf(root),
      encodeId('Session', id),
    ]);
    expect((await lineOf(chain[3])).chain.map((node) => node.id)).toEqual(chain.map(idOf));
  });

  it('begins with the oldest that is left where those before were purged', async () => {
    const { database } = graphql;
    const [root] = chain as [Session];
    const { prisma } = database;
    await prisma.$transaction([
      prisma.$executeRaw`SET LOCAL session_replication_role = replica`,
      prisma.$executeRaw`UPDATE sessions SET parent_id = NULL WHERE parent_id = ${root.id}::uuid`,
      prisma.$executeRaw`DELETE FROM sessions WHERE id = ${root.id}::uuid`,
    ]);
    const line = await lineOf(chain[3]);
    expect(line.chain.map(({ id }) => id)).toEqual(chain.slice(1).map(idOf));
    expect(line.chain[0]).toMatchObject({ chainIndex: 1, parent: null });
    expect(line.chainRoot).toEqual({ id: line.chain[0]?.id, chainIndex: 1 });
  });
});

describe('a long chain', () => {
  const uuidOf = (index: number) => `01890000-0000-7000-8000-${String(index).padStart(12, '0')}`;
  const at = (index: number) => ({ id: encodeId('Session', uuidOf(index)) });
  const CHAIN = (fields: string) => `query ($id: ID!) { session(by: { id: $id }) { ${fields} } }`;

  beforeAll(async () => {
    const { prisma } = graphql.database;
    const { projectId } = graphql.caller;
    await prisma.$transaction([
      prisma.$executeRaw`SET LOCAL session_replication_role = replica`,
      prisma.$executeRaw`
        INSERT INTO sessions (project_id, id, kind, start_reason, parent_id, chain_root_id, chain_index)
        SELECT ${projectId}::uuid, id, 'AGENT', 'RESTORED', lag(id) OVER (ORDER BY n), ${uuidOf(0)}::uuid, n
        FROM generate_series(0, ${READ_LIMITS.entries}::int) n
          CROSS JOIN LATERAL (SELECT concat('01890000-0000-7000-8000-', lpad(n::text, 12, '0'))::uuid AS id) i`,
    ]);
  });

  it('tells the own fields of 10,000 sessions', async () => {
    const { session } = await graphql.ask(CHAIN('chain { id state startedAt isOpen }'), at(READ_LIMITS.entries - 1));
    const line: Data[] = session.chain;
    expect(line).toHaveLength(READ_LIMITS.entries);
    expect([line[0]?.id, line.at(-1)?.id]).toEqual([at(0).id, at(READ_LIMITS.entries - 1).id]);
  });

  it.each([
    ['more sessions', 'chain { id }', READ_LIMITS.entries, READ_LIMITS.entries],
    ['more sessions in two fields', 'a: chain { id } b: chain { id }', READ_LIMITS.entries / 2, READ_LIMITS.entries],
    ['what hangs on more than 50', 'chain { ...S } } } fragment S on Session { run { id', CHAIN_COUNTED, CHAIN_COUNTED],
    ['the documents of more than 50', 'chain { metadata }', CHAIN_COUNTED, CHAIN_COUNTED],
  ])('refuses %s', async (_, fields, index, limit) => {
    const { extensions } = await graphql.refusal(CHAIN(fields), at(index));
    expect(extensions).toMatchObject({ code: 'QUERY_TOO_COSTLY', rule: 'entries', limit });
  });

  it('tells all of 50', async () => {
    const { session } = await graphql.ask(CHAIN('chain { id metadata run { id } }'), at(CHAIN_COUNTED - 1));
    expect(session.chain).toHaveLength(CHAIN_COUNTED);
  });
});
