// Who may do what. Each role may do what those before it may.

export const ROLES = ['OBSERVER', 'AGENT', 'ADMIN'] as const;
export type Role = (typeof ROLES)[number];

/** Whether a credential with this role may do what `required` may. */
export function includes(role: Role, required: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(required);
}
