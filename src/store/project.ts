import type { Database, Project, Queryable } from '../database/client.js';
import { ValidationError } from '../domain/errors.js';
import { newId } from '../domain/id.js';
import { checkName, Issues } from '../domain/limits.js';
import { checkSlug, isSlug } from '../domain/project.js';
import { PROJECTS } from './row.js';
import type { Store } from './store.js';

/** The project of that slug, made where it is missing. Safe where several servers start at once. */
export async function ensureProject({ writer }: Database, slug: string): Promise<Project> {
  const project = (await insertProject(writer, slug, slug)) ?? (await PROJECTS.find(writer, { slug }));
  if (!project) throw new Error('a project was removed as it was made');
  return project;
}

/** The project of that slug, or null. */
export async function findProject({ reader }: Database, slug: string): Promise<Project | null> {
  return isSlug(slug) ? PROJECTS.find(reader, { slug }) : null;
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
  const project = await insertProject(writer, slug, name ?? slug);
  if (project) return { project };
  throw new ValidationError({ issues: [{ path: 'input.slug', message: 'is the slug of another project' }] });
}

/** Null where the slug is another's. */
async function insertProject(db: Queryable, slug: string, name: string): Promise<Project | null> {
  const [project] = await db.$queryRaw<Project[]>`
    INSERT INTO projects AS p (id, slug, name) VALUES (${newId()}::uuid, ${slug}, ${name})
    ON CONFLICT DO NOTHING RETURNING ${PROJECTS.columns('p')}`;
  return project ?? null;
}
