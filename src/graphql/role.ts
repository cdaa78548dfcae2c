// The rules of the root fields: whoever may not is refused before anything is resolved or subscribed to. What nobody says
// otherwise of, every role may ask and watch, and an AGENT may do.
import type { AuthFailure } from '@pothos/plugin-scope-auth';
import { ForbiddenError } from '../domain/errors.js';
import { includes, type Role } from '../domain/role.js';
import type { Context } from './context.js';

/** What a rule can ask for. */
export interface Scopes {
  /** This role, or one that may do more. */
  role: Role;
  /** The server's own admin. */
  serverAdmin: boolean;
}

export const scopesOf = ({ caller }: Context) => ({
  role: (required: Role) => includes(caller.role, required),
  serverAdmin: caller.serverAdmin,
});

/** For fields that administer a project. */
export const ADMIN = { authScopes: { role: 'ADMIN' }, skipTypeScopes: true } as const;

/** For fields that administer the server. */
export const SERVER_ADMIN = { authScopes: { serverAdmin: true }, skipTypeScopes: true } as const;

/** Tells what was missing. */
export function refusalOf(failure: AuthFailure): ForbiddenError {
  if ('failures' in failure && failure.failures[0]) return refusalOf(failure.failures[0]);
  const isRole = 'parameter' in failure && failure.scope === 'role';
  return new ForbiddenError(
    isRole ? { required: failure.parameter as Role } : { required: 'ADMIN', serverAdmin: true },
  );
}
