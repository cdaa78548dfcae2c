import { afterAll, beforeAll, expect, it } from 'vitest';
import type { App } from '../../src/app.js';
import { startApp } from '../support/app.js';
import { run } from '../support/program.js';

const ADMIN_KEY = 'an-admin-key-of-this-very-test-0123456789';

let app: App;

beforeAll(async () => {
  app = await startApp({ env: { LIFELINE_AUTH: 'required', LIFELINE_ADMIN_KEY: ADMIN_KEY } });
});
afterAll(() => app.close());

const asked = (args: string[], env: Record<string, string> = {}) => run([...args, '--url', app.url], env);
const asAdmin = (...args: string[]) => asked(args, { LIFELINE_KEY: ADMIN_KEY });

// A dozen processes, one after the other.
it('a key is made in a project, used, listed and revoked', { timeout: 120_000 }, async () => {
  expect(await asAdmin('projects', 'create', 'web', '--name', 'The web')).toMatchObject({ code: 0, stderr: '' });
  const projects = (await asAdmin('projects', 'list')).stdout.trim().split('\n');
  expect(projects.map((line) => line.split('\t').slice(0, 2))).toEqual([
    ['web', 'The web'],
    ['default', 'default'],
  ]);
  const made = await asAdmin('keys', 'create', 'ci', '--role', 'observer', '--project', 'web');
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^llk_\S{70}\n$/) as string });
  const key = made.stdout.trim();

  expect(await asked(['sessions'], { LIFELINE_KEY: key })).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(await asked(['sessions', '--key', key])).toMatchObject({ code: 0 });
  const refused = await asked(['purge', '--all', '--key', key]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('ADMIN') as string });

  expect((await asAdmin('keys', 'list')).stdout).toBe('');
  const listed = JSON.parse((await asAdmin('keys', 'list', '--json', '--project', 'web')).stdout) as { id: string }[];
  expect(listed).toEqual([expect.objectContaining({ name: 'ci', role: 'OBSERVER', revokedAt: null })]);
  const { id } = listed[0]!;
  expect(await asAdmin('keys', 'revoke', id)).toMatchObject({ code: 1, stdout: '' });
  expect(await asAdmin('keys', 'revoke', id, '--project', 'web')).toMatchObject({ code: 0 });
  await expect
    .poll(() => asked(['sessions', '--key', key]))
    .toEqual({ code: 1, stdout: '', stderr: expect.stringContaining('LIFELINE_KEY') as string });
});

it.each([
  [1, [], 'LIFELINE_KEY'],
  [1, ['--key', 'wrong'], 'LIFELINE_KEY'],
  [2, ['--key', 'a\nb'], 'visible'],
] as const)('ends with %i for a key that is not good: %j', async (code, flags, said) => {
  const ended = await asked(['sessions', ...flags]);
  expect(ended).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(said) as string });
  expect(ended.stderr).not.toContain('wrong');
});
