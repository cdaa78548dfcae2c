import { getNamedType, isLeafType, type GraphQLResolveInfo } from 'graphql';
import { QueryTooCostlyError } from '../domain/errors.js';
import { CHAIN_COUNTED } from '../domain/limits.js';
import type { Session } from '../store/store.js';
import { batched } from './batch.js';
import { spend } from './budget.js';
import { builder } from './builder.js';
import type { Model } from './connection.js';
import type { Context } from './context.js';
import { isDocument } from './heavy.js';
import { SessionNode } from './node.js';
import { asksOnly } from './selection.js';

/**
 * What a line can be made of: of the chain of each session the sessions up to its place, forks among them. One statement
 * for a whole page.
 */
const chainMembers = batched(
  async (ends: Session[], context: Context, query: { select?: object }, isLight: boolean) => {
    const { store, caller } = context;
    const told = ends.reduce((sum, { chainIndex }) => sum + chainIndex + 1, 0);
    const counted = ends.length * CHAIN_COUNTED;
    if (isLight) spend(context, 'entries', told);
    else if (told > counted) throw new QueryTooCostlyError({ rule: 'entries', limit: counted, actual: told });
    const lengths = new Map<string, number>();
    for (const { chainRootId, chainIndex } of ends) {
      lengths.set(chainRootId, Math.max(chainIndex, lengths.get(chainRootId) ?? 0));
    }
    // The line is put together by ids, whoever asks for them.
    const select = { ...query.select, id: true, parentId: true };
    const model: Model<Session> = store.database.prisma.session;
    const sessions = await model.findMany({
      select,
      where: {
        projectId: caller.projectId,
        OR: Array.from(lengths, ([chainRootId, chainIndex]) => ({ chainRootId, chainIndex: { lte: chainIndex } })),
      },
    });
    const members = new Map(sessions.map((session) => [session.id, session]));
    return new Map(ends.map((end) => [end, members]));
  },
);

/** Whether no more is asked of the sessions than the statement that reads them answers with, and no document. */
function isLight(info: GraphQLResolveInfo): boolean {
  const fields = Object.values(info.parentType.getFields());
  const light = fields.filter(({ name, type }) => isLeafType(getNamedType(type)) && !isDocument('Session', name));
  return asksOnly(new Set([...light.map(({ name }) => name), 'workspace', 'liveness', '__typename']), info);
}

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
      'purged, it begins with the one after. Of more than 50 sessions it tells only their own fields, but no `metadata`, and ' +
      'of up to 10,000.',
    resolve: async (query, session, _, context, info) =>
      lineOf(session, await chainMembers(session, context, info, query, isLight(info))),
  }),
  chainRoot: t.prismaField({
    type: SessionNode,
    description: 'The session that its chain began with; where that one was purged, the first of `chain`.',
    resolve: async (query, session, _, context, info) => {
      const { chainRootId } = session;
      const { projectId } = context.caller;
      // Prisma makes one statement of those that are asked for at once.
      const root = await context.store.database.prisma.session.findUnique({
        ...query,
        where: { projectId_id: { projectId, id: chainRootId } },
      });
      return root ?? lineOf(session, await chainMembers(session, context, info, query, true))[0] ?? session;
    },
  }),
}));
