import type { Database, Project } from '../database/client.js';
import { newId } from '../domain/id.js';

/** The project of that slug, made where it is missing. Safe where several servers start at once. */
export async function ensureProject({ prisma }: Database, slug: string): Promise<Project> {
  await prisma.project.createMany({ data: [{ id: newId(), slug, name: slug }], skipDuplicates: true });
  return prisma.project.findUniqueOrThrow({ where: { slug } });
}
