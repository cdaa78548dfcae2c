import { expect, it } from 'vitest';
import { loggerTo } from '../src/logger.js';
import { SLOW_MS } from '../src/server/limits.js';
import { startApp } from './support/app.js';
import { createDatabase } from './support/postgres.js';
import { probe } from './support/probe.js';
import { hold } from './support/sql.js';
import { waitingIn } from './support/wait.js';
import { posted, send } from './support/wire.js';

function listen(level: string) {
  const lines: string[] = [];
  return { lines, log: loggerTo(level, { write: (line: string) => void lines.push(line) }) };
}

const SECRETS = {
  'a URL with a password': 'postgresql://lifeline:hunter2hunter2@db.example:5432/lifeline',
  'a bearer token': 'Bearer hunter2hunter2hunter2hunter2',
  'a key of ours': `llk_${'hunter2hunter2hunter2hunter2hu'.slice(0, 26)}_${'hunter2'.repeat(7).slice(0, 43)}`,
  'a key of another service': `ghp_${'hunter2'.repeat(6).slice(0, 36)}`,
};

it.each(Object.entries(SECRETS))('the log never holds %s', (_name, secret) => {
  const { lines, log } = listen('info');
  log.info(`connecting to ${secret}`);
  log.error({ err: new Error(`${secret} does not answer`, { cause: new Error(secret) }) }, 'a part failed');
  log.warn({ request: { headers: { authorization: secret, cookie: secret } }, text: [secret] }, 'odd');
  expect(lines).toHaveLength(3);
  // What is left is still a line of JSON each.
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: expect.any(Number) as number });
  expect(lines.join('')).not.toContain('hunter2');
});

it('the log keeps what it is for', () => {
  const { lines, log } = listen('info');
  log.info({ applied: ['20261120120000_spine'], requestId: 'a-1' }, 'the database was migrated');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    applied: ['20261120120000_spine'],
    requestId: 'a-1',
    msg: 'the database was migrated',
  });
});

it('names the request of an operation that took long, that was refused, and that failed', async () => {
  const { lines, log } = listen('debug');
  const { schema } = probe();
  await using database = await createDatabase();
  await using app = await startApp({ schema, databaseUrl: database.url, log });
  const ask = (query: string, requestId: string) => send(app.url, posted({ query }, { 'x-request-id': requestId }));
  const linesOf = (requestId: string) =>
    lines.map((line) => JSON.parse(line) as { requestId?: string }).filter((line) => line.requestId === requestId);

  await ask('{ probeFault }', 'failed');
  expect(linesOf('failed')).toContainEqual(expect.objectContaining({ level: 50 }));
  await ask('mutation { endSession(input: { sessionId: "none", reason: FINISHED }) { position } }', 'refused');
  expect(linesOf('refused')).toEqual([
    expect.objectContaining({ level: 20, operation: 'mutation', fields: ['endSession'], codes: ['NOT_FOUND'] }),
  ]);

  const holder = await hold(database.url, 'LOCK TABLE projects');
  const asking = ask('{ project { slug } }', 'slow');
  await expect.poll(() => waitingIn(database.url)).toBe(1);
  const since = performance.now();
  await expect.poll(() => performance.now() - since).toBeGreaterThan(SLOW_MS + 100);
  await holder.release();
  await asking;
  expect(linesOf('slow')).toEqual([expect.objectContaining({ level: 40, operation: 'query', fields: ['project'] })]);
});
