import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findTranscripts, identify, readBytes } from '../../src/import/transcript.js';

const SID = '4d5611e5-241a-462a-8d15-5122611a9569';

describe('identify', () => {
  it('takes the session from the name of a main transcript where that is a session id', () => {
    expect(identify(`/p/${SID}.jsonl`)).toEqual({ path: `/p/${SID}.jsonl`, agentId: null, sessionId: SID });
    expect(identify('/p/short.jsonl')).toMatchObject({ agentId: null, sessionId: null });
  });

  it('takes a subagent from its name, and its session from the folder above', () => {
    expect(identify(`/p/${SID}/subagents/agent-a1.jsonl`)).toMatchObject({ agentId: 'a1', sessionId: SID });
    expect(identify(`/p/${SID}/subagents/deeper/agent-a1.jsonl`)).toMatchObject({ agentId: 'a1', sessionId: SID });
    expect(identify('/p/agent-acompact-1.jsonl')).toMatchObject({ agentId: 'acompact-1', sessionId: null });
  });
});

describe('findTranscripts', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'life line '));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function write(...paths: string[]): Promise<void> {
    for (const path of paths) {
      await mkdir(join(folder, path, '..'), { recursive: true });
      await writeFile(join(folder, path), '');
    }
  }

  it('finds families in folders of any depth, the main transcript first, lone subagents last', async () => {
    await write(
      'agent-lone.jsonl',
      `projects/p/${SID}/subagents/agent-b.jsonl`,
      `projects/p/${SID}/subagents/agent-a.jsonl`,
      `projects/p/${SID}.jsonl`,
      'projects/q/short.jsonl',
      'projects/q/notes.md',
    );
    const families = await findTranscripts(folder);
    expect(families.map((family) => family.map((file) => relative(folder, file.path)))).toEqual([
      [
        `projects/p/${SID}.jsonl`,
        `projects/p/${SID}/subagents/agent-a.jsonl`,
        `projects/p/${SID}/subagents/agent-b.jsonl`,
      ],
      ['projects/q/short.jsonl'],
      ['agent-lone.jsonl'],
    ]);
  });

  it('takes a file for itself alone', async () => {
    await write('one.txt', 'two.jsonl');
    expect(await findTranscripts(join(folder, 'one.txt'))).toEqual([[identify(join(folder, 'one.txt'))]]);
  });

  it('hands over the bytes after a place in the file', async () => {
    await writeFile(join(folder, 'a.jsonl'), 'first\nsecond\n');
    const read: Uint8Array[] = [];
    for await (const bytes of readBytes(identify(join(folder, 'a.jsonl')), 6)) read.push(bytes);
    expect(Buffer.concat(read).toString()).toBe('second\n');
  });

  it('rejects a path that is not there', async () => {
    await expect(findTranscripts(join(folder, 'none'))).rejects.toThrow('ENOENT');
  });
});
