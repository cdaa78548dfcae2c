import { expect, it } from 'vitest';
import { DEFAULT_PROJECT, isSlug } from '../../src/domain/project.js';

it.each([DEFAULT_PROJECT, 'a', '7', 'a-b', 'web-2', 'a--b', 'x'.repeat(63)])('%j is a slug', (text) => {
  expect(isSlug(text)).toBe(true);
});

it.each(['', '-', '-a', 'a-', 'A', 'a_b', 'a b', 'ä', 'a\n', 'a\0', 'x'.repeat(64)])('%j is no slug', (text) => {
  expect(isSlug(text)).toBe(false);
});
