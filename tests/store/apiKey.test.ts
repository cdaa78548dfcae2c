import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idOfKey } from '../../src/domain/apiKey.js';
import { newId } from '../../src/domain/id.js';
import { createApiKey, ensureAdminKey, hashOf, revokeApiKey } from '../../src/store/apiKey.js';
import { createProject } from '../../src/store/project.js';
import type { Caller } from '../../src/store/store.js';
import { openStore, type TestStore } from '../support/store.js';

let opened: TestStore;
let admin: Caller;

beforeAll(async () => {
  opened = await openStore();
  admin = { ...opened.caller, serverAdmin: false };
});
afterAll(() => opened[Symbol.asyncDispose]());

describe('createApiKey', () => {
  it('keeps of the secret nothing but its hash', async () => {
    const { apiKey, secret } = await createApiKey(opened.store, admin, { name: 'ci', role: 'AGENT' });
    expect(apiKey).toMatchObject({ projectId: admin.projectId, name: 'ci', role: 'AGENT', serverAdmin: false });
    expect(idOfKey(secret)).toBe(apiKey.id);
    expect(apiKey.secretHash).toEqual(hashOf(secret));
    expect(JSON.stringify(apiKey)).not.toContain(secret.slice(-43));
  });

  it.each(['', 'x'.repeat(129), 'a\nb', 'a\0b'])('refuses the name %j', async (name) => {
    await expect(createApiKey(opened.store, admin, { name, role: 'AGENT' })).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path: 'input.name' }] },
    });
  });

  it("makes one in another project for the server's admin alone, and tells nobody else whether there is one", async () => {
    const { project } = await createProject(opened.store, { slug: 'web' });
    const input = { name: 'ci', role: 'AGENT', projectSlug: 'web' } as const;
    const { apiKey } = await createApiKey(opened.store, opened.caller, input);
    expect(apiKey.projectId).toBe(project.id);
    await expect(createApiKey(opened.store, opened.caller, { ...input, projectSlug: 'no\0ne' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      extensions: { kind: 'Project' },
    });
    for (const projectSlug of ['web', 'default', 'none']) {
      await expect(createApiKey(opened.store, admin, { ...input, projectSlug })).rejects.toMatchObject({
        code: 'FORBIDDEN',
        extensions: { required: 'ADMIN' },
      });
    }
  });
});

describe('revokeApiKey', () => {
  it('says when, and the first time stays, whoever else is at it', async () => {
    const { apiKey } = await createApiKey(opened.store, admin, { name: 'gone', role: 'OBSERVER' });
    const revoked = await Promise.all(Array.from({ length: 20 }, () => revokeApiKey(opened.store, admin, apiKey)));
    const times = new Set(revoked.map(({ apiKey: { revokedAt } }) => revokedAt?.getTime()));
    expect(times.size).toBe(1);
    expect(times).not.toContain(undefined);
    expect((await revokeApiKey(opened.store, admin, apiKey)).apiKey).toEqual(revoked[0]?.apiKey);
  });

  it('finds no key that is unknown, or of another project', async () => {
    const { apiKey } = await createApiKey(opened.store, admin, { name: 'mine', role: 'AGENT' });
    const stranger = { ...(await opened.newCaller()), serverAdmin: false };
    for (const [caller, id] of [
      [admin, newId()],
      [stranger, apiKey.id],
    ] as const) {
      await expect(revokeApiKey(opened.store, caller, { id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    const { database } = opened;
    expect(await database.prisma.apiKey.findUniqueOrThrow({ where: { id: apiKey.id } })).toEqual(apiKey);
  });
});

describe("the admin's key", () => {
  it('is made once, however many servers start at once, and anew when it has been revoked', async () => {
    const made = await Promise.all(Array.from({ length: 10 }, () => ensureAdminKey(opened.database)));
    const [secret, ...others] = made.filter((it) => it !== null);
    expect(others).toEqual([]);
    const id = idOfKey(secret!)!;
    expect(await opened.database.prisma.apiKey.findUnique({ where: { id } })).toMatchObject({
      projectId: admin.projectId,
      role: 'ADMIN',
      serverAdmin: true,
      secretHash: hashOf(secret!),
    });
    // To an admin of the project it lies in, it is not there.
    await expect(revokeApiKey(opened.store, admin, { id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await ensureAdminKey(opened.database)).toBeNull();
    await revokeApiKey(opened.store, opened.caller, { id });
    expect(await ensureAdminKey(opened.database)).toMatch(/^llk_/);
  });
});
