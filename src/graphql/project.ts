import { isLive, isOpen, LIFECYCLE_STATES, type LifecycleState } from '../domain/session.js';
import { createProject } from '../store/project.js';
import { builder } from './builder.js';
import { FORWARD, list } from './connection.js';
import { byState } from './count.js';
import { ProjectConnection, ProjectNode } from './node.js';
import { NEWEST_CREATED_FIRST } from './order.js';
import { SERVER_ADMIN } from './role.js';
import { StateCount } from './state.js';

builder.prismaObjectFields('Project', (t) => ({
  slug: t.exposeString('slug', { description: 'Its short name; unique on the server.' }),
  name: t.exposeString('name', { description: 'What people call it.' }),
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
  logPosition: t.expose('logPosition', {
    type: 'SafeInt',
    description: "The position of the newest entry in this project's log; 0 where it is empty.",
  }),
  logStart: t.expose('logStart', {
    type: 'SafeInt',
    description: 'The oldest position that retention has left; a subscription from before it is told so.',
  }),
  stats: t.field({
    type: ProjectStats,
    description: 'How much there is of what, now.',
    resolve: async ({ id: projectId }, _, { store }) => {
      const rows = await store.database.prisma.session.groupBy({ by: ['state'], where: { projectId }, _count: true });
      return { projectId, states: Object.fromEntries(rows.map(({ state, _count }) => [state, _count])) };
    },
  }),
}));

interface Stats {
  projectId: string;
  states: Partial<Record<LifecycleState, number>>;
}

const ProjectStats = builder.objectRef<Stats>('ProjectStats').implement({
  description: 'How much there is of what in a project. Sessions are counted at one moment.',
  fields: (t) => ({
    sessionsByState: t.field({
      type: [StateCount],
      description: 'How many sessions are in each state, zeros included, in the order of the states.',
      resolve: ({ states }) => byState(states),
    }),
    openSessions: t.int({
      description: 'Sessions that have not ended.',
      resolve: ({ states }) => sum(states, isOpen),
    }),
    liveSessions: t.int({
      description: 'Sessions that are BOOTING, WORKING or STALLED.',
      resolve: ({ states }) => sum(states, isLive),
    }),
    activeRuns: t.int({
      description: 'Runs that are ACTIVE.',
      resolve: ({ projectId }, _, { store }) =>
        store.database.prisma.run.count({ where: { projectId, status: 'ACTIVE' } }),
    }),
    openApprovals: t.int({
      description: 'Approvals that are PENDING.',
      resolve: ({ projectId }, _, { store }) =>
        store.database.prisma.approval.count({ where: { projectId, status: 'PENDING' } }),
    }),
  }),
});

function sum(states: Stats['states'], counts: (state: LifecycleState) => boolean): number {
  return LIFECYCLE_STATES.filter(counts).reduce((total, state) => total + (states[state] ?? 0), 0);
}

builder.queryFields((t) => ({
  project: t.prismaField({
    type: ProjectNode,
    description: 'The project of the credential.',
    resolve: (query, _, __, { store, caller }) =>
      store.database.prisma.project.findUniqueOrThrow({ ...query, where: { id: caller.projectId } }),
  }),
  projects: t.field({
    ...SERVER_ADMIN,
    type: ProjectConnection,
    description: "For the server's own admin. All projects, the newest first.",
    args: FORWARD,
    resolve: (_, paging, context, info) => {
      const projects = context.store.database.prisma.project;
      return list(projects, { order: NEWEST_CREATED_FIRST, paging, where: {} }, context, info);
    },
  }),
}));

builder.relayMutationField(
  'createProject',
  {
    description: 'The project that is to be there.',
    inputFields: (t) => ({
      slug: t.string({
        required: true,
        description:
          'Its short name, unique on the server: 1 to 63 of a-z, 0-9 and hyphens, without one at either end.',
      }),
      name: t.string({ description: 'What people call it; the slug where absent.' }),
    }),
  },
  {
    ...SERVER_ADMIN,
    description: "For the server's own admin. Makes a project, with an empty log. VALIDATION where the slug is taken.",
    resolve: (_, { input }, { store }) => createProject(store, input),
  },
  {
    description: 'What is there now.',
    outputFields: (t) => ({
      project: t.field({ type: ProjectNode, description: 'The project.', resolve: ({ project }) => project }),
    }),
  },
);
