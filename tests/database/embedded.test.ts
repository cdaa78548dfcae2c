import { once } from 'node:events';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startEmbedded } from '../../src/database/embedded.js';
import { isRunning } from '../../src/database/process.js';
import { buildHolder, canHold, kill, startHolder } from '../support/embedded.js';
import { query } from '../support/sql.js';

const log = pino({ level: 'silent' });
const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65534, gid: 65534 };
const hasOther = isRoot && canHold(nobody);

let root: string;
let dataDir: string;

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'lifeline embedded-'));
  await chmod(root, 0o755);
  await buildHolder();
});
beforeEach(async () => {
  dataDir = await mkdtemp(path.join(root, 'data '));
});
afterAll(() => rm(root, { recursive: true }));

/** The process of the PostgreSQL that runs on the folder. */
async function postmaster(): Promise<number> {
  return Number.parseInt(await readFile(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10);
}

async function note(url: string): Promise<void> {
  await query(url, 'CREATE TABLE notes AS SELECT 1 AS kept');
}

describe('an embedded PostgreSQL', () => {
  test('keeps its data and its password from one start to the next', async () => {
    const first = await startEmbedded({ dataDir, log });
    await note(first.url);
    await first.stop();
    await expect(query(first.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');

    const second = await startEmbedded({ dataDir, log });
    expect(await query(second.url, 'SELECT kept FROM notes')).toEqual([{ kept: 1 }]);
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
    await second.stop();
  });

  test('is reached by its password on the loopback alone, and speaks UTF-8', async () => {
    const { url, stop } = await startEmbedded({ dataDir, log });
    const wrong = new URL(url);
    wrong.password = 'guess';

    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
    expect(await query(url, `SELECT current_setting('listen_addresses') AS address, upper('ä') AS upper`)).toEqual([
      { address: '127.0.0.1', upper: 'Ä' },
    ]);
    expect((await stat(path.join(dataDir, 'postgres/lifeline.password'))).mode & 0o777).toBe(0o600);
    await stop();
  });

  test('stops while clients are connected', async () => {
    const { url, stop } = await startEmbedded({ dataDir, log });
    const client = new pg.Client(url);
    await client.connect();
    const losses: string[] = [];
    client.on('error', ({ message }) => losses.push(message));
    const pid = await postmaster();

    await stop();

    expect(await isRunning(pid)).toBe(false);
    expect(losses).toContain('terminating connection due to administrator command');
  });

  test('says what PostgreSQL said where it does not start', async () => {
    await expect(startEmbedded({ dataDir, log, settings: { shared_buffers: 'many' } })).rejects.toThrow(
      /did not start: .*invalid value for parameter "shared_buffers"/,
    );
  });

  test('refuses a folder that holds something else, and touches nothing in it', async () => {
    await mkdir(path.join(dataDir, 'postgres'));
    await writeFile(path.join(dataDir, 'postgres/diary.txt'), 'dear diary');

    await expect(startEmbedded({ dataDir, log })).rejects.toThrow('neither empty nor a data folder of PostgreSQL');
    expect(await readdir(path.join(dataDir, 'postgres'))).toEqual(['diary.txt']);
  });
});

describe('two Lifelines on one folder', () => {
  test('are told apart: the second is refused and the first goes on', async () => {
    const holder = await startHolder(dataDir);

    await expect(startEmbedded({ dataDir, log })).rejects.toThrow(
      `Another Lifeline (process ${holder.process.pid}) is using the data folder ${dataDir}`,
    );
    expect(await query(holder.url, 'SELECT 1 AS alive')).toEqual([{ alive: 1 }]);

    holder.process.kill('SIGTERM');
    expect(await once(holder.process, 'exit')).toEqual([0, null]);
  });

  test('that start at once on an empty folder leave one running and no draft', async () => {
    const starts = await Promise.allSettled([startEmbedded({ dataDir, log }), startEmbedded({ dataDir, log })]);

    const [winner] = starts.filter((start) => start.status === 'fulfilled');
    const [loser] = starts.filter((start) => start.status === 'rejected');
    expect(String(loser?.reason)).toContain('is using the data folder');
    expect(await readdir(dataDir)).toEqual(['postgres']);
    await winner?.value.stop();
  });
});

describe('after a kill -9', () => {
  test('PostgreSQL ends by itself, and the next start has the data', async () => {
    const holder = await startHolder(dataDir);
    await note(holder.url);
    const pid = await postmaster();

    await kill(holder);
    await expect.poll(() => isRunning(pid)).toBe(false);

    const { url, stop } = await startEmbedded({ dataDir, log });
    expect(await query(url, 'SELECT kept FROM notes')).toEqual([{ kept: 1 }]);
    await stop();
  });

  test('a PostgreSQL that was left running is stopped and its data taken over', async () => {
    const holder = await startHolder(dataDir);
    await note(holder.url);
    const orphan = await postmaster();
    // It cannot notice that its Lifeline dies, until the next start has found it.
    process.kill(orphan, 'SIGSTOP');
    await kill(holder);
    const found = pino({ level: 'warn' }, { write: () => process.kill(orphan, 'SIGCONT') });

    const { url, stop } = await startEmbedded({ dataDir, log: found });

    expect(await query(url, 'SELECT kept FROM notes')).toEqual([{ kept: 1 }]);
    expect(await postmaster()).not.toBe(orphan);
    await stop();
  });

  test('a pid file whose number another process has since is no obstacle', async () => {
    const first = await startEmbedded({ dataDir, log });
    const file = path.join(dataDir, 'postgres/postmaster.pid');
    const content = await readFile(file, 'utf8');
    await first.stop();
    await writeFile(file, content.replace(/^\d+/, String(process.pid)));

    const second = await startEmbedded({ dataDir, log });
    await second.stop();
  });

  test('half-made data of a first start is made anew', async () => {
    const draft = path.join(dataDir, `draft-${2 ** 22 + 1}-abc`);
    await mkdir(draft);

    const { stop } = await startEmbedded({ dataDir, log });

    expect(await readdir(dataDir)).toEqual(['postgres']);
    await stop();
  });
});

describe.runIf(isRoot)('started by root', () => {
  test('runs as another user, in a folder that this user could not enter', async () => {
    await chmod(dataDir, 0o700);

    const { stop } = await startEmbedded({ dataDir, log });

    const { uid } = await stat(path.join(dataDir, 'postgres'));
    expect(uid).not.toBe(0);
    expect(await readFile(`/proc/${await postmaster()}/status`, 'utf8')).toMatch(new RegExp(`^Uid:\\s${uid}\\s`, 'm'));
    await stop();
  });

  test.runIf(hasOther)('goes on with the data of whoever has begun', async () => {
    await chown(dataDir, nobody.uid, nobody.gid);
    const holder = await startHolder(dataDir, { ...nobody, cwd: '/' });
    await note(holder.url);
    holder.process.kill('SIGTERM');
    await once(holder.process, 'exit');

    const { url, stop } = await startEmbedded({ dataDir, log });

    expect(await query(url, 'SELECT kept FROM notes')).toEqual([{ kept: 1 }]);
    await stop();
    const again = await startHolder(dataDir, { ...nobody, cwd: '/' });
    again.process.kill('SIGTERM');
    await once(again.process, 'exit');
  });

  test('takes to data that root has copied', async () => {
    const { url, stop } = await startEmbedded({ dataDir, log });
    await note(url);
    await stop();
    const copy = path.join(root, 'copy');
    await cp(dataDir, copy, { recursive: true });

    const restored = await startEmbedded({ dataDir: copy, log });

    expect(await query(restored.url, 'SELECT kept FROM notes')).toEqual([{ kept: 1 }]);
    await restored.stop();
  });

  test.runIf(hasOther)('leaves data that another user is told not to be theirs', async () => {
    const { stop } = await startEmbedded({ dataDir, log });
    await stop();
    await chmod(dataDir, 0o755);

    await expect(startHolder(dataDir, { ...nobody, cwd: '/' })).rejects.toThrow('belongs to another user');
  });
});
