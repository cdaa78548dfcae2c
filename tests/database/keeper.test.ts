import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../../src/client/client.js';
import { AppendEventsDocument, StartSessionDocument } from '../../src/client/operation.js';
import { isRunning } from '../../src/database/process.js';
import { logBySocket, logByStream } from '../support/monitor.js';
import { serve } from '../support/program.js';

let root: string;
let dataDir: string;

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'lifeline-keeper-'));
  await chmod(root, 0o755);
});
beforeEach(async () => {
  dataDir = await mkdtemp(path.join(root, 'data-'));
});
afterAll(() => rm(root, { recursive: true }));

/** The lines of the pid file: the process first, the port fourth. It outlives a process that is killed. */
async function readPostmaster(): Promise<string[]> {
  return (await readFile(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n');
}

/** Kills the server's PostgreSQL as the operating system does for want of memory; answers with its process and its port. */
async function killPostgres(): Promise<{ pid: string | undefined; port: string | undefined }> {
  const [pid, , , port] = await readPostmaster();
  process.kill(Number(pid), 'SIGKILL');
  return { pid, port };
}

describe('an embedded PostgreSQL that dies under a server', () => {
  test('comes back: writes are unavailable for a moment, and subscriptions lose and repeat nothing', async () => {
    await using server = await serve({ LIFELINE_DATA_DIR: dataDir });
    const client = createClient({ url: server.url });
    const { startSession } = await client.request(StartSessionDocument, { input: {} });
    const written: number[] = [];
    const refusals = new Set<unknown>();
    const write = async () => {
      const input = { sessionId: startSession.session.id, events: [{ type: 'PROGRESS' as const }] };
      try {
        const { appendEvents } = await client.request(AppendEventsDocument, { input });
        written.push(appendEvents.events[0]!.position);
        return true;
      } catch (error) {
        refusals.add((error as { code?: unknown }).code);
        return false;
      }
    };
    await using bySocket = logBySocket(server.url);
    await using byStream = logByStream(server.url);
    await write();
    for (const { received } of [bySocket, byStream]) {
      await expect.poll(() => received.at(-1)?.position).toBe(written[0]);
    }

    for (let round = 0; round < 2; round++) {
      const { pid, port } = await killPostgres();
      // Its backends may outlive it by a statement.
      await expect.poll(async () => (await readPostmaster())[0]).not.toBe(pid);
      await expect.poll(write).toBe(true);
      expect((await readPostmaster())[3]).toBe(port);
    }

    for (const { received } of [bySocket, byStream]) {
      await expect.poll(() => received.at(-1)?.position).toBe(written.at(-1));
      const positions = received.map(({ position }) => position);
      expect(positions).toEqual(positions.map((_, index) => index + 1));
      expect(positions).toEqual(expect.arrayContaining(written));
    }
    expect([...refusals].filter((code) => code !== 'UNAVAILABLE')).toEqual([]);
    server.process.kill('SIGTERM');
    expect(await server.ended).toMatchObject({ code: 0 });
  });

  test('and cannot be started again ends the server with 1 and the reason', async () => {
    await using server = await serve({ LIFELINE_DATA_DIR: dataDir });
    await rm(path.join(dataDir, 'postgres/global/pg_control'));
    await killPostgres();

    const { code, stderr } = await server.ended;

    expect(code).toBe(1);
    const fatal = stderr.split('\n').filter((line) => line.includes('"level":60'));
    expect(fatal).toEqual([expect.stringMatching(/PostgreSQL ended by itself \(SIGKILL\) and cannot be kept running/)]);
  });

  test('stays down where it is told to stop meanwhile', async () => {
    await using server = await serve({ LIFELINE_DATA_DIR: dataDir });
    await killPostgres();
    server.process.kill('SIGTERM');

    expect(await server.ended).toMatchObject({ code: 0 });
    expect(await isRunning(Number((await readPostmaster())[0]))).toBe(false);
  });
});
