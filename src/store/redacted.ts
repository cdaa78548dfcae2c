import type { Prisma } from '../database/client.js';
import { redact } from '../domain/redaction.js';

/** A caller's JSON as it may be stored: without its secrets. */
export function redacted(value: unknown): Prisma.InputJsonObject {
  return redact(value).value as Prisma.InputJsonObject;
}
