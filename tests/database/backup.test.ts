import { chmod, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/client.js';
import { startEmbedded } from '../../src/database/embedded.js';
import { audit } from '../../src/store/audit.js';
import { startApp } from '../support/app.js';
import { canStartMachine, startMachine } from '../support/machine.js';
import { query } from '../support/sql.js';
import { transports, webSocketClient } from '../support/wire.js';

interface Entry {
  position: number;
  [field: string]: unknown;
}

const EVENTS = 'events { position id type occurredAt data session { id agentName state } }';

async function ask<Data>(url: string, operation: string): Promise<Data> {
  const [result] = await transports.HTTP(url, { query: operation });
  expect(result?.errors).toBeUndefined();
  return result?.data as Data;
}

const readLog = async (url: string): Promise<Entry[]> =>
  (await ask<{ log: { events: Entry[] } }>(url, `{ log(first: 500) { ${EVENTS} } }`)).log.events;

const start = (url: string, agentName: string) =>
  ask<{ startSession: { position: number; session: { id: string } } }>(
    url,
    `mutation { startSession(input: { agentName: "${agentName}" }) { position session { id } } }`,
  );

/** Writes what there is to be kept, and answers with the log. */
async function writeTo(databaseUrl: string): Promise<Entry[]> {
  await using app = await startApp({ databaseUrl });
  const { startSession } = await start(app.url, 'ada');
  const { id } = startSession.session;
  await start(app.url, 'bob');
  await ask(app.url, `mutation { heartbeat(input: { sessionId: "${id}", contextPercent: 50 }) { recommendedAction } }`);
  await ask(app.url, `mutation { endSession(input: { sessionId: "${id}", reason: FINISHED }) { position } }`);
  return await readLog(app.url);
}

/** That a restored database holds the same log, breaks no rule, and is followed and written on from where it was. */
async function expectToGoOn(databaseUrl: string, kept: readonly Entry[]): Promise<void> {
  const database = openDatabase(databaseUrl);
  expect((await audit(database)).filter(({ breaches }) => breaches.length > 0)).toEqual([]);
  await database.close();

  await using app = await startApp({ databaseUrl });
  expect(await readLog(app.url)).toEqual(kept);
  const client = webSocketClient(app.url);
  const follow = (after: number) =>
    client.iterate<{ log: { events: Entry[] } }>({ query: `subscription { log(after: ${after}) { ${EVENTS} } }` });
  const batches = follow(2);
  expect((await batches.next()).value).toEqual({ data: { log: { events: kept.slice(2) } } });
  const { startSession } = await start(app.url, 'eve');
  expect(startSession.position).toBe(kept.length + 1);
  expect((await batches.next()).value).toMatchObject({ data: { log: { events: [{ position: kept.length + 1 }] } } });
  // Whoever has seen what was lost with the original is told so.
  await expect(follow(kept.length + 100).next()).rejects.toMatchObject([{ extensions: { code: 'VALIDATION' } }]);
  await client.dispose();
}

describe('a backup', () => {
  it.skipIf(!canStartMachine)('by pg_dump goes on where it is restored', async () => {
    await using machine = await startMachine();
    const [original, restored] = [machine.urlOf('original'), machine.urlOf('restored')];
    for (const name of ['original', 'restored']) await query(machine.urlOf('postgres'), `CREATE DATABASE ${name}`);
    const kept = await writeTo(original);

    const folder = await mkdtemp(path.join(tmpdir(), 'lifeline-dump-'));
    const file = path.join(folder, 'lifeline.dump');
    await machine.run('pg_dump', '--format=custom', `--file=${file}`, original);
    await machine.run('pg_restore', '--exit-on-error', '--no-owner', `--dbname=${restored}`, file);
    await rm(folder, { recursive: true });
    await expectToGoOn(restored, kept);
  });

  it('by a copy of the stopped data folder goes on where it is started', async () => {
    const home = await mkdtemp(path.join(tmpdir(), 'lifeline-copy-'));
    await chmod(home, 0o755);
    const [dataDir, copy] = [path.join(home, 'data'), path.join(home, 'copy')];
    const log = pino({ level: 'silent' });
    const first = await startEmbedded({ dataDir, log });
    const kept = await writeTo(first.url);
    await first.stop();

    await cp(dataDir, copy, { recursive: true });
    const second = await startEmbedded({ dataDir: copy, log });
    await expectToGoOn(second.url, kept);
    await second.stop();
    await rm(home, { recursive: true });
  });
});
