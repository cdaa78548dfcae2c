import { decodeIdOf, uuidRange } from '../domain/id.js';
import { unstorable } from '../domain/limits.js';
import type { Prisma } from '../store/store.js';
import { builder } from './builder.js';
import { SessionNode } from './node.js';
import { literally } from './sessionFilter.js';

const MOST = 10;
const PREFIX_MIN_CHARACTERS = 4;
const HANDLES = ['agentName', 'instanceId', 'externalId'] as const;

/** What a hint may mean, the likeliest first. */
function meanings(hint: string): Prisma.SessionWhereInput[] {
  if (hint === '' || unstorable(hint)) return [{}];
  return [
    anyOf(decodeIdOf('Session', hint), hint),
    ...(Array.from(hint).length >= PREFIX_MIN_CHARACTERS
      ? [anyOf(uuidRange('Session', hint), { startsWith: literally(hint) })]
      : []),
    { pulse: { currentEpic: { equals: literally(hint), mode: 'insensitive' } } },
    {},
  ];
}

function anyOf(id: string | Prisma.UuidFilter | null, handle: string | Prisma.StringFilter): Prisma.SessionWhereInput {
  return { OR: [...(id === null ? [] : [{ id }]), ...HANDLES.map((name) => ({ [name]: handle }))] };
}

builder.queryField('findSessions', (t) =>
  t.prismaField({
    type: [SessionNode],
    description:
      'What a hint may mean: the session of this very id or handle (agent name, instance id, external id), else those whose ' +
      'id or handle begins with it, where it has 4 or more characters, else those at this epic, in upper or lower case, else ' +
      'the newest of all. Best first, the newest first among equals, at most 10.',
    args: { hint: t.arg.string({ required: true, description: 'What one remembers of it.' }) },
    resolve: async (query, _, { hint }, { store, caller: { projectId } }) => {
      for (const meaning of meanings(hint)) {
        const where = { AND: [{ projectId }, meaning] };
        const found = await store.database.prisma.session.findMany({
          ...query,
          where,
          orderBy: { ordinal: 'desc' },
          take: MOST,
        });
        if (found.length > 0) return found;
      }
      return [];
    },
  }),
);
