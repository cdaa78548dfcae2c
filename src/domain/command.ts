// A command is what an agent carried out, with its answer: told by the agent's runtime or on purpose, never changed.

export const COMMAND_SOURCES = ['AUTO', 'EXPLICIT'] as const;
export type CommandSource = (typeof COMMAND_SOURCES)[number];
