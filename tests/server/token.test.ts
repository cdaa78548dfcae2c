import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type JWK, type JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { tokenVerifier, type VerifyToken } from '../../src/server/token.js';
import { startApp } from '../support/app.js';
import { asks, bearer, openSocket } from '../support/credential.js';

interface Signer {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

const ISSUER = 'https://issuer.example';
const AUDIENCE = 'lifeline';
const CLAIMS = { sub: 'ada@example.org', role: 'agent', project: 'default' };

let issuer: Server;
let jwksUrl: string;
let published: JWK[];
let verify: VerifyToken;
let signer: Signer;

async function newSigner(kid: string, alg = 'RS256'): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } };
}

interface Signing {
  by?: Signer;
  claims?: JWTPayload;
  issuer?: string;
  audience?: string;
  expires?: string | number | null;
}

function token({ by = signer, claims = {}, ...rest }: Signing = {}): Promise<string> {
  const { issuer: iss = ISSUER, audience = AUDIENCE, expires = '1h' } = rest;
  const signing = new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ alg: by.alg, kid: by.kid });
  signing.setIssuer(iss).setAudience(audience).setIssuedAt();
  if (expires !== null) signing.setExpirationTime(expires);
  return signing.sign(by.privateKey);
}

beforeAll(async () => {
  signer = await newSigner('one');
  published = [signer.jwk];
  issuer = createServer((_, response) => response.end(JSON.stringify({ keys: published }))).listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  jwksUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`;
  const options = { jwksUrl, issuer: ISSUER, audience: AUDIENCE, roleClaim: 'role', projectClaim: 'project' };
  verify = tokenVerifier({ ...options, cooldownMs: 0 });
});
afterAll(() => issuer.close());

const seconds = () => Math.floor(Date.now() / 1000);

describe('a token', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])(
    'that is signed by %s tells its bearer, role and project',
    async (alg) => {
      const by = await newSigner(alg, alg);
      published = [...published, by.jwk];
      expect(await verify(await token({ by }))).toEqual({
        name: 'ada@example.org',
        role: 'AGENT',
        projectSlug: 'default',
        expiresAt: expect.any(Date) as Date,
      });
    },
  );

  it.each<[string, () => Promise<string> | string]>([
    ['is none', () => 'a.b.c'],
    ['has expired', () => token({ expires: seconds() - 60 })],
    ['never expires', () => token({ expires: null })],
    ['is of another issuer', () => token({ issuer: 'https://evil.example' })],
    ['is for somebody else', () => token({ audience: 'another' })],
    [
      'is not signed',
      () => new UnsecuredJWT(CLAIMS).setIssuer(ISSUER).setAudience(AUDIENCE).setExpirationTime('1h').encode(),
    ],
    ['names a key that nobody knows', async () => token({ by: await newSigner('unknown') })],
    ['is signed by another key of that name', async () => token({ by: await newSigner('one') })],
    ['is signed by what is public', signedByPublicKey],
    ['was changed', async () => (await token()).replace(/\.(.)/, (_, first) => `.${first === 'e' ? 'f' : 'e'}`)],
    ['names no bearer', () => token({ claims: { sub: undefined } })],
    ['names a bearer that no record could name', () => token({ claims: { sub: 'a\nb' } })],
    ['names no role', () => token({ claims: { role: undefined } })],
    ['names a role that there is not', () => token({ claims: { role: 'root' } })],
    ['names roles', () => token({ claims: { role: ['admin', 'agent'] } })],
    ['names no project', () => token({ claims: { project: undefined } })],
  ])('that %s is refused', async (_, made) => {
    await expect(verify(await made())).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('is taken by a new key as soon as that is published, and by the old one no longer', async () => {
    const [old, by] = [await newSigner('old'), await newSigner('new')];
    published = [...published, old.jwk];
    await verify(await token({ by: old }));
    published = [signer.jwk, by.jwk];
    await verify(await token({ by }));
    await expect(verify(await token({ by: old }))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('cannot be checked while the keys cannot be read, and that passes', async () => {
    const away = tokenVerifier({
      jwksUrl: 'http://127.0.0.1:1/keys',
      issuer: ISSUER,
      audience: AUDIENCE,
      roleClaim: 'role',
      projectClaim: 'project',
    });
    await expect(away(await token())).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
  });
});

/** The oldest trick: the public key, which everybody has, taken for a secret that two share. */
function signedByPublicKey(): Promise<string> {
  const secret = new TextEncoder().encode(JSON.stringify(signer.jwk));
  const signing = new SignJWT(CLAIMS).setProtectedHeader({ alg: 'HS256', kid: signer.kid });
  return signing.setIssuer(ISSUER).setAudience(AUDIENCE).setExpirationTime('1h').sign(secret);
}

describe('a server that trusts an issuer', () => {
  const start = () =>
    startApp({
      env: {
        LIFELINE_AUTH: 'required',
        LIFELINE_JWT_JWKS_URL: jwksUrl,
        LIFELINE_JWT_ISSUER: ISSUER,
        LIFELINE_JWT_AUDIENCE: AUDIENCE,
      },
    });
  const VIEWER = { query: '{ viewer { name role serverAdmin project { slug } } }' };

  it('takes its tokens on every transport, and none for a project that is not there', async () => {
    await using app = await start();
    const viewer = { name: 'ada@example.org', role: 'ADMIN', serverAdmin: false, project: { slug: 'default' } };
    for (const [transport, ask] of Object.entries(asks)) {
      const refused = transport === 'a WebSocket' ? 4401 : 401;
      const good = bearer(await token({ claims: { role: 'ADMIN' } }));
      expect(await ask(app.url, VIEWER, good)).toEqual({ result: { data: { viewer } } });
      const elsewhere = bearer(await token({ claims: { project: 'none' } }));
      expect(await ask(app.url, VIEWER, elsewhere)).toEqual({ refused });
      expect(await ask(app.url, VIEWER, bearer(await token({ expires: seconds() - 60 })))).toEqual({ refused });
    }
  });

  it('closes what a token has opened when that expires', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    await using app = await start();
    const log = { query: 'subscription { log { position } }' };
    const socket = openSocket(app.url, log, bearer(await token({ expires: '1h' })));
    await expect.poll(socket.received).toBe(1);
    vi.advanceTimersByTime(3_600_000);
    expect(await socket.over).toBe(4401);
  });
});
