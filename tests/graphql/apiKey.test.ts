import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import type { Caller } from '../../src/store/store.js';
import { ensureAdminKey } from '../../src/store/apiKey.js';
import { mutation, openGraphql, type TestGraphql } from '../support/graphql.js';

const KEYS = '{ apiKeys { nodes { name role createdAt lastUsedAt revokedAt } totalCount } }';
const NODE = 'query ($id: ID!) { node(id: $id) { __typename id } }';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

/** An admin of a new project, who is nothing to the rest of the server. */
async function newAdmin(): Promise<{ caller: Caller }> {
  return { caller: { ...(await graphql.newCaller()), serverAdmin: false } };
}

describe('a key', () => {
  it('is made, listed and revoked by an admin of its project', async () => {
    const as = await newAdmin();
    const input = { name: 'ci', role: 'AGENT' };
    const { apiKey, secret } = await graphql.act('createApiKey', input, 'secret apiKey { id }', as);
    expect(secret).toMatch(/^llk_[0-9a-z]{26}_[\w-]{43}$/);
    const listed = { ...input, createdAt: expect.any(Date), lastUsedAt: null, revokedAt: null };
    const { apiKeys } = await graphql.ask(KEYS, {}, as);
    expect(JSON.parse(JSON.stringify(apiKeys))).toEqual({
      nodes: [{ ...listed, createdAt: expect.any(String) }],
      totalCount: 1,
    });
    const revoke = () => graphql.act('revokeApiKey', { id: apiKey.id }, 'apiKey { id revokedAt }', as);
    const revoked = await revoke();
    expect(revoked.apiKey.revokedAt).not.toBeNull();
    expect(await revoke()).toEqual(revoked);
  });

  it('is found by its id by an admin of its project, and by nobody else', async () => {
    const as = await newAdmin();
    const { apiKey } = await graphql.act('createApiKey', { name: 'a', role: 'OBSERVER' }, 'apiKey { id }', as);
    expect(await graphql.ask(NODE, apiKey, as)).toEqual({ node: { __typename: 'ApiKey', ...apiKey } });
    for (const role of ['OBSERVER', 'AGENT'] as const) {
      expect(await graphql.ask(NODE, apiKey, { caller: { ...as.caller, role } })).toEqual({ node: null });
    }
    expect(await graphql.ask(NODE, apiKey, await newAdmin())).toEqual({ node: null });
  });

  it.each([encodeId('ApiKey', newId()), 'malformed', encodeId('Session', newId())])(
    'cannot be revoked by the id %s, which is unknown',
    async (id) => {
      const { extensions } = await graphql.refusal(mutation('revokeApiKey', 'apiKey { id }'), { input: { id } });
      expect(extensions).toEqual({ code: 'NOT_FOUND', retryable: false, kind: 'ApiKey', ref: id });
    },
  );
});

describe("the key of the server's own admin", () => {
  it('is there for that admin alone', async () => {
    await ensureAdminKey(graphql.database);
    const row = await graphql.database.prisma.apiKey.findFirstOrThrow({ where: { serverAdmin: true } });
    const id = encodeId('ApiKey', row.id);
    const names = async (caller: Caller) =>
      (await graphql.ask(KEYS, {}, { caller })).apiKeys.nodes.map(({ name }: { name: string }) => name);
    const other = { ...graphql.caller, serverAdmin: false };
    expect(await names(graphql.caller)).toContain('admin');
    expect(await names(other)).not.toContain('admin');
    expect(await graphql.ask(NODE, { id }, { caller: graphql.caller })).toEqual({ node: { __typename: 'ApiKey', id } });
    expect(await graphql.ask(NODE, { id }, { caller: other })).toEqual({ node: null });
    const { extensions } = await graphql.refusal(
      mutation('revokeApiKey', 'apiKey { id }'),
      { input: { id } },
      { caller: other },
    );
    expect(extensions.code).toBe('NOT_FOUND');
  });
});
