import { EARLIEST_INSTANT, LATEST_INSTANT } from '../domain/limits.js';
import type { Line } from './line.js';
import { parseStorable, storableName } from './storable.js';

/** A piece of a message. */
export type Block =
  | { type: 'text'; text: string }
  | { type: 'toolUse'; id: string | null; name: string; input: unknown }
  | { type: 'toolResult'; toolUseId: string | null; isError: boolean; content: unknown }
  | { type: 'other' };

/** What a line says of itself. Times are RFC 3339 in UTC. */
interface Origin {
  /** The line's own name in its transcript, made of its number where the transcript gives it none. */
  key: string;
  sessionId: string | null;
  at: string | null;
  cwd: string | null;
  branch: string | null;
  version: string | null;
  /** That this subagent was started by this call. */
  spawned: { agentId: string; toolUseId: string } | null;
}

/** A line of a Claude Code transcript that means something, or that at least says where and when. */
export type Entry = Origin &
  (
    | {
        kind: 'user';
        /** Who speaks in its texts: the person, Claude Code itself, or the summary that opens a window after a compaction. */
        voice: 'person' | 'harness' | 'summary';
        blocks: Block[];
      }
    | { kind: 'assistant'; blocks: Block[]; model: string | null; messageId: string | null }
    | { kind: 'compacted'; trigger: string | null; tokensBefore: number | null }
    | { kind: 'turnEnded'; durationMs: number | null }
    | { kind: 'other' }
  );

export type Compaction = Extract<Entry, { kind: 'compacted' }>;

/** Why a line could not be read. */
export interface Fault {
  kind: 'fault';
  reason: string;
}

type Fields = Record<string, unknown>;

/** What a line says; null where it says nothing to record. Never throws: what is no line of a transcript is a fault. */
export function readEntry(line: Line): Entry | Fault | null {
  if (line.text === null) return fault('is longer than 64 MiB');
  if (line.text.trim() === '') return null;
  let fields: Fields | null;
  try {
    fields = object(parseStorable(line.text));
  } catch {
    // Not the parser's own message: it quotes the line, and a report is no place for what a transcript holds.
    return fault(line.complete ? 'is not JSON' : 'is half a line: the file ends in it');
  }
  if (fields === null) return fault('is not a JSON object');
  const uuid = name(fields.uuid);
  const origin: Origin = {
    key: uuid ?? `line:${line.number}`,
    sessionId: name(fields.sessionId),
    at: instant(fields.timestamp),
    cwd: text(fields.cwd),
    branch: text(fields.gitBranch),
    version: text(fields.version),
    spawned: null,
  };
  if (fields.type === 'user' || fields.type === 'assistant') return message(origin, fields.type, fields);
  if (fields.type === 'system' && fields.subtype === 'compact_boundary') {
    const told = object(fields.compactMetadata);
    return { ...origin, kind: 'compacted', trigger: text(told?.trigger), tokensBefore: number(told?.preTokens) };
  }
  if (fields.type === 'system' && fields.subtype === 'turn_duration') {
    return { ...origin, kind: 'turnEnded', durationMs: number(fields.durationMs) };
  }
  const data = object(fields.data);
  const spawned = data?.type === 'agent_progress' ? tie(data.agentId, fields.parentToolUseID) : null;
  return uuid === null ? null : { ...origin, spawned, kind: 'other' };
}

/** Whether it is no part of the conversation: neither a message of one of the two, nor an answer, nor the end of a turn. */
export function isAside(entry: Entry): boolean {
  if (entry.kind !== 'user') return entry.kind === 'other';
  return entry.voice === 'harness' && entry.blocks.every(({ type }) => type !== 'toolResult');
}

/** The summary that opens a window after a compaction; null where the entry is none, or an empty one. */
export function summaryOf(entry: Entry): string | null {
  if (entry.kind !== 'user' || entry.voice !== 'summary') return null;
  return entry.blocks.flatMap((block) => (block.type === 'text' ? block.text : [])).join('\n') || null;
}

function message(origin: Origin, kind: 'user' | 'assistant', fields: Fields): Entry | Fault {
  const said = object(fields.message);
  const content = typeof said?.content === 'string' ? [{ type: 'text', text: said.content }] : said?.content;
  if (said === null || !Array.isArray(content)) return fault(`is of type ${kind} but has no content`);
  const blocks = content.map(block);
  if (kind === 'assistant') return { ...origin, kind, blocks, model: text(said.model), messageId: text(said.id) };
  const voice = fields.isCompactSummary === true ? 'summary' : fields.isMeta === true ? 'harness' : 'person';
  const answered = blocks.find((one) => one.type === 'toolResult')?.toolUseId;
  return { ...origin, spawned: tie(object(fields.toolUseResult)?.agentId, answered), kind, voice, blocks };
}

function tie(agentId: unknown, toolUseId: unknown): Origin['spawned'] {
  const [agent, call] = [text(agentId), text(toolUseId)];
  return agent === null || call === null ? null : { agentId: agent, toolUseId: call };
}

function block(value: unknown): Block {
  const fields = object(value);
  if (fields?.type === 'text' && typeof fields.text === 'string') return { type: 'text', text: fields.text };
  if (fields?.type === 'tool_use') {
    return { type: 'toolUse', id: text(fields.id), name: text(fields.name) ?? 'unknown', input: fields.input ?? null };
  }
  if (fields?.type === 'tool_result') {
    const isError = fields.is_error === true;
    return { type: 'toolResult', toolUseId: text(fields.tool_use_id), isError, content: fields.content ?? null };
  }
  return { type: 'other' };
}

function fault(reason: string): Fault {
  return { kind: 'fault', reason };
}

function object(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

/** A text that can name something as it stands: cut to length, two of them could become one. */
function name(value: unknown): string | null {
  const given = text(value);
  return given !== null && storableName(given) === given ? given : null;
}

function instant(value: unknown): string | null {
  const at = new Date(text(value) ?? NaN);
  return at >= EARLIEST_INSTANT && at <= LATEST_INSTANT ? at.toISOString() : null;
}
