import type { Database, Project } from '../database/client.js';
import { ValidationError } from '../domain/errors.js';
import { newId } from '../domain/id.js';
import { checkName, Issues } from '../domain/limits.js';
import { checkSlug, isSlug } from '../domain/project.js';
import type { Store } from './store.js';

/** The project of that slug, made where it is missing. Safe where several servers start at once. */
export async function ensureProject({ writer }: Database, slug: string): Promise<Project> {
  await writer.project.createMany({ data: [{ id: newId(), slug, name: slug }], skipDuplicates: true });
  return writer.project.findUniqueOrThrow({ where: { slug } });
}

/** The project of that slug, or null. */
export async function findProject({ prisma }: Database, slug: string): Promise<Project | null> {
  return isSlug(slug) ? prisma.project.findUnique({ where: { slug } }) : null;
}

export interface CreateProjectInput {
  slug: string;
  /** The slug where absent. */
  name?: string | null;
}

/** @throws ValidationError for a slug that is none, or is another project's. */
export async function createProject(
  { database: { writer } }: Store,
  { slug, name }: CreateProjectInput,
): Promise<{ project: Project }> {
  const issues = new Issues();
  checkSlug(issues, 'input.slug', slug);
  checkName(issues, 'input.name', name);
  issues.throwIfAny();
  // Of two who want the same slug at once, one gets it.
  const [project] = await writer.project.createManyAndReturn({
    data: [{ id: newId(), slug, name: name ?? slug }],
    skipDuplicates: true,
  });
  if (project) return { project };
  throw new ValidationError({ issues: [{ path: 'input.slug', message: 'is the slug of another project' }] });
}
