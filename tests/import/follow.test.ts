import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.js';
import { followTranscripts } from '../../src/import/follow.js';
import { importTranscripts } from '../../src/import/import.js';
import { findTranscripts } from '../../src/import/transcript.js';
import { startApp } from '../support/app.js';
import { makeFolder, startTarget, type Folder, type Target } from '../support/imported.js';
import { openRelay } from '../support/relay.js';
import { answer, boundary, bytes, call, line, message, SID } from '../support/transcript.js';

describe('following', () => {
  let target: Target;
  let folder: Folder;
  beforeEach(async () => {
    target = await startTarget();
    folder = await makeFolder();
  });
  afterEach(async () => {
    await target[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const append = (...lines: string[]) => folder.write(`${SID}.jsonl`, bytes(...lines), { append: true });
  const told = async () => {
    const { events } = await target.imported();
    return events
      .filter(({ dedupe_key }) => dedupe_key !== null)
      .map(({ session, dedupe_key }) => [session, dedupe_key]);
  };

  /** Follows the folder; resolves when it is live. */
  async function follow(url = target.url, path = folder.path) {
    const stopping = new AbortController();
    let ended: ReturnType<typeof followTranscripts> | undefined;
    await new Promise<void>((onLive, fail) => {
      ended = followTranscripts(createClient({ url }), path, { signal: stopping.signal, onLive });
      ended.catch(fail);
    });
    return async () => {
      stopping.abort();
      return ended!;
    };
  }

  it('brings what is there, then what is appended, then new windows and new files, and leaves all of it open', async () => {
    await append(line(1, message('user', 'one')));
    const stop = await follow();
    expect(await told()).toEqual([[SID, 'u1/0']]);

    await append(line(2, call('t1', 'Task', { description: 'Look around' })));
    await expect.poll(told).toEqual([
      [SID, 'u1/0'],
      [SID, 'u2/0'],
      [SID, 'u2/0/task'],
    ]);

    await folder.write(`${SID}/subagents/agent-a1.jsonl`, bytes(line(3, message('user', 'look'))));
    await expect.poll(told).toContainEqual([`${SID}/a1`, 'u3/0']);
    await append(line(4, boundary), line(5, message('user', 'what was done', { isCompactSummary: true })));
    await append(line(6, answer('t1', 'found')));
    await expect.poll(told).toContainEqual([`${SID}#2`, 'u6/0']);

    const report = await stop();
    expect(report).toMatchObject({ sessions: 3, events: 5, commands: 1, checkpoints: 1, skips: [], refusals: [] });
    const { sessions, runs, commands, checkpoints } = await target.imported();
    expect(commands).toMatchObject([{ session: `${SID}#2`, action: 'Look around', result: 'found' }]);
    expect(checkpoints).toMatchObject([{ session: SID, summary: 'what was done' }]);
    expect(sessions).toMatchObject([
      { external_id: SID, end_reason: 'CONTEXT_COMPACTED' },
      { external_id: `${SID}#2`, state: 'WORKING', parent: SID },
      { external_id: `${SID}/a1`, state: 'WORKING', spawner: SID },
    ]);
    expect(runs).toMatchObject([{ status: 'ACTIVE' }]);
  });

  it('goes on with what was open, and a later import ends it', async () => {
    await append(line(1, message('user', 'one')));
    await (
      await follow()
    )();
    await append(line(2, message('user', 'two')));
    const stop = await follow();
    expect(await stop()).toMatchObject({ sessions: 0, known: 1, events: 1 });
    const report = await importTranscripts(target.client, await findTranscripts(folder.path), { repeatForMs: 0 });
    expect(report).toMatchObject({ sessions: 0, known: 1, events: 0 });
    const { sessions, runs } = await target.imported();
    expect(sessions).toMatchObject([{ external_id: SID, end_reason: 'FINISHED', outcome: 'UNKNOWN' }]);
    expect(runs).toMatchObject([{ status: 'COMPLETED' }]);
  });

  it('misses nothing that is appended in quick succession', async () => {
    await append(line(0, message('user', 'zero')));
    const stop = await follow();
    for (const second of Array(20).keys()) await append(line(1 + second, message('user', 'more')));
    await expect.poll(told).toHaveLength(21);
    await stop();
  });

  it('waits for the rest of half a line', async () => {
    const whole = line(1, message('user', 'one'));
    await folder.write(`${SID}.jsonl`, whole.slice(0, 50));
    const stop = await follow();
    await folder.write(`${SID}.jsonl`, `${whole.slice(50)}\n`, { append: true });
    await expect.poll(told).toEqual([[SID, 'u1/0']]);
    expect(await stop()).toMatchObject({ skips: [] });
  });

  it('follows a single file, whatever its name', async () => {
    const path = await folder.write('notes.txt', bytes(line(1, message('user', 'one'))));
    const stop = await follow(target.url, path);
    await folder.write('notes.txt', bytes(line(2, message('user', 'two'))), { append: true });
    await expect.poll(told).toHaveLength(2);
    await stop();
  });

  it('waits for a server that is away', async () => {
    await using relay = await openRelay(target.url);
    const stop = await follow(relay.url);
    await target.close();
    relay.cut();
    await append(line(1, message('user', 'one')));
    await using another = await startApp({ databaseUrl: target.databaseUrl });
    relay.lead(another.url);
    await expect.poll(told).toEqual([[SID, 'u1/0']]);
    await stop();
  });

  it('rejects where what answers is no GraphQL server', async () => {
    await append(line(1, message('user', 'one')));
    const other = createServer((_, response) => response.end('<h1>Hello</h1>')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(follow(`http://127.0.0.1:${port}/graphql`)).rejects.toThrow('no GraphQL');
    other.closeAllConnections();
    other.close();
  });
});
