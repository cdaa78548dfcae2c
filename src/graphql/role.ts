// The rules of the root fields: whoever may not is refused before anything is resolved or subscribed to. What nobody says
// otherwise of, every role may ask and watch, and an AGENT may do. A rule asks for a role and no more, so that it is asked
// without a promise and leaves nothing behind.
import type { GraphQLField, GraphQLFieldResolver, GraphQLObjectType, GraphQLSchema } from 'graphql';
import { ForbiddenError } from '../domain/errors.js';
import { includes, type Role } from '../domain/role.js';
import type { Caller } from '../store/store.js';
import type { Context } from './context.js';

/** What a rule asks for: this role, or one that may do more, or the server's own admin. */
type Required = Role | 'SERVER_ADMIN';
type Ruled = GraphQLField<unknown, Context> & { extensions: { required?: Required } };

/** For fields that administer a project. */
export const ADMIN = { extensions: { required: 'ADMIN' } } as const;

/** For fields that administer the server. */
export const SERVER_ADMIN = { extensions: { required: 'SERVER_ADMIN' } } as const;

/** Has every root field ask for what its rule says. */
export function askForRoles(schema: GraphQLSchema): GraphQLSchema {
  for (const field of fieldsOf(schema.getQueryType())) field.resolve = guarded(field, field.resolve, 'OBSERVER');
  for (const field of fieldsOf(schema.getMutationType())) field.resolve = guarded(field, field.resolve, 'AGENT');
  // Else a subscription would be refused with its first message, once it has begun.
  for (const field of fieldsOf(schema.getSubscriptionType())) {
    field.subscribe = guarded(field, field.subscribe, 'OBSERVER');
  }
  return schema;
}

const fieldsOf = (type: GraphQLObjectType | null | undefined): Ruled[] => Object.values(type?.getFields() ?? {});

type Resolve = GraphQLFieldResolver<unknown, Context>;

function guarded({ name, extensions }: Ruled, resolve: Resolve | undefined, usual: Role): Resolve {
  if (!resolve) throw new Error(`${name} is no field that can be asked`);
  const required = extensions.required ?? usual;
  return (root, args, context, info) => {
    if (!isMet(required, context.caller)) throw refusal(required);
    return resolve(root, args, context, info);
  };
}

const isMet = (required: Required, { role, serverAdmin }: Caller): boolean =>
  required === 'SERVER_ADMIN' ? serverAdmin : includes(role, required);

const refusal = (required: Required): ForbiddenError =>
  new ForbiddenError(required === 'SERVER_ADMIN' ? { required: 'ADMIN', serverAdmin: true } : { required });
