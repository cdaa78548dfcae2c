import { ValidationError, type Issue } from '../../src/domain/errors.js';
import { Issues } from '../../src/domain/limits.js';

/** The issues that a check finds, as a caller would be told. */
export function issuesOf(check: (issues: Issues) => unknown): readonly Issue[] {
  const issues = new Issues();
  check(issues);
  try {
    issues.throwIfAny();
  } catch (error) {
    if (error instanceof ValidationError) return error.extensions.issues as Issue[];
    throw error;
  }
  return [];
}

/** The paths of those issues. */
export function complaints(check: (issues: Issues) => unknown): string[] {
  return issuesOf(check).map(({ path }) => path);
}
