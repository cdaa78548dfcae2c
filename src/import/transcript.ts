import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';

/** A file that is taken for a transcript, by its name and place alone. */
export interface TranscriptFile {
  /** Absolute. */
  path: string;
  /** Whose transcript it is; null for a main one. */
  agentId: string | null;
  /** Null where name and place do not tell it: then its lines do. */
  sessionId: string | null;
}

export const EXTENSION = '.jsonl';
const AGENT_NAME = /^agent-(.+)$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const SUBAGENT_FOLDER = 'subagents';

/**
 * What name and place of a file say: `<sessionId>.jsonl` is a main transcript, `agent-<agentId>.jsonl` a subagent's, whose
 * session is the folder above `subagents`.
 */
export function identify(path: string): TranscriptFile {
  const absolute = resolve(path);
  const name = basename(absolute, EXTENSION);
  const agentId = AGENT_NAME.exec(name)?.[1] ?? null;
  const folders = absolute.split(sep);
  const session = agentId === null ? name : (folders[folders.lastIndexOf(SUBAGENT_FOLDER) - 1] ?? '');
  return { path: absolute, agentId, sessionId: UUID.test(session) ? session : null };
}

/**
 * The transcripts at a path, in families: the file itself, or all `*.jsonl` in the folder and below it. In a family the main
 * transcript stands before its subagents; subagents without one stand last. Rejects where the path cannot be read.
 */
export async function findTranscripts(path: string): Promise<TranscriptFile[][]> {
  if (!(await stat(path)).isDirectory()) return [[identify(path)]];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(EXTENSION))
    .map((entry) => identify(join(entry.parentPath, entry.name)))
    .sort((one, other) => (one.path < other.path ? -1 : 1));
  const families = new Map<string, TranscriptFile[]>();
  const mainsFirst = [
    ...files.filter((file) => file.agentId === null),
    ...files.filter((file) => file.agentId !== null),
  ];
  for (const file of mainsFirst) {
    const family = familyOf(file);
    families.set(family, [...(families.get(family) ?? []), file]);
  }
  return [...families.values()];
}

/** What the transcripts of one family have in common. */
export function familyOf(file: TranscriptFile): string {
  return file.sessionId ?? file.path;
}

/** The bytes that a file holds after `offset`, up to its end as it is now. */
export function readBytes(file: TranscriptFile, offset = 0): AsyncIterable<Uint8Array> {
  return createReadStream(file.path, { start: offset });
}
