import { Option, type Command } from 'commander';
import type { Client } from '../client/client.js';
import {
  ListSessionsDocument,
  type ListSessionsQuery,
  type ListedSessionFragment as ListedSession,
  type SessionFilter,
  type SessionOrder,
} from '../client/operation.js';
import { PAGE_DEFAULT_SIZE, PAGE_MAX_SIZE } from '../domain/limits.js';
import { LIFECYCLE_STATES, SESSION_KINDS, type LifecycleState, type SessionKind } from '../domain/session.js';
import { wholeNumber, wordsOf } from './argument.js';
import { addEndpoint, connect, type Endpoint } from './endpoint.js';
import { say, sayJson, sayRows } from './print.js';
import { findRunId } from './reference.js';
import { HEADING, rowOf } from './sessionRow.js';

const ORDERS = { started: 'STARTED_AT', activity: 'LAST_ACTIVITY_AT', ended: 'ENDED_AT' } as const;

interface Options extends Endpoint {
  state?: LifecycleState[];
  open?: true;
  live?: true;
  stale?: true;
  kind?: SessionKind[];
  agent?: string;
  run?: string;
  task?: string;
  search?: string;
  silentFor?: number;
  order: keyof typeof ORDERS;
  reverse: boolean;
  limit: number;
  all: boolean;
  json: boolean;
}

export function addSessions(program: Command): void {
  addEndpoint(program.command('sessions').description('list sessions, the newest first'))
    .option('--state <state>', 'in this state; may be given several times', wordsOf(LIFECYCLE_STATES))
    .option('--open', 'not ended')
    .option('--live', 'booting, working or stalled')
    .option('--stale', 'suspended, stalled or zombie')
    .option('--kind <kind>', 'of this kind; may be given several times', wordsOf(SESSION_KINDS))
    .option('--agent <name>', 'of the agent of this name')
    .option('--run <run>', 'of this run, by its id or its external id')
    .option('--task <task>', 'that work on this task')
    .option('--search <text>', 'whose title, names, task or epic holds this text')
    .option('--silent-for <seconds>', 'without a sign of life for so long', wholeNumber)
    .addOption(new Option('--order <time>', 'by this time of theirs').choices(Object.keys(ORDERS)).default('started'))
    .option('--reverse', 'the oldest first', false)
    .option('--limit <count>', 'how many at most', wholeNumber, PAGE_DEFAULT_SIZE)
    .option('--all', 'however many there are', false)
    .option('--json', 'as one JSON list', false)
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { client } = await connect(options);
  const orderBy: SessionOrder = { field: ORDERS[options.order], direction: options.reverse ? 'ASC' : 'DESC' };
  const filter = await filterOf(client, options);
  const { sessions, hasMore } = await list(client, { filter, orderBy }, options.all ? Infinity : options.limit);
  if (options.json) return sayJson(sessions);
  await sayRows(HEADING, sessions.map(rowOf));
  if (hasMore && process.stderr.isTTY) await say('There are more: --limit or --all shows them.', process.stderr);
}

async function filterOf(client: Client, options: Options): Promise<SessionFilter> {
  const { state, open, live, stale, kind, agent, run, task, search, silentFor } = options;
  return {
    states: state,
    open,
    live,
    stale,
    kinds: kind,
    agentName: agent,
    runId: run === undefined ? undefined : await findRunId(client, run),
    taskId: task,
    search,
    silentForSeconds: silentFor,
  };
}

/** The first sessions of the list, page by page. */
async function list(client: Client, wanted: { filter: SessionFilter; orderBy: SessionOrder }, limit: number) {
  const sessions: ListedSession[] = [];
  let after: string | null = null;
  for (let hasMore = true; hasMore && sessions.length < limit;) {
    const first = Math.min(limit - sessions.length, PAGE_MAX_SIZE);
    const page: ListSessionsQuery = await client.request(ListSessionsDocument, { ...wanted, first, after });
    sessions.push(...page.sessions.nodes);
    hasMore = page.sessions.pageInfo.hasNextPage;
    after = page.sessions.pageInfo.endCursor ?? null;
    if (sessions.length >= limit) return { sessions, hasMore };
  }
  return { sessions, hasMore: false };
}
