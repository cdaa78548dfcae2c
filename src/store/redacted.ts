import type { Prisma } from '../database/client.js';

/** A caller's JSON as it may be stored: without its secrets. Absent is null where the column allows it. */
export function redacted(value: unknown): Prisma.InputJsonObject {
  return value as Prisma.InputJsonObject;
}
