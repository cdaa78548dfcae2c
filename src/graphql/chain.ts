import type { Session } from '../store/store.js';
import { batched } from './batch.js';
import { builder } from './builder.js';
import type { Context } from './context.js';
import { SessionNode } from './node.js';

/**
 * What a line can be made of: of the chain of each session the sessions up to its place, forks among them. One statement
 * for a whole page.
 */
const chainMembers = batched(async (ends: Session[], { store, caller }: Context, query: object) => {
  const lengths = new Map<string, number>();
  for (const { chainRootId, chainIndex } of ends) {
    lengths.set(chainRootId, Math.max(chainIndex, lengths.get(chainRootId) ?? 0));
  }
  const sessions = await store.database.prisma.session.findMany({
    ...query,
    where: {
      projectId: caller.projectId,
      OR: Array.from(lengths, ([chainRootId, chainIndex]) => ({ chainRootId, chainIndex: { lte: chainIndex } })),
    },
  });
  const members = new Map(sessions.map((session) => [session.id, session]));
  return new Map(ends.map((end) => [end, members]));
});

/** From the oldest that is left to the session itself, by `parent`. */
function lineOf(session: Session, members: ReadonlyMap<string, Session> = new Map()): Session[] {
  const line: Session[] = [];
  let next = members.get(session.id);
  while (next) {
    line.push(next);
    next = next.parentId === null ? undefined : members.get(next.parentId);
  }
  return line.reverse();
}

builder.prismaObjectFields('Session', (t) => ({
  chain: t.prismaField({
    type: [SessionNode],
    description:
      'From the root of its chain to this session, oldest first, read with one statement. Where a session before it was ' +
      'purged, it begins with the one after.',
    resolve: async (query, session, _, context, info) =>
      lineOf(session, await chainMembers(session, context, info, query)),
  }),
  chainRoot: t.prismaField({
    type: SessionNode,
    description: 'The session that its chain began with; where that one was purged, the first of `chain`.',
    resolve: async (query, session, _, context, info) => {
      const { projectId, chainRootId } = session;
      // Prisma makes one statement of those that are asked for at once.
      const root = await context.store.database.prisma.session.findUnique({
        ...query,
        where: { projectId_id: { projectId, id: chainRootId } },
      });
      return root ?? lineOf(session, await chainMembers(session, context, info, query))[0] ?? session;
    },
  }),
}));
