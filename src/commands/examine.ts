// The measurements of `lifeline doctor`: each looks at one thing, changes nothing, and never rejects.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { redisBus } from '../bus/redis.js';
import type { Config } from '../config.js';
import { connectionsOf } from '../database/connections.js';
import { inspect } from '../database/inspect.js';
import { migrationNames } from '../database/migrate.js';
import { redactText } from '../domain/redaction.js';
import {
  fail,
  judgeClock,
  judgeConnections,
  judgeDisk,
  judgeDurability,
  judgeMigrations,
  judgeVersion,
  ok,
  warn,
  type Finding,
} from './finding.js';

/** Longer than the bus waits for a Redis that does not answer. */
const BUS_MS = 5_000;
const PORT_MS = 2_000;

export async function examineDatabase(url: string, config: Config): Promise<Finding[]> {
  const place = placeOf(url);
  try {
    const { version, versionNumber, aheadMs, roundTripMs, ...found } = await inspect(url);
    const { usableConnections: usable, takenConnections: taken, applied, failed } = found;
    return [
      ok('database', `${place} answers in ${roundTripMs.toFixed(1)} ms`),
      judgeVersion(version, versionNumber),
      judgeMigrations({ expected: await migrationNames(), applied, failed }),
      judgeClock(aheadMs, roundTripMs),
      judgeConnections({ usable, taken, wanted: connectionsOf(config) }),
      judgeDurability(found),
    ];
  } catch (error) {
    const advice = 'Check DATABASE_URL, and that PostgreSQL runs there and takes connections from this machine.';
    return [fail('database', `${place}: ${reasonOf(error)}`, advice)];
  }
}

/** From a publication to its arrival on another connection, and back to nothing. */
export async function examineBus({ redisUrl: url, workers }: Config): Promise<Finding> {
  if (url === null) return ok('bus', `${workers === 1 ? 'in this process' : 'between its workers'}: one server alone`);
  const place = placeOf(url);
  let complaint = 'no answer';
  const log = pino(
    { level: 'warn' },
    { write: (line) => (complaint = (JSON.parse(line) as { reason?: string }).reason ?? complaint) },
  );
  const advice =
    'Check REDIS_URL. Without it nothing is lost, but what other servers write is heard up to a second later.';
  try {
    const bus = await redisBus({ url, log });
    try {
      if (bus.status() === 'degraded') return fail('bus', `${place}: ${safe(complaint)}`, advice);
      const projectId = randomUUID();
      let hear = (): void => undefined;
      const heard = new Promise<'heard'>((resolve) => (hear = () => resolve('heard')));
      await bus.listen(projectId, hear);
      const from = performance.now();
      bus.announce(projectId, 1);
      if ((await Promise.race([heard, delay(BUS_MS, 'late', { ref: false })])) === 'late') {
        return fail('bus', `${place} takes what is published, but nothing arrives`, advice);
      }
      return ok('bus', `${place} brings what is published in ${(performance.now() - from).toFixed(1)} ms`);
    } finally {
      await bus.close();
    }
  } catch (error) {
    return fail('bus', `${place}: ${reasonOf(error)}`, advice);
  }
}

/** Whether a server could listen there, or does. */
export async function examinePort({ host, port }: Pick<Config, 'host' | 'port'>): Promise<Finding> {
  if (port === 0) return ok('port', 'a free one is taken');
  const place = `${host}:${port}`;
  const server = createServer();
  try {
    await once(server.listen(port, host), 'listening');
    server.close();
    return ok('port', `${place} is free`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') return examineTenant(place);
    return fail(
      'port',
      `${place}: ${code ?? reasonOf(error)}`,
      'Choose another address by HOST or --host, PORT or --port.',
    );
  }
}

async function examineTenant(place: string): Promise<Finding> {
  const advice = 'Stop it, or choose another port by PORT or --port.';
  try {
    const signal = AbortSignal.timeout(PORT_MS);
    const answer = await fetch(`http://${place}/health/ready`, { signal });
    const { status } = (await answer.json()) as { status?: string };
    if (status === 'ok') return ok('port', `a Lifeline answers at ${place}`);
    if (status === 'degraded' || status === 'unavailable') {
      return warn('port', `a Lifeline answers at ${place}, ${status}`, 'Its log says why.');
    }
    return fail('port', `another program is at ${place}`, advice);
  } catch {
    return fail('port', `another program is at ${place}`, advice);
  }
}

/** Where an embedded database has its data, or will have. */
export async function examineFolder(dataDir: string): Promise<Finding[]> {
  // The nearest that is there: what is missing below it will be made.
  let folder = dataDir;
  while (
    !(await access(folder).then(
      () => true,
      () => false,
    )) &&
    path.dirname(folder) !== folder
  ) {
    folder = path.dirname(folder);
  }
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    const advice = 'Start Lifeline as the owner of the folder, or choose another by LIFELINE_DATA_DIR.';
    return [fail('data folder', `${folder} cannot be written by this user`, advice)];
  }
  const { bavail, bsize } = await statfs(folder);
  const found = folder === dataDir ? `${dataDir} can be written` : `${dataDir} will be made at the first start`;
  return [ok('data folder', found), judgeDisk(folder, bavail * bsize)];
}

/** Host, port and database of a URL, and nothing of its credentials. */
export function placeOf(url: string): string {
  const [first = ''] = url.split(',');
  if (!URL.canParse(first)) return 'the URL';
  const { host, pathname } = new URL(first);
  return `${host}${pathname === '/' ? '' : pathname}${url.includes(',') ? ' and others' : ''}`;
}

/** What a library says of a failure, without any secret that it repeats. */
export function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return safe(message || code || String(error));
}

const safe = (text: string): string => redactText(text.replaceAll(/\s+/g, ' ').trim()).text;
