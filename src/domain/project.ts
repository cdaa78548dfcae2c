// A project is known by its slug: in headers, in the claims of tokens and on the command line.
import type { Issues } from './limits.js';

/** The project that is always there. */
export const DEFAULT_PROJECT = 'default';

const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** 1 to 63 of a-z, 0-9 and hyphens, and no hyphen at either end: what a host name allows too. */
export function isSlug(text: string): boolean {
  return SLUG.test(text);
}

export function checkSlug(issues: Issues, path: string, text: string): void {
  if (!isSlug(text)) issues.add(path, 'must be 1 to 63 of a-z, 0-9 and hyphens, without one at either end');
}
