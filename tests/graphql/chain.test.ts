import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/database/client.js';
import { encodeId } from '../../src/domain/id.js';
import { transitionSession } from '../../src/store/conversation.js';
import { openGraphql, type TestGraphql } from '../support/graphql.js';

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
