// How many credentials that are no good one address may bring, and who is none the worse for it.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { App } from '../../src/app.js';
import { openDatabase, type Database } from '../../src/database/client.js';
import { RateLimitedError, UnauthenticatedError } from '../../src/domain/errors.js';
import { keyOf } from '../../src/domain/apiKey.js';
import { newId } from '../../src/domain/id.js';
import { authentication } from '../../src/server/auth.js';
import { REFUSALS } from '../../src/server/limits.js';
import { createApiKey } from '../../src/store/apiKey.js';
import { Keyring } from '../../src/store/keyring.js';
import { startApp } from '../support/app.js';
import { asks, bearer, headersOf, type Credential } from '../support/credential.js';
import { createDatabase } from '../support/postgres.js';
import { openRelay } from '../support/relay.js';
import { openStore } from '../support/store.js';
import { posted, send } from '../support/wire.js';

const ADMIN = bearer('an-admin-key-of-this-very-test-0123456789');
const VIEWER = { query: '{ viewer { name } }' };
const TIMES = REFUSALS.burst * 2;

/** A key that nobody has made. */
const guess = (): Credential => bearer(keyOf(newId(), randomBytes(32).toString('base64url')));

describe('of an address that guesses keys', () => {
  const logged: string[] = [];
  let app: App;

  beforeAll(async () => {
    // No attempt is given back while they come, however long that takes.
    vi.useFakeTimers({ toFake: ['performance'] });
    app = await startApp({
      env: {
        LIFELINE_AUTH: 'required',
        LIFELINE_ADMIN_KEY: 'an-admin-key-of-this-very-test-0123456789',
        LIFELINE_TRUST_PROXY: '127.0.0.1',
      },
      log: pino({ level: 'info' }, { write: (line) => logged.push(line) }),
    });
  });
  afterAll(async () => {
    vi.useRealTimers();
    await app.close();
  });

  const ask = (credential: Credential, address: string) =>
    send(app.url, posted(VIEWER, { ...headersOf(credential), 'x-forwarded-for': address }));

  async function newKey(): Promise<Credential> {
    const query = 'mutation { createApiKey(input: { name: "key", role: OBSERVER }) { secret } }';
    const reply = await asks.HTTP(app.url, { query }, ADMIN);
    if (!('result' in reply)) throw new Error('no key was made');
    return bearer((reply.result.data as { createApiKey: { secret: string } }).createApiKey.secret);
  }

  /** Guesses until the address is refused for that. */
  async function exhaust(address: string, credential = guess) {
    const answers = await Promise.all(Array.from({ length: TIMES }, () => ask(credential(), address)));
    return {
      looked: answers.filter(({ status }) => status === 401),
      refused: answers.filter(({ status }) => status === 429),
    };
  }

  it('guesses are refused without a look, with when to come again, and fill no log', async () => {
    const { looked, refused } = await exhaust('198.51.100.1');
    expect([looked.length, refused.length]).toEqual([REFUSALS.burst, TIMES - REFUSALS.burst]);
    for (const { headers, text } of refused) {
      const { errors } = JSON.parse(text) as { errors: [{ extensions: object }] };
      expect(errors[0].extensions).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
      expect(headers['retry-after']).toBe('1');
    }
    const lines = logged.filter((line) => line.includes('198.51.100.1'));
    expect(lines).toHaveLength(looked.length);
  });

  it.each([
    ['none', {}],
    ['no key', bearer('none')],
    ['another scheme', { authorization: 'Basic none' }],
  ])('what is no guess is refused as well: %s', async (_, credential) => {
    expect((await exhaust('198.51.100.2', () => credential)).refused).not.toEqual([]);
  });

  it('keys that are in use are served on, and so is everybody elsewhere', async () => {
    const address = '198.51.100.3';
    const used = await newKey();
    expect((await ask(used, address)).status).toBe(200);
    const [{ refused }, ...served] = await Promise.all([
      exhaust(address),
      ...Array.from({ length: 20 }, () => ask(used, address)),
      ask(ADMIN, address),
      ask(await newKey(), '198.51.100.4'),
    ]);
    expect(refused).not.toEqual([]);
    expect(served.map(({ status }) => status)).toEqual(served.map(() => 200));
    expect((await ask(guess(), '198.51.100.4')).status).toBe(401);
  });

  it('a good key that nobody knew is let in as soon as the guesses end, and is not counted', async () => {
    const [address, key] = ['198.51.100.5', await newKey()];
    await exhaust(address);
    vi.advanceTimersByTime(1_000);
    expect((await ask(key, address)).status).toBe(200);
  });

  it('a WebSocket is closed: try again later', async () => {
    const address = '198.51.100.6';
    const closing = async () => {
      const socket = new WebSocket(app.url.replace(/^http/, 'ws'), 'graphql-transport-ws', {
        headers: { 'x-forwarded-for': address },
      });
      await once(socket, 'open');
      socket.send(JSON.stringify({ type: 'connection_init', payload: guess() }));
      const [code] = (await once(socket, 'close')) as [number];
      return code;
    };
    expect(await closing()).toBe(4401);
    await expect.poll(async () => (await Promise.all([exhaust(address), closing()]))[1]).toBe(1013);
  });
});

describe('the database', () => {
  function door(database: Database) {
    const keyring = new Keyring({ database, log: pino({ level: 'silent' }) });
    const findProject = () => Promise.resolve(null);
    const authenticate = authentication({ isRequired: true, adminKey: null, keyring, findProject, verifyToken: null });
    return { keyring, knock: (credential: Credential) => authenticate(credential, 'here') };
  }

  it('is asked so often at most, however many guesses come at once, and once for a key that comes often', async () => {
    await using opened = await openStore();
    const { store, database, caller } = opened;
    const { keyring, knock } = door(database);
    const asked = vi.spyOn(database, 'ask');
    const looks = () => asked.mock.calls.filter(([sql]) => sql.includes('secret_hash')).length;
    const { secret } = await createApiKey(store, caller, { name: 'often', role: 'AGENT' });
    const from = performance.now();
    await Promise.all(Array.from({ length: TIMES }, () => knock(bearer(secret))));
    expect(looks()).toBe(1);

    const guesses = await Promise.allSettled(Array.from({ length: TIMES }, () => knock(guess())));
    const reasons = guesses.map((it) => (it.status === 'rejected' ? (it.reason as unknown) : null));
    const refilled = Math.ceil(((performance.now() - from) / 1000) * REFUSALS.perSecond);
    expect(looks()).toBeLessThanOrEqual(1 + REFUSALS.burst + refilled);
    expect(reasons.filter((reason) => reason instanceof UnauthenticatedError)).toHaveLength(looks() - 1);
    expect(reasons.filter((reason) => reason instanceof RateLimitedError)).toHaveLength(TIMES + 1 - looks());
    await keyring.close();
  });

  it('while it is away, makes nobody run out of attempts', async () => {
    await using created = await createDatabase();
    await using way = await openRelay(created.url);
    const database = openDatabase(way.url);
    const { keyring, knock } = door(database);
    way.lead('postgres://127.0.0.1:1');
    for (let i = 0; i <= REFUSALS.burst; i++) await expect(knock(guess())).rejects.not.toThrow(RateLimitedError);
    way.lead(created.url);
    await expect(knock(guess())).rejects.toThrow(UnauthenticatedError);
    await keyring.close();
    await database.close();
  });
});
