// JSON web tokens, as frontends have them from whoever their users log in with. They are checked by this one function for
// every transport: a WebSocket brings its token in a message, where no plugin for HTTP requests would find it.
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose';
import { UnauthenticatedError, UnavailableError } from '../domain/errors.js';
import { checkName, Issues } from '../domain/limits.js';
import { ROLES, type Role } from '../domain/role.js';

// What is signed with a key that only the issuer has: with the others whoever can check could also sign.
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const CLOCK_SKEW_S = 5;

export interface TokenOptions {
  /** Where the issuer publishes its keys. */
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  /** The claims that name the role and the project's slug. */
  readonly roleClaim: string;
  readonly projectClaim: string;
  /** How long a token with an unknown key does not make the keys be read again. Default 5 s. */
  readonly cooldownMs?: number;
}

/** What a token says of its bearer. */
export interface Bearer {
  readonly name: string;
  readonly role: Role;
  readonly projectSlug: string;
  readonly expiresAt: Date;
}

export type VerifyToken = (token: string) => Promise<Bearer>;

/** @throws UnauthenticatedError for a token that is not good, UnavailableError where the issuer's keys cannot be read. */
export function tokenVerifier(options: TokenOptions): VerifyToken {
  const { jwksUrl, issuer, audience, roleClaim, projectClaim, cooldownMs = 5_000 } = options;
  const keys = createRemoteJWKSet(new URL(jwksUrl), { cooldownDuration: cooldownMs });
  const rules = {
    issuer,
    audience,
    algorithms: ALGORITHMS,
    clockTolerance: CLOCK_SKEW_S,
    requiredClaims: ['exp', 'sub', roleClaim, projectClaim],
  };

  return async (token) => {
    const claims = await verified(token);
    const role = ROLES.find((known) => known === String(claims[roleClaim]).toUpperCase());
    const [name, projectSlug] = [claims.sub, claims[projectClaim]];
    if (!role || !isName(name) || typeof projectSlug !== 'string') throw new UnauthenticatedError();
    return { name, role, projectSlug, expiresAt: new Date((claims.exp ?? 0) * 1000) };
  };

  async function verified(token: string): Promise<JWTPayload> {
    try {
      return (await jwtVerify(token, keys, rules)).payload;
    } catch (error) {
      if (isFaultOfKeys(error)) throw new UnavailableError({ reason: 'issuer' });
      throw new UnauthenticatedError();
    }
  }
}

/** Whether it is not the token's fault: the keys cannot be fetched, or what was fetched is none. */
function isFaultOfKeys(error: unknown): boolean {
  const isOfToken = error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC';
  return !isOfToken || error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
}

function isName(name: unknown): name is string {
  const issues = new Issues();
  if (typeof name === 'string') checkName(issues, 'sub', name);
  return typeof name === 'string' && issues.isEmpty;
}
