import type { Command } from 'commander';
import {
  CreateKeyDocument,
  ListKeysDocument,
  RevokeKeyDocument,
  type ListedKeyFragment as ListedKey,
  type ListKeysQuery,
} from '../client/operation.js';
import { PAGE_MAX_SIZE } from '../domain/limits.js';
import { ROLES, type Role } from '../domain/role.js';
import { wordsOf } from './argument.js';
import { addEndpoint, connect, type Endpoint } from './endpoint.js';
import { second } from './format.js';
import { cell, say, sayJson, sayRows } from './print.js';

const HEADING = ['ID', 'ROLE', 'NAME', 'CREATED', 'LAST USED', 'REVOKED'];

interface Options extends Endpoint {
  json: boolean;
}

interface CreateOptions extends Options {
  role: Role[];
}

export function addKeys(program: Command): void {
  const keys = program.command('keys').description('the keys of a project: its admin makes and revokes them');
  addEndpoint(keys.command('create <name>').description('make a key, and print it this once'))
    .requiredOption('--role <role>', 'observer, agent or admin', wordsOf(ROLES))
    .option('--json', 'as one JSON document', false)
    .action(create);
  addEndpoint(keys.command('list').description('list the keys, the newest first'))
    .option('--json', 'as one JSON list', false)
    .action(list);
  addEndpoint(keys.command('revoke <id>').description('revoke a key for good'))
    .option('--json', 'as one JSON document', false)
    .action(revoke);
}

async function create(name: string, { role: [role = 'OBSERVER'], json, ...endpoint }: CreateOptions): Promise<void> {
  const { client } = await connect(endpoint);
  const { createApiKey } = await client.request(CreateKeyDocument, { input: { name, role } });
  if (json) return sayJson(createApiKey);
  await say(`${createApiKey.apiKey.id} is made. Its key is shown this once:`, process.stderr);
  await say(createApiKey.secret);
}

async function list({ json, ...endpoint }: Options): Promise<void> {
  const { client } = await connect(endpoint);
  const keys: ListedKey[] = [];
  let after: string | null | undefined = null;
  do {
    const { apiKeys }: ListKeysQuery = await client.request(ListKeysDocument, { first: PAGE_MAX_SIZE, after });
    keys.push(...apiKeys.nodes);
    after = apiKeys.pageInfo.hasNextPage ? apiKeys.pageInfo.endCursor : null;
  } while (after != null);
  await (json ? sayJson(keys) : sayRows(HEADING, keys.map(rowOf)));
}

async function revoke(id: string, { json, ...endpoint }: Options): Promise<void> {
  const { client } = await connect(endpoint);
  const { revokeApiKey } = await client.request(RevokeKeyDocument, { input: { id } });
  await (json ? sayJson(revokeApiKey.apiKey) : sayRows(HEADING, [rowOf(revokeApiKey.apiKey)]));
}

const rowOf = ({ id, role, name, createdAt, lastUsedAt, revokedAt }: ListedKey) =>
  [id, role, name, second(createdAt), lastUsedAt && second(lastUsedAt), revokedAt && second(revokedAt)].map((text) =>
    cell(text),
  );
