import type { Command } from 'commander';
import { ShowSessionDocument } from '../client/operation.js';
import { addEndpoint, connect, type Endpoint } from './endpoint.js';
import { portrait } from './portrait.js';
import { say, sayJson } from './print.js';
import { findSession } from './reference.js';

interface Options extends Endpoint {
  json: boolean;
}

export function addShow(program: Command): void {
  addEndpoint(
    program
      .command('show <ref>')
      .description('show one session, by its id, a handle, the beginning of one, or its epic'),
  )
    .option('--json', 'as one JSON document', false)
    .action(run);
}

async function run(ref: string, { json, ...endpoint }: Options): Promise<void> {
  const { client } = await connect(endpoint);
  const { id } = await findSession(client, ref);
  const { session } = await client.request(ShowSessionDocument, { id });
  if (!session) throw new Error(`Session ${id} has just been deleted.`);
  await (json ? sayJson(session) : say(portrait(session).join('\n')));
}
