import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/commands/finding.js';
import { createDatabase } from '../support/postgres.js';
import { makeFolder } from '../support/imported.js';
import { run, serve } from '../support/program.js';
import { startRedis } from '../support/redis.js';
import { query } from '../support/sql.js';

const database = await createDatabase();
afterAll(() => database.drop());

interface Examination {
  code: number | null;
  status: string;
  findings: Finding[];
  text: string;
}

async function examine(env: Record<string, string>, ...args: string[]): Promise<Examination> {
  const { code, stdout, stderr } = await run(['doctor', '--json', ...args], { PORT: '0', ...env });
  expect(stderr).toBe('');
  return { code, text: stdout, ...(JSON.parse(stdout) as { status: string; findings: Finding[] }) };
}

const verdicts = ({ findings }: Examination) =>
  Object.fromEntries(findings.map(({ check, verdict }) => [check, verdict]));

describe('lifeline doctor', () => {
  it('finds nothing where all is well', async () => {
    const redis = await startRedis();
    const examined = await examine({ DATABASE_URL: database.url, REDIS_URL: redis.url });
    await redis.stop();
    expect(examined).toMatchObject({ code: 0, status: 'ok' });
    // The database of the tests need not be durable.
    expect(verdicts(examined)).toEqual({
      configuration: 'ok',
      node: 'ok',
      database: 'ok',
      'database version': 'ok',
      migrations: 'ok',
      clock: 'ok',
      connections: expect.stringMatching(/ok|warn/) as string,
      durability: 'warn',
      bus: 'ok',
      port: 'ok',
    });
  });

  it('tells every fault of the configuration', async () => {
    const examined = await examine({ PORT: 'http', LOG_LEVEL: 'loud' });
    expect(examined).toMatchObject({ code: 1, status: 'fail' });
    expect(examined.findings.map(({ found }) => found)).toEqual([
      process.versions.node,
      expect.stringContaining('PORT is "http"'),
      expect.stringContaining('LOG_LEVEL is "loud"'),
    ]);
  });

  it('tells what is out of reach, and nobody’s password', async () => {
    const env = {
      DATABASE_URL: 'postgresql://lifeline:hunter2@127.0.0.1:1/none',
      REDIS_URL: 'redis://user:hunter2@127.0.0.1:1',
    };
    const examined = await examine(env);
    expect(examined).toMatchObject({ code: 1, status: 'fail' });
    expect(verdicts(examined)).toMatchObject({ database: 'fail', bus: 'fail', port: 'ok' });
    expect(examined.text).toContain('127.0.0.1:1/none');
    expect(examined.text).not.toContain('hunter2');
    const { code, stdout } = await run(['doctor'], { PORT: '0', ...env });
    expect(code).toBe(1);
    expect(stdout).toContain('→ Check DATABASE_URL');
    expect(stdout).not.toContain('hunter2');
  });

  it('tells of a password that is not taken, without it', async () => {
    const url = new URL(database.url);
    url.password = 'hunter2';
    const examined = await examine({ DATABASE_URL: url.href });
    expect(verdicts(examined)).toMatchObject({ database: 'fail' });
    expect(examined.text).not.toContain('hunter2');
  });

  it('counts the connections of all workers', async () => {
    const examined = await examine({ DATABASE_URL: database.url, LIFELINE_WORKERS: '3', LIFELINE_POOL_SIZE: '5' });
    expect(examined.findings.find(({ check }) => check === 'connections')?.found).toMatch(/a server opens up to 39$/);
    expect(examined.findings.find(({ check }) => check === 'bus')?.found).toBe('between its workers: one server alone');
  });

  it('tells of migrations that are pending', async () => {
    await using empty = await createDatabase({ migrated: false });
    const examined = await examine({ DATABASE_URL: empty.url });
    expect(examined).toMatchObject({ code: 0, status: 'ok' });
    expect(verdicts(examined)).toMatchObject({ migrations: 'warn' });
  });

  it('tells who is at the port', async () => {
    const other = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const taken = await examine({ DATABASE_URL: database.url, PORT: String(port) });
    expect(taken).toMatchObject({ code: 1 });
    expect(taken.text).toContain(`another program is at 127.0.0.1:${port}`);
    other.close();

    await using server = await serve({ DATABASE_URL: database.url });
    const own = await examine({ DATABASE_URL: database.url, PORT: new URL(server.url).port });
    expect(own).toMatchObject({ code: 0 });
    expect(own.text).toContain('a Lifeline answers at');
  });

  it('looks at an embedded database: before it is there, while a server has it, and afterwards', async () => {
    await using folder = await makeFolder();
    const env = { LIFELINE_DATA_DIR: `${folder.path}/data` };
    const before = await examine(env);
    expect(before).toMatchObject({ code: 0 });
    expect(before.text).toContain('will be made at the first start');
    {
      await using server = await serve(env);
      expect(verdicts(await examine(env))).toMatchObject({ 'data folder': 'ok', database: 'ok', migrations: 'ok' });
      server.process.kill('SIGTERM');
      await server.ended;
    }
    expect(verdicts(await examine(env))).toMatchObject({ 'data folder': 'ok', database: 'ok', migrations: 'ok' });
  });
});

describe('lifeline doctor --invariants', () => {
  it('says ok of a healthy database, and 1 where a rule is broken or a guard is gone', async () => {
    await using own = await createDatabase();
    const env = { DATABASE_URL: own.url };
    const healthy = await examine(env, '--invariants');
    expect(healthy).toMatchObject({ code: 0, status: 'ok' });
    expect(healthy.findings.length).toBeGreaterThan(25);

    await query(own.url, 'ALTER TABLE events DISABLE TRIGGER events_append_only');
    await query(own.url, 'DROP INDEX sessions_open_agent_name');
    await query(own.url, 'ALTER TABLE projects DROP CONSTRAINT projects_log');
    await query(own.url, "INSERT INTO projects (id, slug, name, log_position) VALUES (gen_random_uuid(), 'p', 'P', 7)");
    const broken = await examine(env, '--invariants');
    expect(broken).toMatchObject({ code: 1, status: 'fail' });
    expect(broken.findings.filter(({ verdict }) => verdict === 'fail').map(({ check }) => check)).toEqual([
      'guards',
      'positions',
    ]);
    expect(broken.text).toContain('index sessions_open_agent_name');
    expect(broken.text).toContain('constraint projects_log');
    expect(broken.text).toContain('trigger events_append_only');
  });
});
