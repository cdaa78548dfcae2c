import { TITLE_MAX_CHARACTERS } from '../domain/limits.js';
import type { EventKey, PlannedEvent } from './action.js';
import type { Block, Entry } from './entry.js';
import { clipped, fitted, storableName } from './storable.js';

/** A tool call whose answer has not come yet. */
interface Call {
  started: EventKey;
  toolName: string | null;
}

/** A tool call that starts a subagent. */
export interface Task {
  toolUseId: string | null;
  description: string | null;
  agentType: string | null;
}

/** The tools that start a subagent: later versions of Claude Code call `Task` `Agent`. */
const TASK_TOOLS = new Set(['Task', 'Agent']);

/** The subagent that this block asks for; null where it asks for none. */
export function taskOf(block: Block): Task | null {
  if (block.type !== 'toolUse' || !TASK_TOOLS.has(block.name)) return null;
  const input = Object(block.input) as Record<string, unknown>;
  return {
    toolUseId: block.id,
    description: typeof input.description === 'string' ? clipped(input.description, TITLE_MAX_CHARACTERS) : null,
    agentType: typeof input.subagent_type === 'string' ? storableName(input.subagent_type) : null,
  };
}

/** What all events of a block share. */
type Base = Omit<PlannedEvent, 'type' | 'data'>;

/**
 * Makes the events of one transcript's entries. It remembers the calls under way, so that an answer names the call that it
 * answers: also one from before a compaction.
 */
export class EventPlanner {
  readonly #calls = new Map<string, Call>();

  /** The events of one entry, each known by the entry's key and the block's place in it. */
  plan(entry: Entry, session: string, occurredAt: string | null): PlannedEvent[] {
    const base: Base = { level: 'INFO', toolName: null, occurredAt, dedupeKey: entry.key, cause: null };
    if (entry.kind === 'turnEnded') return [{ ...base, type: 'TURN_ENDED', data: { durationMs: entry.durationMs } }];
    if (entry.kind !== 'user' && entry.kind !== 'assistant') return [];
    return entry.blocks.flatMap((block, place): PlannedEvent[] => {
      const at = { ...base, dedupeKey: `${entry.key}/${place}` };
      if (block.type === 'text') return this.#said(entry, block.text, at);
      if (block.type === 'toolUse') return this.#started(block, session, at);
      if (block.type === 'toolResult') return [this.#ended(block, at)];
      return [];
    });
  }

  #said(entry: Extract<Entry, { blocks: Block[] }>, text: string, at: Base): PlannedEvent[] {
    if (entry.kind === 'assistant') {
      const data = fitted({ text, model: entry.model, messageId: entry.messageId }, 'text');
      return [{ ...at, type: 'ASSISTANT_MESSAGE', data }];
    }
    return entry.voice === 'person' ? [{ ...at, type: 'USER_MESSAGE', data: fitted({ text }, 'text') }] : [];
  }

  #started(block: Extract<Block, { type: 'toolUse' }>, session: string, at: Base): PlannedEvent[] {
    const toolName = storableName(block.name);
    const started = { session, dedupeKey: at.dedupeKey };
    if (block.id !== null) this.#calls.set(block.id, { started, toolName });
    const data = fitted({ toolUseId: block.id, input: block.input }, 'input');
    const call: PlannedEvent = { ...at, type: 'TOOL_STARTED', toolName, data };
    const task = taskOf(block);
    if (task === null) return [call];
    const spawned: Base = { ...at, dedupeKey: `${at.dedupeKey}/task`, toolName, cause: started };
    return [call, { ...spawned, type: 'TASK_SPAWNED', data: { ...task } }];
  }

  #ended(block: Extract<Block, { type: 'toolResult' }>, at: Base): PlannedEvent {
    const { toolUseId, isError, content } = block;
    const call = this.#calls.get(toolUseId ?? '');
    this.#calls.delete(toolUseId ?? '');
    return {
      ...at,
      type: 'TOOL_ENDED',
      level: isError ? 'ERROR' : 'INFO',
      toolName: call?.toolName ?? null,
      data: fitted({ toolUseId, isError, content }, 'content'),
      cause: call?.started ?? null,
    };
  }
}
