import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Transcripts of real sessions, where they are at hand. */
export const REAL_FOLDER = fileURLToPath(new URL('../../../shared/data/claude-code', import.meta.url));
export const hasRealTranscripts = existsSync(REAL_FOLDER);
if (!hasRealTranscripts) process.stderr.write(`\n!! NOT TESTED on real transcripts: there is no ${REAL_FOLDER}\n\n`);

export const SID = '4d5611e5-241a-462a-8d15-5122611a9569';

export type Fields = Record<string, unknown>;

export const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`;

/** A line as Claude Code writes it, at this second. */
export function line(second: number, fields: Fields): string {
  const place = { sessionId: SID, cwd: '/code', gitBranch: 'main', version: '2.1.39' };
  return JSON.stringify({ uuid: `u${second}`, timestamp: at(second), ...place, ...fields });
}

export const message = (role: 'user' | 'assistant', content: unknown, more: Fields = {}) => ({
  type: role,
  message: { role, content },
  ...more,
});

export const call = (id: string, name: string, input: unknown = {}) =>
  message('assistant', [{ type: 'tool_use', id, name, input }]);

export const answer = (id: string, content: unknown, more: Fields = {}) =>
  message('user', [{ type: 'tool_result', tool_use_id: id, content, ...more }]);

export const boundary = {
  type: 'system',
  subtype: 'compact_boundary',
  compactMetadata: { trigger: 'auto' },
};

export const bytes = (...lines: string[]): Buffer => Buffer.from(lines.map((text) => `${text}\n`).join(''));
