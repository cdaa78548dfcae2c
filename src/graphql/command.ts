import type { CommandSource } from '../domain/command.js';
import { unstorable } from '../domain/limits.js';
import type { Prisma } from '../store/store.js';
import { builder, enumOf } from './builder.js';
import { FORWARD, list, related } from './connection.js';
import type { Paging } from './page.js';
import { CommandConnection } from './node.js';
import { NEWEST_CREATED_FIRST, NEWEST_SEQUENCE_FIRST } from './order.js';

export const CommandSourceEnum = enumOf<CommandSource>('CommandSource', 'Who told of a command.', {
  AUTO: "The agent's runtime, of every command.",
  EXPLICIT: 'Somebody, on purpose.',
});

/** What the parts of a command are, where it is given and where it is read. */
export const COMMAND = {
  commandType: 'What kind of command it is: tool, shell, git, …',
  action: 'What was done.',
  toolName: 'The tool that did it; null where it was none.',
  parameters: 'What it was called with; null where nobody said.',
  result: 'What it answered; null where nobody said.',
  success: 'Whether it did what it was to do.',
  errorMessage: 'What went wrong; null where nobody said.',
  executionTimeMs: 'How long it took, in milliseconds; null where nobody said.',
  tags: 'Words to find it by.',
  contextData: 'An object of what its caller keeps with it; null where nobody said.',
  source: 'Who told of it.',
} as const;

builder.prismaObjectFields('Command', (t) => ({
  session: t.relation('session', { description: 'The session that carried it out.' }),
  sequence: t.expose('sequence', {
    type: 'SafeInt',
    description: "Its place among its session's commands: 1, 2, 3, …",
  }),
  commandType: t.exposeString('commandType', { description: COMMAND.commandType }),
  action: t.exposeString('action', { description: COMMAND.action }),
  toolName: t.exposeString('toolName', { nullable: true, description: COMMAND.toolName }),
  parameters: t.expose('parameters', { type: 'JSON', nullable: true, description: COMMAND.parameters }),
  result: t.expose('result', { type: 'JSON', nullable: true, description: COMMAND.result }),
  success: t.exposeBoolean('success', { description: COMMAND.success }),
  errorMessage: t.exposeString('errorMessage', { nullable: true, description: COMMAND.errorMessage }),
  executionTimeMs: t.exposeInt('executionTimeMs', { nullable: true, description: COMMAND.executionTimeMs }),
  tags: t.exposeStringList('tags', { description: COMMAND.tags }),
  contextData: t.expose('contextData', { type: 'JSON', nullable: true, description: COMMAND.contextData }),
  source: t.expose('source', { type: CommandSourceEnum, description: COMMAND.source }),
  redacted: t.exposeBoolean('redacted', {
    description: 'Whether something in it looked like a secret and was replaced before it was stored.',
  }),
  createdAt: t.expose('createdAt', {
    type: 'DateTime',
    description: "When it was carried out, as the caller says; the database's clock where it says nothing.",
  }),
}));

const CommandFilter = builder.inputType('CommandFilter', {
  description: 'Which commands: those that match everything that is given. An empty list matches nothing.',
  fields: (t) => ({
    success: t.boolean({ description: 'That succeeded; false: that failed.' }),
    action: t.string({ description: 'That did this.' }),
    toolName: t.string({ description: 'Of this tool.' }),
    commandType: t.string({ description: 'Of this kind.' }),
    tags: t.stringList({ description: 'That bear one of these tags.' }),
    since: t.field({ type: 'DateTime', description: 'Carried out at this time or later.' }),
    until: t.field({ type: 'DateTime', description: 'Carried out before this time.' }),
    slowerThanMs: t.int({ description: 'That took longer than this, in milliseconds.' }),
  }),
});
type CommandFilter = typeof CommandFilter.$inferInput;

function commandWhere(filter: CommandFilter | null | undefined): Prisma.CommandWhereInput {
  if (!filter) return {};
  const { success, action, toolName, commandType, tags, since, until, slowerThanMs } = filter;
  // What cannot be stored is in no command.
  const texts = [action, toolName, commandType, ...(tags ?? [])];
  if (texts.some((text) => text != null && unstorable(text))) return { id: { in: [] } };
  return {
    success: success ?? undefined,
    action: action ?? undefined,
    toolName: toolName ?? undefined,
    commandType: commandType ?? undefined,
    tags: tags ? { hasSome: tags } : undefined,
    createdAt: { gte: since ?? undefined, lt: until ?? undefined },
    executionTimeMs: slowerThanMs == null ? undefined : { gt: slowerThanMs },
  };
}

const filterArg = builder.args((t) => ({
  filter: t.field({ type: CommandFilter, description: 'Which commands; all where absent.' }),
}));

interface Filtered extends Paging {
  filter?: CommandFilter | null;
}

builder.prismaObjectField('Session', 'commands', (t) =>
  t.field({
    description: 'Its commands, the newest first.',
    args: { ...filterArg, ...FORWARD },
    ...related(CommandConnection, 'commands', NEWEST_SEQUENCE_FIRST, ({ filter }: Filtered) => commandWhere(filter)),
  }),
);

builder.queryField('commands', (t) =>
  t.field({
    type: CommandConnection,
    description: 'The commands of the project, the newest first.',
    args: { ...filterArg, ...FORWARD },
    resolve: (_, { filter, ...paging }, context, info) => {
      const where = { projectId: context.caller.projectId, ...commandWhere(filter) };
      const { command } = context.store.database.prisma;
      return list(command, { order: NEWEST_CREATED_FIRST, paging, where }, context, info);
    },
  }),
);
