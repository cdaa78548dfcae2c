// A key is `llk_`, the id of its row, `_`, and 256 random bits as base64url. A scanner knows it by its shape, and who finds
// one can tell which has leaked; the id alone opens nothing.
import { decodeIdOf, encodeId } from './id.js';

const KEY = /^llk_([0-9a-z]{26})_[\w-]{43}$/;

/** `random`: 256 bits as base64url. */
export function keyOf(id: string, random: string): string {
  return encodeId('ApiKey', id).replace('key_', 'llk_') + `_${random}`;
}

/** The uuid of the row that a key names; null for whatever is no key. */
export function idOfKey(text: string): string | null {
  const [, id] = KEY.exec(text) ?? [];
  return id === undefined ? null : decodeIdOf('ApiKey', `key_${id}`);
}

const BEARER = /^bearer +([\w.~+/=-]+)$/i;

/** The token of `Bearer <token>`, as `authorization` carries it; null for whatever else stands there. */
export function bearerToken(authorization: unknown): string | null {
  return typeof authorization === 'string' ? (BEARER.exec(authorization.trim())?.[1] ?? null) : null;
}
