import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { App } from '../../src/app.js';
import { startApp } from '../support/app.js';
import {
  asks,
  bearer,
  headersOf,
  openSocket,
  openStream,
  type Ask,
  type Credential,
  type Open,
} from '../support/credential.js';
import type { Data } from '../support/graphql.js';
import { createDatabase, type TestDatabase } from '../support/postgres.js';
import { query } from '../support/sql.js';
import { posted, send } from '../support/wire.js';

const ADMIN_KEY = 'an-admin-key-of-this-very-test-0123456789';
const VIEWER = { query: '{ viewer { name role serverAdmin project { slug } } }' };
/** Within which a revoked key is refused everywhere. */
const REVOKED_MS = 5_000;
const FOLLOW = { query: 'subscription { log(after: 0) { position } }' };

let database: TestDatabase;
let app: App;
let other: App;
const logged: string[] = [];

beforeAll(async () => {
  // The servers look for revoked keys when the tests say that it is time.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  database = await createDatabase();
  const env = { LIFELINE_AUTH: 'required', LIFELINE_ADMIN_KEY: ADMIN_KEY };
  const log = pino({ level: 'trace' }, { write: (line) => logged.push(line) });
  app = await startApp({ databaseUrl: database.url, env, log });
  other = await startApp({ databaseUrl: database.url, env, log });
  await done('mutation { createProject(input: { slug: "web" }) { project { slug } } }');
});
afterAll(async () => {
  await app.close();
  await other.close();
  await database.drop();
  vi.useRealTimers();
});

async function done(document: string, credential = bearer(ADMIN_KEY)): Promise<Data> {
  const reply = await asks.HTTP(app.url, { query: document }, credential);
  if (!('result' in reply) || reply.result.errors) throw new Error(JSON.stringify(reply));
  return reply.result.data;
}

interface Used {
  lastUsedAt: string | null;
}

interface NewKey {
  id: string;
  secret: string;
  name: string;
}

async function newKey(role: string, project = 'default'): Promise<NewKey> {
  const name = `${project} ${role}`;
  const input = `{ name: "${name}", role: ${role}, projectSlug: "${project}" }`;
  const { createApiKey } = (await done(`mutation { createApiKey(input: ${input}) { secret apiKey { id } } }`)) as {
    createApiKey: { secret: string; apiKey: { id: string } };
  };
  const { secret, apiKey } = createApiKey;
  return { id: apiKey.id, secret, name };
}

const revoke = (id: string) => done(`mutation { revokeApiKey(input: { id: "${id}" }) { apiKey { revokedAt } } }`);

describe.each(Object.entries(asks))('over %s', (transport, ask: Ask) => {
  const [missing, revoked] = transport === 'a WebSocket' ? [4401, 4403] : [401, 401];

  it.each([
    ['none', {}],
    ['an unknown key', bearer(`llk_01h455vb4pex5vsknk084sn02q_${'x'.repeat(43)}`)],
    ['another scheme', { authorization: `Basic ${ADMIN_KEY}` }],
    ['a key without a scheme', { authorization: ADMIN_KEY }],
    ['the beginning of the key', bearer(ADMIN_KEY.slice(0, -1))],
    ['a web token, where none is taken', bearer('eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.')],
  ])('a credential is needed, and this is no good one: %s', async (_, credential: Credential) => {
    expect(await ask(app.url, VIEWER, credential)).toEqual({ refused: missing });
  });

  it('a key stands for its project, whatever other one is named', async () => {
    const { secret, name } = await newKey('AGENT', 'web');
    for (const project of [undefined, 'web', 'default', 'none']) {
      expect(await ask(app.url, VIEWER, bearer(secret, project))).toMatchObject({
        result: { data: { viewer: { name, role: 'AGENT', serverAdmin: false, project: { slug: 'web' } } } },
      });
    }
    const forged = secret.slice(0, -1) + (secret.endsWith('A') ? 'B' : 'A');
    expect(await ask(app.url, VIEWER, bearer(forged))).toEqual({ refused: missing });
  });

  it("the server's admin acts in the project that is named, else in `default`", async () => {
    for (const [project, slug] of [
      [undefined, 'default'],
      ['web', 'web'],
    ] as const) {
      expect(await ask(app.url, VIEWER, bearer(ADMIN_KEY, project))).toMatchObject({
        result: { data: { viewer: { name: 'admin', role: 'ADMIN', serverAdmin: true, project: { slug } } } },
      });
    }
    const refused = transport === 'a WebSocket' ? 4403 : 404;
    expect(await ask(app.url, VIEWER, bearer(ADMIN_KEY, 'none'))).toEqual({ refused });
  });

  it('a role that does not suffice is FORBIDDEN, with the one that does', async () => {
    const { secret } = await newKey('OBSERVER');
    const start = { query: 'mutation { startSession(input: {}) { position } }' };
    expect(await ask(app.url, start, bearer(secret))).toMatchObject({
      result: { errors: [{ extensions: { code: 'FORBIDDEN', retryable: false, required: 'AGENT' } }] },
    });
  });

  it('a revoked key is refused on every server', async () => {
    const { id, secret } = await newKey('AGENT');
    for (const { url } of [app, other]) expect(await ask(url, VIEWER, bearer(secret))).toHaveProperty('result');
    await revoke(id);
    vi.advanceTimersByTime(REVOKED_MS);
    for (const { url } of [app, other]) {
      await expect.poll(() => ask(url, VIEWER, bearer(secret))).toEqual({ refused: revoked });
    }
  });
});

it('what a revoked key has open ends within 5 s, on every server, and nothing else does', async () => {
  const [lost, kept] = [await newKey('OBSERVER'), await newKey('OBSERVER')];
  const openAll = async ({ secret }: NewKey): Promise<Open[]> => {
    const opened: Open[] = [];
    for (const { url } of [app, other]) {
      opened.push(openSocket(url, FOLLOW, bearer(secret)), await openStream(url, FOLLOW, bearer(secret)));
    }
    return opened;
  };
  const [losing, keeping] = [await openAll(lost), await openAll(kept)];
  for (const { received } of [...losing, ...keeping]) await expect.poll(received).toBe(1);
  await revoke(lost.id);
  vi.advanceTimersByTime(REVOKED_MS);
  expect(await Promise.all(losing.map(({ over }) => over))).toEqual([4403, 'ended', 4403, 'ended']);
  await done('mutation { startSession(input: {}) { position } }');
  for (const { received } of keeping) await expect.poll(received).toBeGreaterThan(1);
});

it('the last use of a key is noted, once for many uses', async () => {
  const { id, secret } = await newKey('OBSERVER');
  const used = async () => {
    const { node } = (await done(`{ node(id: "${id}") { ... on ApiKey { lastUsedAt } } }`)) as { node: Used };
    return node.lastUsedAt;
  };
  expect(await used()).toBeNull();
  await asks.HTTP(app.url, VIEWER, bearer(secret));
  await expect.poll(used).not.toBeNull();
  const first = await used();
  for (const { url } of [app, other]) await asks.HTTP(url, VIEWER, bearer(secret));
  expect(await used()).toBe(first);
});

it('a refused request says so by its status, and what could be done', async () => {
  const answer = await send(app.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(VIEWER),
  });
  expect(answer.status).toBe(401);
  expect(answer.headers['www-authenticate']).toBe('Bearer');
  expect(JSON.parse(answer.text)).toEqual({
    errors: [
      {
        message: expect.stringContaining('Bearer') as string,
        extensions: { code: 'UNAUTHENTICATED', retryable: false },
      },
    ],
  });
});

it('health needs no credential', async () => {
  const { status } = await send(new URL('/health/ready', app.url).href);
  expect(status).toBe(200);
});

it('no secret comes into the log, into any table, or back in an error', async () => {
  const replies: unknown[] = [];
  const { secret, id } = await newKey('AGENT');
  const wrong = secret.slice(0, -2) + 'zz';
  for (const ask of Object.values(asks)) {
    for (const key of [secret, wrong, ADMIN_KEY, `${ADMIN_KEY}!`])
      replies.push(await ask(app.url, VIEWER, bearer(key)));
  }
  await revoke(id);
  for (const key of [secret, wrong]) {
    const { text } = await send(app.url, posted(VIEWER, headersOf(bearer(key))));
    replies.push(text);
  }
  const tables = await query(
    database.url,
    `SELECT query_to_xml(format('SELECT * FROM %I', tablename), true, false, '')::text AS text
     FROM pg_tables WHERE schemaname = 'public'`,
  );
  const told = replies.map((reply) => JSON.stringify(reply));
  const everything = [...logged, ...told, ...tables.map(({ text }) => String(text))].join('\n');
  expect(everything).toContain('a credential was refused');
  for (const key of [secret, wrong, ADMIN_KEY]) expect(everything).not.toContain(key.slice(-20));
});
