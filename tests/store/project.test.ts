import { afterAll, expect, test } from 'vitest';
import { ensureProject } from '../../src/store/project.js';
import { openStore } from '../support/store.js';

const { database, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

test('a project is made once, also by ten servers that start at once', async () => {
  const projects = await Promise.all(Array.from({ length: 10 }, () => ensureProject(database, 'mine')));

  expect(new Set(projects.map(({ id }) => id)).size).toBe(1);
  expect(projects[0]).toMatchObject({ slug: 'mine', logPosition: 0n, logStart: 1n });
  expect(await ensureProject(database, 'mine')).toEqual(projects[0]);
});

test('a project of another slug is another project', async () => {
  const [one, two] = [await ensureProject(database, 'one'), await ensureProject(database, 'two')];

  expect(one.id).not.toBe(two.id);
});
