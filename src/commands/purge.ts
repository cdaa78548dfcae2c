import type { Command } from 'commander';
import { PurgeSessionsDocument, type PurgeFilter, type PurgeSessionsMutation } from '../client/operation.js';
import { ConfigError } from '../config.js';
import { LIFECYCLE_STATES, type LifecycleState } from '../domain/session.js';
import { instant, several, wordsOf } from './argument.js';
import { addEndpoint, connect, type Endpoint } from './endpoint.js';
import { counted } from './format.js';
import { say, sayJson } from './print.js';
import { findSession } from './reference.js';

interface Options extends Endpoint {
  session?: string[];
  agent?: string;
  state?: LifecycleState[];
  endedBefore?: string;
  all: boolean;
  force: boolean;
  yes: boolean;
  json: boolean;
}

export function addPurge(program: Command): void {
  addEndpoint(
    program
      .command('purge')
      .description('delete ended sessions with all that hangs on them; without --yes, say what would go'),
  )
    .option('--session <ref>', 'this session, by its id or a handle; may be given several times', several)
    .option('--agent <name>', 'of the agent of this name')
    .option('--state <state>', 'in this state; may be given several times', wordsOf(LIFECYCLE_STATES))
    .option('--ended-before <time>', 'that ended before this time', instant)
    .option('--all', 'every session, where nothing else is said', false)
    .option('--force', 'open ones too', false)
    .option('--yes', 'do it', false)
    .option('--json', 'as one JSON document', false)
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { session: refs, agent, state, endedBefore, all, force, yes, json } = options;
  if (!all && !refs && agent === undefined && !state && endedBefore === undefined) {
    throw new ConfigError(['What is to go? --session, --agent, --state, --ended-before or --all says it.']);
  }
  const { client } = await connect(options);
  const filter: PurgeFilter = { agentName: agent, states: state, endedBefore, all };
  if (refs) {
    filter.sessionIds = [];
    for (const ref of refs) filter.sessionIds.push((await findSession(client, ref, { exact: true })).id);
  }
  const { purgeSessions } = await client.request(PurgeSessionsDocument, { input: { filter, force, dryRun: !yes } });
  await (json ? sayJson(purgeSessions) : say(sentence(purgeSessions)));
}

function sentence({ sessions, events, checkpoints, commands, dryRun }: PurgeSessionsMutation['purgeSessions']): string {
  const rest = `with ${counted(events, 'event')}, ${counted(checkpoints, 'checkpoint')} and ${counted(commands, 'command')}`;
  const what = `${counted(sessions, 'session')}, ${rest}`;
  return dryRun ? `It would delete ${what}. Nothing has been deleted: --yes does it.` : `It has deleted ${what}.`;
}
