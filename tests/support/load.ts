import type { Folder } from './imported.js';
import { answer, boundary, bytes, call, line, message, type Fields } from './transcript.js';

const SESSIONS = ['4d5611e5-241a-462a-8d15-5122611a9569', 'fa812bfe-b295-4cca-9c2f-fdf01028cb46'];
const CALLS = 160;
// As much as a file that an agent reads: all of it together is more than lies between a server and a client that does not read.
const OUTPUT = 'All work and no play. '.repeat(1_000);

/** Writes transcripts of the shape of real ones: sessions in two windows, each with a subagent, and heavy answers. */
export async function writeLoad(folder: Folder): Promise<void> {
  for (const sessionId of SESSIONS) {
    const window = (name: string) => work(`${name} of ${sessionId}`, CALLS);
    const task = call(`task-${sessionId}`, 'Task', { description: 'look around', prompt: 'look' });
    await write(`${sessionId}.jsonl`, sessionId, [...window('first'), task, boundary, ...window('second')]);
    const subagent = work(`subagent of ${sessionId}`, CALLS / 4).map((entry) => ({ ...entry, agentId: 'a1' }));
    await write(`${sessionId}/subagents/agent-a1.jsonl`, sessionId, subagent);
  }

  async function write(file: string, sessionId: string, entries: Fields[]): Promise<void> {
    const lines = entries.map((entry, index) => line(1, { ...entry, sessionId, uuid: `${file}-${index}` }));
    await folder.write(file, bytes(...lines));
  }
}

function work(name: string, calls: number): Fields[] {
  const steps = Array.from({ length: calls }, (_, index): Fields[] => [
    call(`${name}-${index}`, 'Read', { path: `/code/${index}` }),
    answer(`${name}-${index}`, OUTPUT),
  ]);
  return [message('user', name), ...steps.flat(), message('assistant', [{ type: 'text', text: 'done' }])];
}
