import { Prisma } from '../database/client.js';
import { asRead } from '../domain/json.js';
import { redactDocument, redactText } from '../domain/redaction.js';

/** A caller's JSON as it may be stored: without its secrets. */
export function redacted(value: unknown): Prisma.InputJsonObject {
  // To look through the text at once costs a fraction of a walk over all that is in it.
  return redactDocument(value, JSON.stringify(value)).value as Prisma.InputJsonObject;
}

/** A caller's words as they may be stored: what they say of themselves ends up in the log too. */
export function redactedText<Text extends string | null | undefined>(text: Text): Text {
  return typeof text === 'string' ? (redactText(text).text as Text) : text;
}

/** A caller's document without its secrets, and the text that is stored and read back as it stands. */
export class Document {
  readonly value: Prisma.JsonValue;
  readonly text: string;

  /** `text` is how JSON writes the value, where that is known. */
  constructor(value: unknown, text: string | null) {
    const clean = redactDocument(value, text ?? JSON.stringify(value));
    this.value = asRead(clean.value, clean.text) as Prisma.JsonValue;
    this.text = clean.text;
  }

  /** Of what a column of JSON is to hold. */
  get stored(): Prisma.Sql {
    return Prisma.sql`${this.text}::json`;
  }
}
