import type { Role } from '../domain/role.js';
import { createApiKey, revokeApiKey, visible } from '../store/apiKey.js';
import type { Caller } from '../store/store.js';
import { builder, enumOf } from './builder.js';
import { FORWARD, list } from './connection.js';
import { decoded } from './id.js';
import { ApiKeyConnection, ApiKeyNode, ProjectNode } from './node.js';
import { NEWEST_CREATED_FIRST } from './order.js';
import { ADMIN } from './role.js';

const RoleEnum = enumOf<Role>('Role', 'What a credential may do; each role may do what those before it may.', {
  OBSERVER: 'Read and watch.',
  AGENT: 'Also write what an agent writes.',
  ADMIN: 'Also import, purge, and manage the keys of the project.',
});

const Viewer = builder.objectRef<Caller>('Viewer').implement({
  description:
    'Whom the credential of this request stands for. A key acts in its own project; the server’s own admin key in the ' +
    'project named by the header `X-Lifeline-Project` (in `connection_init`: `project`), else in `default`.',
  fields: (t) => ({
    role: t.expose('role', {
      type: RoleEnum,
      description: 'What this credential may do.',
    }),
    project: t.prismaField({
      type: ProjectNode,
      description: 'The project that it acts in.',
      resolve: (query, { projectId }, _, { store }) =>
        store.database.prisma.project.findUniqueOrThrow({ ...query, where: { id: projectId } }),
    }),
    name: t.exposeString('name', { description: 'The name that records of its doings carry.' }),
    serverAdmin: t.exposeBoolean('serverAdmin', { description: "Whether it is the server's own admin key." }),
  }),
});

builder.prismaObjectFields('ApiKey', (t) => ({
  name: t.exposeString('name', { description: 'Whose it is: records of its doings carry this name.' }),
  role: t.expose('role', { type: RoleEnum, description: 'What it may do.' }),
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  lastUsedAt: t.expose('lastUsedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When it was last used, to about a minute; null where it never was.',
  }),
  revokedAt: t.expose('revokedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When it was revoked; null where it is good.',
  }),
}));

builder.queryFields((t) => ({
  viewer: t.field({
    type: Viewer,
    description: 'Whom this request stands for.',
    resolve: (_, __, { caller }) => caller,
  }),
  apiKeys: t.field({
    ...ADMIN,
    type: ApiKeyConnection,
    description: 'For an ADMIN. The keys of the project, revoked ones too, the newest first.',
    args: FORWARD,
    resolve: (_, paging, context, info) => {
      const { caller, store } = context;
      const where = { projectId: caller.projectId, ...visible(caller) };
      return list(store.database.prisma.apiKey, { order: NEWEST_CREATED_FIRST, paging, where }, context, info);
    },
  }),
}));

builder.relayMutationField(
  'createApiKey',
  {
    description: 'The key that is to be made.',
    inputFields: (t) => ({
      name: t.string({ required: true, description: 'Whose it is: records of its doings carry this name.' }),
      role: t.field({ type: RoleEnum, required: true, description: 'What it may do.' }),
      projectSlug: t.string({
        description: "In which project: for the server's own admin, to everybody else FORBIDDEN. Absent: the caller's.",
      }),
    }),
  },
  {
    ...ADMIN,
    description: 'For an ADMIN. Makes a key. It shows its secret this once, and nothing shows it again.',
    resolve: (_, { input }, { store, caller }) => createApiKey(store, caller, input),
  },
  {
    description: 'The key, and its secret.',
    outputFields: (t) => ({
      apiKey: t.field({ type: ApiKeyNode, description: 'The key.', resolve: ({ apiKey }) => apiKey }),
      secret: t.exposeString('secret', {
        description: 'What to send as `authorization: Bearer …`. It is shown this once; only its hash is kept.',
      }),
    }),
  },
);

builder.relayMutationField(
  'revokeApiKey',
  {
    description: 'The key that is to be good no longer.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'Which key.' }),
    }),
  },
  {
    ...ADMIN,
    description:
      'For an ADMIN. Revokes a key for good: within 5 seconds, on every server, its requests are refused and what it has ' +
      'open is closed. Twice changes nothing. NOT_FOUND for an id that is unknown.',
    resolve: (_, { input }, { store, caller }) => revokeApiKey(store, caller, decoded(input, { id: 'ApiKey' })),
  },
  {
    description: 'The key as it stands now.',
    outputFields: (t) => ({
      apiKey: t.field({ type: ApiKeyNode, description: 'The key.', resolve: ({ apiKey }) => apiKey }),
    }),
  },
);
