import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { settings } from '../src/config.js';
import { createDatabase } from './support/postgres.js';
import { run } from './support/program.js';

describe('lifeline', () => {
  it('tells its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('lists its commands', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}serve .*\n(.*\n)*? {2}migrate /m);
  });

  it.each([[['sevre']], [['serve', '--prot', '1']], [['serve', 'now']]])('says what is wrong with %j', async (args) => {
    const { code, stdout, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error: .+\n/);
  });

  it('has a flag of `serve` for every setting', async () => {
    const { stdout } = await run(['serve', '--help']);
    for (const { flag, variable } of Object.values(settings)) {
      // A secret has none: processes are listed with their flags.
      if (flag === null) continue;
      expect(stdout).toContain(flag);
      expect(stdout).toContain(variable);
    }
  });

  it('migrates a database, once', async () => {
    await using database = await createDatabase({ migrated: false });
    const args = ['migrate', '--database-url', database.url];
    expect(await run(args)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^applied \d+_spine\n/) as unknown,
    });
    expect(await run(args)).toMatchObject({ code: 0, stdout: 'The database is up to date.\n' });
  });
});
