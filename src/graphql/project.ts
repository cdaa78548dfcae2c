import { isLive, isOpen, LIFECYCLE_STATES, type LifecycleState, type Role } from '../domain/session.js';
import type { Caller } from '../store/store.js';
import { builder, enumOf } from './builder.js';
import { byState } from './count.js';
import { ProjectNode } from './node.js';
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

const Viewer = builder.objectRef<Caller>('Viewer').implement({
  description:
    'Whom the credential of this request stands for. A key acts in its own project; the server’s own admin key in the ' +
    'project named by the header `X-Lifeline-Project` (in `connection_init`: `project`), else in `default`.',
  fields: (t) => ({
    role: t.expose('role', {
      type: enumOf<Role>('Role', 'What a credential may do; each role may do what those before it may.', {
        OBSERVER: 'Read and watch.',
        AGENT: 'Also write what an agent writes.',
        ADMIN: 'Also administer the project.',
      }),
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

builder.queryFields((t) => ({
  viewer: t.field({
    type: Viewer,
    description: 'Whom this request stands for.',
    resolve: (_, __, { caller }) => caller,
  }),
  project: t.prismaField({
    type: ProjectNode,
    description: 'The project of the credential.',
    resolve: (query, _, __, { store, caller }) =>
      store.database.prisma.project.findUniqueOrThrow({ ...query, where: { id: caller.projectId } }),
  }),
}));
