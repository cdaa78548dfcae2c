import { ForbiddenError } from '../domain/errors.js';
import { ROLES, type Role } from '../domain/session.js';
import type { Caller } from '../store/store.js';

/** The caller, where he may do what the role may. @throws ForbiddenError */
export function as(required: Role, caller: Caller): Caller {
  if (ROLES.indexOf(caller.role) >= ROLES.indexOf(required)) return caller;
  throw new ForbiddenError({ required });
}
