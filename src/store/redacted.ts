import type { Prisma } from '../database/client.js';
import { redact, redactText } from '../domain/redaction.js';

/** A caller's JSON as it may be stored: without its secrets. */
export function redacted(value: unknown): Prisma.InputJsonObject {
  return redact(value).value as Prisma.InputJsonObject;
}

/** A caller's words as they may be stored: what they say of themselves ends up in the log too. */
export function redactedText<Text extends string | null | undefined>(text: Text): Text {
  return typeof text === 'string' ? (redactText(text).text as Text) : text;
}
