// Whom a request stands for. There are three credentials: the server's own admin key, the key of a project, and a token of
// an issuer that the server trusts. Where none is needed, whoever brings none is the server's admin too, since only this
// machine reaches it; whoever brings one is held to it. Each address may bring so many that are no good: beyond that it is
// refused without a look into the database, and no more is written to the log.
import { createHash, timingSafeEqual } from 'node:crypto';
import { bearerToken, idOfKey } from '../domain/apiKey.js';
import { NotFoundError, UnauthenticatedError } from '../domain/errors.js';
import { DEFAULT_PROJECT } from '../domain/project.js';
import type { Caller } from '../store/store.js';
import type { Keyring } from '../store/keyring.js';
import { REFUSALS } from './limits.js';
import { RateLimit } from './rate.js';
import type { VerifyToken } from './token.js';

/** What a request brings: the header `authorization` or the field of `connection_init`, and the project that it names. */
export interface Credential {
  readonly authorization?: unknown;
  readonly project?: unknown;
}

/** Why a credential is good no longer. */
export type Ending = 'revoked' | 'expired';

export interface Grant {
  readonly caller: Caller;
  /** Names the credential: the same for all that comes with it, and for nothing else. */
  readonly holder: string;
  /** Calls back once, when the credential is good no longer. The function that it answers with ends that. */
  readonly whenOver: (listener: (why: Ending) => void) => () => void;
}

/**
 * `address` is the client's.
 * @throws UnauthenticatedError for no or a wrong credential, RateLimitedError instead where too many came from the address,
 *   NotFoundError where the server's admin names a project that is not there.
 */
export type Authenticate = (credential: Credential, address: string) => Promise<Grant>;

export interface AuthOptions {
  /** Whether a request needs a credential. */
  readonly isRequired: boolean;
  /** The server's own, besides what is stored; null: none. */
  readonly adminKey: string | null;
  readonly keyring: Keyring;
  /** The id of the project of a slug; null where there is none. */
  readonly findProject: (slug: string) => Promise<string | null>;
  /** null: no token is taken. */
  readonly verifyToken: VerifyToken | null;
}

export function authentication(options: AuthOptions): Authenticate {
  const { isRequired, adminKey, keyring, findProject, verifyToken } = options;
  const adminHash = adminKey === null ? null : sha256(adminKey);
  const refusals = new RateLimit(REFUSALS);
  // Projects stay, so one that was found is known for good.
  const projects = new Map<string, string>();

  async function projectOf(slug: string): Promise<string | null> {
    const id = projects.get(slug) ?? (await findProject(slug));
    if (id !== null) projects.set(slug, id);
    return id;
  }

  async function asAdmin(name: string, project: unknown): Promise<Caller> {
    const slug = typeof project === 'string' && project !== '' ? project : DEFAULT_PROJECT;
    const projectId = await projectOf(slug);
    if (projectId === null) throw new NotFoundError({ kind: 'Project', ref: slug });
    return { projectId, name, role: 'ADMIN', serverAdmin: true };
  }

  async function byKey(token: string, project: unknown, beforeLook: () => void): Promise<Grant> {
    const { id, caller, whenRevoked } = await keyring.find(token, beforeLook);
    return {
      caller: caller.serverAdmin ? await asAdmin(caller.name, project) : caller,
      holder: `key ${id}`,
      whenOver: (listener) => whenRevoked(() => listener('revoked')),
    };
  }

  async function byToken(verify: VerifyToken, token: string): Promise<Grant> {
    const { projectSlug, expiresAt, name, role } = await verify(token);
    const projectId = await projectOf(projectSlug);
    if (projectId === null) throw new UnauthenticatedError();
    return {
      caller: { projectId, name, role, serverAdmin: false },
      holder: `bearer ${projectId} ${name}`,
      whenOver: (listener) => at(expiresAt, () => listener('expired')),
    };
  }

  async function grantOf({ authorization, project }: Credential, beforeLook: () => void): Promise<Grant> {
    if (authorization === undefined && !isRequired) return lasting(await asAdmin('local', project));
    const token = bearerToken(authorization);
    if (token === null) throw new UnauthenticatedError();
    if (adminHash && timingSafeEqual(adminHash, sha256(token))) return lasting(await asAdmin('admin', project));
    if (idOfKey(token) !== null) return byKey(token, project, beforeLook);
    if (verifyToken) return byToken(verifyToken, token);
    throw new UnauthenticatedError();
  }

  return async (credential, address) => {
    // What has to be looked up counts until it proves good, so that many at once are no more than one after another.
    let isCounted = false;
    const count = (): void => {
      if (!isCounted) refusals.take(address);
      isCounted = true;
    };
    const uncount = (): void => {
      if (isCounted) refusals.giveBack(address);
    };
    try {
      const grant = await grantOf(credential, count);
      uncount();
      return grant;
    } catch (error) {
      if (error instanceof UnauthenticatedError) count();
      else uncount();
      throw error;
    }
  };
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** For what stands for the server's admin, of whatever project, as long as the server runs. */
const lasting = (caller: Caller): Grant => ({ caller, holder: caller.name, whenOver: () => () => undefined });

// Timers take no longer times, and what lasts for weeks is asked for again by then.
const TIMER_MAX_MS = 2 ** 31 - 1;

function at(time: Date, listener: () => void): () => void {
  const timer = setTimeout(listener, Math.min(time.getTime() - Date.now(), TIMER_MAX_MS)).unref();
  return () => clearTimeout(timer);
}
