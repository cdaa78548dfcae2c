// The keys that are in use in this process. A key is read from the database when it first comes, and known from then on: a
// request costs a hash and a comparison. One statement every LOOK_MS asks which of all of them have been revoked, on
// whatever server, whoever is connected; no client is ever asked for by itself.
import { timingSafeEqual } from 'node:crypto';
import { idOfKey } from '../domain/apiKey.js';
import { UnauthenticatedError } from '../domain/errors.js';
import type { Role } from '../domain/role.js';
import { hashOf } from './apiKey.js';
import type { Caller, Store } from './store.js';

/** Between two looks for what has been revoked, which has to hold within 5 s. */
const LOOK_MS = 1_500;
/** What has not been looked at for so long, since the database does not answer, is read anew before it is trusted. */
const TRUSTED_MS = 4_000;
/** How long a key is remembered that nobody uses. */
const IDLE_MS = 60_000;
/** `lastUsedAt` is written at most so often. */
const USE_MS = 60_000;

/** A key that is good, and may cease to be. */
export interface HeldKey {
  readonly id: string;
  readonly caller: Caller;
  /** Calls back once, when the key is revoked. The function that it answers with ends that. */
  readonly whenRevoked: (listener: () => void) => () => void;
}

interface Entry {
  readonly id: string;
  readonly hash: Uint8Array;
  readonly caller: Caller;
  readonly listeners: Set<() => void>;
  isRevoked: boolean;
  lookedAt: number;
  usedAt: number;
  writtenAt: number;
}

interface Row {
  projectId: string;
  name: string;
  role: Role;
  serverAdmin: boolean;
  hash: Uint8Array;
  revoked: boolean;
}

export class Keyring {
  readonly #store: Pick<Store, 'database' | 'log'>;
  readonly #entries = new Map<string, Entry>();
  /** What is being read: whoever comes back with the same key at the same time waits for the same row. */
  readonly #reading = new Map<string, Promise<Entry | null>>();
  readonly #writing = new Set<Promise<void>>();
  readonly #looking: NodeJS.Timeout;
  #look: Promise<void> | null = null;

  constructor(store: Pick<Store, 'database' | 'log'>) {
    this.#store = store;
    this.#looking = setInterval(() => {
      // A look that still waits for the database is look enough.
      this.#look ??= this.#lookAgain().finally(() => (this.#look = null));
    }, LOOK_MS).unref();
  }

  /**
   * The key that this secret is. `beforeLook` is called where nothing is known of it, and keeps the database from being asked
   * by throwing.
   * @throws UnauthenticatedError where it is none, or has been revoked.
   */
  async find(secret: string, beforeLook: () => void = () => undefined): Promise<HeldKey> {
    const id = idOfKey(secret);
    if (id === null) throw new UnauthenticatedError();
    const known = this.#entries.get(id);
    const isTrusted = known !== undefined && performance.now() - known.lookedAt < TRUSTED_MS;
    if (!known && !this.#reading.has(id)) beforeLook();
    const entry = isTrusted ? known : await this.#entryOf(id, secret);
    // The id finds the row, so that a comparison is all that depends on the secret, and it takes the same time for all.
    if (!timingSafeEqual(entry.hash, hashOf(secret))) throw new UnauthenticatedError();
    this.#use(entry);
    return { id, caller: entry.caller, whenRevoked: (listener) => this.#listen(entry, listener) };
  }

  /** Resolves when nothing more is written. */
  async close(): Promise<void> {
    clearInterval(this.#looking);
    await this.#look;
    await Promise.all(this.#writing);
  }

  #listen(entry: Entry, listener: () => void): () => void {
    if (entry.isRevoked) {
      listener();
      return () => undefined;
    }
    // It may have been forgotten meanwhile, or read anew.
    const { listeners } = this.#entries.get(entry.id) ?? entry;
    if (!this.#entries.has(entry.id)) this.#entries.set(entry.id, entry);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  async #entryOf(id: string, secret: string): Promise<Entry> {
    const reading = this.#reading.get(id) ?? this.#read(id).finally(() => this.#reading.delete(id));
    this.#reading.set(id, reading);
    const entry = await reading;
    if (!entry) throw new UnauthenticatedError();
    // Only to whoever has the secret: to others it is no key at all.
    if (entry.isRevoked) throw new UnauthenticatedError({ revoked: timingSafeEqual(entry.hash, hashOf(secret)) });
    return entry;
  }

  async #read(id: string): Promise<Entry | null> {
    const askedAt = performance.now();
    const [row] = await this.#store.database.ask<Row>(
      `SELECT project_id AS "projectId", name, role, server_admin AS "serverAdmin", secret_hash AS hash,
        revoked_at IS NOT NULL AS revoked
      FROM api_keys WHERE id = $1`,
      [id],
    );
    if (!row) return null;
    const { hash, revoked, ...caller } = row;
    const entry = this.#entries.get(id) ?? newEntry(id, hash, caller);
    if (revoked) entry.isRevoked = true;
    else entry.lookedAt = Math.max(entry.lookedAt, askedAt);
    return entry;
  }

  #use(entry: Entry): void {
    // Kept only from here on: what was guessed leaves nothing behind.
    this.#entries.set(entry.id, entry);
    entry.usedAt = performance.now();
    if (entry.usedAt - entry.writtenAt < USE_MS) return;
    entry.writtenAt = entry.usedAt;
    const writing = this.#write(entry.id).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  /** Never rejects: nobody's request fails for it. */
  async #write(id: string): Promise<void> {
    const { database, log } = this.#store;
    try {
      // Other servers write it too.
      await database.writer.$executeRaw`
        UPDATE api_keys SET last_used_at = now()
        WHERE id = ${id}::uuid AND (last_used_at IS NULL OR last_used_at < now() - ${USE_MS} * interval '1 millisecond')`;
    } catch (error) {
      log.warn({ err: error }, 'the last use of a key could not be noted');
    }
  }

  /** Never rejects: the next look comes soon. */
  async #lookAgain(): Promise<void> {
    const { database, log } = this.#store;
    const now = performance.now();
    for (const [id, entry] of this.#entries) {
      // What is open uses its key as long as it is.
      if (entry.listeners.size > 0) this.#use(entry);
      else if (now - entry.usedAt > IDLE_MS) this.#entries.delete(id);
    }
    const looked = [...this.#entries.values()];
    if (looked.length === 0) return;
    try {
      const revoked = await database.ask<{ id: string }>(
        'SELECT id FROM api_keys WHERE id = ANY ($1::uuid[]) AND revoked_at IS NOT NULL',
        [looked.map(({ id }) => id)],
      );
      for (const entry of looked) entry.lookedAt = now;
      for (const { id } of revoked) this.#drop(id);
    } catch (error) {
      log.warn({ err: error }, 'it could not be read which keys have been revoked');
    }
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.isRevoked = true;
    this.#entries.delete(id);
    for (const listener of entry.listeners) listener();
  }
}

function newEntry(id: string, hash: Uint8Array, caller: Caller): Entry {
  return { id, hash, caller, listeners: new Set(), isRevoked: false, lookedAt: 0, usedAt: 0, writtenAt: -Infinity };
}
