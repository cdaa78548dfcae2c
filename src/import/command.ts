import { NOTE_MAX_CHARACTERS } from '../domain/limits.js';
import { redactText } from '../domain/redaction.js';
import type { PlannedCommand } from './action.js';
import type { Block, Entry } from './entry.js';
import { clipped, fittedValue, oneLine, storableName } from './storable.js';

type ToolUse = Extract<Block, { type: 'toolUse' }>;
type ToolResult = Extract<Block, { type: 'toolResult' }>;

/** A tool call whose answer has not come yet. */
interface Call {
  use: ToolUse;
  at: string | null;
}

/** What a call's input says of itself in short, the most telling first. */
const TELLING = ['command', 'file_path', 'notebook_path', 'pattern', 'path', 'query', 'url', 'description', 'skill'];

const ACTION_MAX_CHARACTERS = 200;

/** What the service keeps of a duration; a call that took longer was not carried out all that time. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Makes the commands of one transcript's entries: one for each tool call that is answered, when it is. It remembers the
 * calls under way, also those from before a compaction.
 */
export class CommandPlanner {
  readonly #calls = new Map<string, Call>();

  /** The commands that this entry completes. */
  plan(entry: Entry, occurredAt: string | null): PlannedCommand[] {
    if (entry.kind !== 'user' && entry.kind !== 'assistant') return [];
    return entry.blocks.flatMap((block, place) => {
      if (block.type === 'toolUse' && block.id !== null) this.#calls.set(block.id, { use: block, at: entry.at });
      if (block.type !== 'toolResult' || block.toolUseId === null) return [];
      const call = this.#calls.get(block.toolUseId);
      this.#calls.delete(block.toolUseId);
      if (!call) return [];
      // A key is one line of a bounded length, which the id of a call need not be.
      const dedupeKey = storableName(block.toolUseId) === block.toolUseId ? block.toolUseId : `${entry.key}/${place}`;
      const executionTimeMs = between(call.at, entry.at);
      return [{ ...answered(call.use, block), executionTimeMs, occurredAt, dedupeKey }];
    });
  }
}

type Answered = Omit<PlannedCommand, 'executionTimeMs' | 'occurredAt' | 'dedupeKey'>;

function answered({ name, input }: ToolUse, { isError, content }: ToolResult): Answered {
  return {
    action: actionOf(name, input),
    toolName: storableName(name),
    parameters: fittedValue(input),
    result: fittedValue(content),
    success: !isError,
    errorMessage: isError ? clipped(textOf(content), NOTE_MAX_CHARACTERS) || null : null,
  };
}

/** Never empty. The service takes an action as it is, so what is secret in it must be gone before. */
function actionOf(name: string, input: unknown): string {
  const fields = Object(input) as Record<string, unknown>;
  const telling = TELLING.map((field) => fields[field]).find((value) => typeof value === 'string');
  return oneLine(redactText(telling ?? '').text, ACTION_MAX_CHARACTERS) || oneLine(name, ACTION_MAX_CHARACTERS) || '?';
}

/** The text of an answer: the answer itself, or that of its blocks. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  const texts = (Array.isArray(content) ? content : []).map(
    (block: unknown) => (Object(block) as { text?: unknown }).text,
  );
  return texts.filter((text) => typeof text === 'string').join('\n');
}

/** Null where one of the times is not told; lines stand a little out of order, so it may take no time at all. */
function between(start: string | null, end: string | null): number | null {
  if (start === null || end === null) return null;
  return Math.min(Math.max(Date.parse(end) - Date.parse(start), 0), LONGEST_MS);
}
