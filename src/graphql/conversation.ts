import { decodeIdOf } from '../domain/id.js';
import { unstorable } from '../domain/limits.js';
import { closeConversation } from '../store/conversation.js';
import { builder } from './builder.js';
import { FORWARD, list } from './connection.js';
import { uuidOf } from './id.js';
import { ConversationConnection, ConversationNode, SessionNode } from './node.js';
import { NEWEST_CREATED_FIRST } from './order.js';
import { POSITION } from './payload.js';

builder.prismaObjectFields('Conversation', (t) => ({
  platform: t.exposeString('platform', { description: 'Where it takes place: slack, github, claude-code, …' }),
  externalId: t.exposeString('externalId', { description: "The platform's own id for it; unique there." }),
  title: t.exposeString('title', { nullable: true, description: 'What people call it; null where nobody said.' }),
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was first heard of.' }),
  lastActivityAt: t.expose('lastActivityAt', {
    type: 'DateTime',
    description: 'When a session last began in it or a message came that may begin one, or when it was closed.',
  }),
  closedAt: t.expose('closedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When it was closed; null unless it is.',
  }),
  openSession: t.field({
    type: SessionNode,
    nullable: true,
    description: 'The session that is open in it now: at most one, null where there is none.',
    extensions: { relation: 'sessions' },
    select: (_, __, nestedSelection) => ({ sessions: nestedSelection({ where: { endedAt: null }, take: 1 }) }),
    resolve: ({ sessions }) => sessions[0],
  }),
}));

export const ConversationKey = builder.inputType('ConversationKey', {
  description: 'A conversation as its platform knows it.',
  fields: (t) => ({
    platform: t.string({ required: true, description: 'The platform.' }),
    externalId: t.string({ required: true, description: "The platform's own id for it." }),
  }),
});

export const ConversationRef = builder.inputType('ConversationRef', {
  description: 'One conversation, by exactly one of the ways to name it.',
  isOneOf: true,
  fields: (t) => ({
    id: t.id({ description: 'Its id.' }),
    key: t.field({ type: ConversationKey, description: 'As its platform knows it.' }),
  }),
});

/** How the store names it. @throws NotFoundError for an id that is none of a conversation. */
function named({ id, key }: typeof ConversationRef.$inferInput) {
  return key ? { key } : { id: uuidOf('Conversation', id) };
}

builder.queryFields((t) => ({
  conversation: t.prismaField({
    type: ConversationNode,
    nullable: true,
    description: 'One conversation; null where there is none of that name.',
    args: { by: t.arg({ type: ConversationRef, required: true, description: 'Which one.' }) },
    resolve: (query, _, { by }, { store, caller: { projectId } }) => {
      const conversations = store.database.prisma.conversation;
      if (by.key) {
        if (unstorable(by.key.platform) || unstorable(by.key.externalId)) return null;
        const key = { projectId, ...by.key };
        return conversations.findUnique({ ...query, where: { projectId_platform_externalId: key } });
      }
      const id = decodeIdOf('Conversation', by.id);
      return id === null ? null : conversations.findUnique({ ...query, where: { projectId_id: { projectId, id } } });
    },
  }),
  conversations: t.field({
    type: ConversationConnection,
    description: 'The conversations of the project, the newest first.',
    args: FORWARD,
    resolve: (_, paging, context, info) => {
      const where = { projectId: context.caller.projectId };
      return list(
        context.store.database.prisma.conversation,
        { order: NEWEST_CREATED_FIRST, paging, where },
        context,
        info,
      );
    },
  }),
}));

builder.relayMutationField(
  'closeConversation',
  {
    description: 'The end of a conversation.',
    inputFields: (t) => ({
      conversation: t.field({ type: ConversationRef, required: true, description: 'Which one.' }),
    }),
  },
  {
    description:
      'Closes a conversation and ends its open session (CONVERSATION_CLOSED). Closing twice changes nothing.',
    resolve: (_, { input: { conversation } }, { store, caller }) =>
      closeConversation(store, caller, { conversation: named(conversation) }),
  },
  {
    description: 'The conversation as it stands now.',
    outputFields: (t) => ({
      conversation: t.field({
        type: ConversationNode,
        description: 'The conversation.',
        resolve: ({ conversation }) => conversation,
      }),
      ended: t.field({
        type: SessionNode,
        nullable: true,
        description: 'The session that was open in it; null where there was none.',
        resolve: ({ ended }) => ended,
      }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
