import type { Api } from './capability.js';

export const PS = 'odin-PS-8f4a2b';
export const MS = 'odin-MS-1c9d3e';

/** A supervisor's session: the PS unless the input says otherwise. */
export const register = ({ start }: Api, input: object = {}): Promise<string> =>
  start({ kind: 'SUPERVISOR', instanceId: PS, ...input });

export const beat = ({ act }: Api, input: object): Promise<unknown> => act('heartbeat', input, 'recommendedAction');

/** Appends events; their ids. */
export async function emit({ act }: Api, sessionId: string, ...events: object[]): Promise<string[]> {
  return idsOf((await act('appendEvents', { sessionId, events }, 'events { id }')).events);
}

/** Logs commands, of which a test says only what matters to it; their ids. */
export async function logCommands({ act }: Api, sessionId: string, ...commands: object[]): Promise<string[]> {
  const full = commands.map((command) => ({ commandType: 'task', action: 'test', ...command }));
  return idsOf((await act('logCommands', { sessionId, commands: full }, 'commands { id }')).commands);
}

/** Takes a checkpoint; its id. */
export async function takeCheckpoint({ act }: Api, sessionId: string, input: object = {}): Promise<string> {
  const full = { sessionId, workState: { epic: '003' }, ...input };
  return (await act('createCheckpoint', full, 'checkpoint { id }')).checkpoint.id;
}

export const idsOf = (nodes: { id: string }[]): string[] => nodes.map(({ id }) => id);
