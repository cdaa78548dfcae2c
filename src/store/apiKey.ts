import { createHash, randomBytes } from 'node:crypto';
import type { ApiKey, Database } from '../database/client.js';
import { keyOf } from '../domain/apiKey.js';
import { ForbiddenError, NotFoundError } from '../domain/errors.js';
import { encodeId, newId } from '../domain/id.js';
import { checkName, Issues } from '../domain/limits.js';
import { DEFAULT_PROJECT } from '../domain/project.js';
import type { Role } from '../domain/role.js';
import { ensureProject, findProject } from './project.js';
import { API_KEYS } from './row.js';
import type { Caller, Store } from './store.js';

const SECRET_BYTES = 32;

export interface CreateApiKeyInput {
  name: string;
  role: Role;
  /** Another project than the caller's own: for the server's admin. */
  projectSlug?: string | null;
}

/** A key as its maker gets to know it: the secret is kept nowhere. */
export interface NewApiKey {
  apiKey: ApiKey;
  secret: string;
}

/** @throws ForbiddenError for a project that is not the caller's to choose, NotFoundError where there is none of that slug. */
export async function createApiKey(
  { database }: Store,
  caller: Caller,
  { name, role, projectSlug }: CreateApiKeyInput,
): Promise<NewApiKey> {
  const issues = new Issues();
  checkName(issues, 'input.name', name);
  issues.throwIfAny();
  const projectId = projectSlug == null ? caller.projectId : await otherProject(database, caller, projectSlug);
  const { secret, ...made } = newKey();
  const apiKey = await API_KEYS.insert(database.writer, { projectId, name, role, ...made });
  return { apiKey, secret };
}

async function otherProject(database: Database, caller: Caller, slug: string): Promise<string> {
  // Before the look: whoever may not choose learns nothing of what there is.
  if (!caller.serverAdmin) throw new ForbiddenError({ required: 'ADMIN', serverAdmin: true });
  const project = await findProject(database, slug);
  if (!project) throw new NotFoundError({ kind: 'Project', ref: slug });
  return project.id;
}

/**
 * Revokes a key of the caller's project; again changes nothing, and the first time stays.
 * @throws NotFoundError where there is none, which the server's own admin's is to everybody else.
 */
export async function revokeApiKey(
  { database }: Store,
  { projectId, serverAdmin }: Caller,
  { id }: { id: string },
): Promise<{ apiKey: ApiKey }> {
  const { writer } = database;
  // The database's clock tells the time, and one statement decides which of two was first.
  await writer.$executeRaw`
    UPDATE api_keys SET revoked_at = now()
    WHERE project_id = ${projectId}::uuid AND id = ${id}::uuid AND revoked_at IS NULL AND (NOT server_admin OR ${serverAdmin})`;
  const apiKey = await API_KEYS.find(writer, { projectId, id, ...visible({ serverAdmin }) });
  if (!apiKey) throw new NotFoundError({ kind: 'ApiKey', ref: encodeId('ApiKey', id) });
  return { apiKey };
}

/** Which keys of his project a caller knows of: the server's own admin's is that admin's alone. */
export function visible({ serverAdmin }: Pick<Caller, 'serverAdmin'>): { serverAdmin?: false } {
  return serverAdmin ? {} : { serverAdmin: false };
}

/** The key of the server's own admin, where there is none yet; null where there is. Safe where several servers start at once. */
export async function ensureAdminKey(database: Database): Promise<string | null> {
  const { id: projectId } = await ensureProject(database, DEFAULT_PROJECT);
  const { id, secret, secretHash } = newKey();
  const made = await database.writer.$executeRaw`
    INSERT INTO api_keys (project_id, id, name, role, server_admin, secret_hash)
    VALUES (${projectId}::uuid, ${id}::uuid, 'admin', 'ADMIN', true, ${secretHash}) ON CONFLICT DO NOTHING`;
  return made === 1 ? secret : null;
}

function newKey() {
  const id = newId();
  const secret = keyOf(id, randomBytes(SECRET_BYTES).toString('base64url'));
  return { id, secret, secretHash: hashOf(secret) };
}

/** A slow hash would defend what people think up; nobody guesses 256 random bits, however fast the guesses are checked. */
export function hashOf(secret: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(secret).digest());
}
