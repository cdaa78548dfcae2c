import { logCommands } from '../store/command.js';
import { builder } from './builder.js';
import { COMMAND, CommandSourceEnum } from './command.js';
import { decoded } from './id.js';
import { CommandNode } from './node.js';
import { OCCURRED_AT, POSITION } from './payload.js';

const CommandInput = builder.inputType('CommandInput', {
  description:
    'A command to log. Secrets in its action, parameters, result, error and context are redacted before it is stored.',
  fields: (t) => ({
    commandType: t.string({ required: true, description: COMMAND.commandType }),
    action: t.string({ required: true, description: COMMAND.action }),
    toolName: t.string({ description: COMMAND.toolName }),
    parameters: t.field({ type: 'JSON', description: COMMAND.parameters }),
    result: t.field({ type: 'JSON', description: COMMAND.result }),
    success: t.boolean({ required: true, defaultValue: true, description: COMMAND.success }),
    errorMessage: t.string({ description: COMMAND.errorMessage }),
    executionTimeMs: t.int({ description: COMMAND.executionTimeMs }),
    tags: t.stringList({ description: COMMAND.tags }),
    contextData: t.field({ type: 'JSON', description: COMMAND.contextData }),
    source: t.field({
      type: CommandSourceEnum,
      required: true,
      defaultValue: 'EXPLICIT',
      description: COMMAND.source,
    }),
    occurredAt: t.field({ type: 'DateTime', ...OCCURRED_AT }),
    dedupeKey: t.string({ description: 'Repeating it in the same session answers with the command already there.' }),
  }),
});

builder.relayMutationField(
  'logCommands',
  {
    description: '1 to 500 commands of one session, all or none.',
    inputFields: (t) => ({
      sessionId: t.id({ required: true, description: 'Whose; it must be open.' }),
      commands: t.field({ type: [CommandInput], required: true, description: 'The commands, in their order.' }),
    }),
  },
  {
    description: 'Logs commands that a session carried out. It counts as a sign of life.',
    resolve: (_, { input }, { store, caller }) => logCommands(store, caller, decoded(input, { sessionId: 'Session' })),
  },
  {
    description: 'What was logged.',
    outputFields: (t) => ({
      commands: t.field({
        type: [CommandNode],
        description: 'The commands in the order of the input, those that were there already among them.',
        resolve: ({ commands }) => commands,
      }),
      position: t.expose('position', { type: 'SafeInt', ...POSITION }),
    }),
  },
);
