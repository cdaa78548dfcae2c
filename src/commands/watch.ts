import type { Command } from 'commander';
import type { Client } from '../client/client.js';
import { isLive, isOpen, LIFECYCLE_STATES, SESSION_KINDS, type SessionKind } from '../domain/session.js';
import { wordsOf } from './argument.js';
import { SessionBoard, type Place, type Wanted } from './board.js';
import { BoardFeed } from './boardFeed.js';
import { BoardLines, textLine, watched } from './boardLines.js';
import { BOARD_HEADING, boardRow } from './boardRow.js';
import { BoardScreen } from './boardScreen.js';
import { addEndpoint, connect, type Endpoint } from './endpoint.js';
import { cell, say, sayJson, sayRows } from './print.js';
import { findRunId } from './reference.js';

interface Options extends Endpoint {
  run?: string;
  agent?: string;
  kind?: SessionKind[];
  all: boolean;
  once: boolean;
  json: boolean;
}

export function addWatch(program: Command): void {
  addEndpoint(
    program.command('watch').description('watch the sessions that are live, and those given up, as they change'),
  )
    .option('--run <run>', 'of this run, by its id or its external id')
    .option('--agent <name>', 'of the agent of this name')
    .option('--kind <kind>', 'of this kind; may be given several times', wordsOf(SESSION_KINDS))
    .option('--all', 'all that have not ended, the suspended ones too', false)
    .option('--once', 'as they are now, and no more', false)
    .option('--json', 'each session as a line of JSON, and again after every change; with --once as one list', false)
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { client, position } = await connect(options);
  const wanted = await wantedBy(client, options);
  const board = new SessionBoard(wanted);
  const feed = new BoardFeed(client, board, wanted);
  if (options.once) {
    await feed.fill();
    return sayOnce(board, options);
  }
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop);
  if (process.stdout.isTTY && !options.json) {
    const screen = new BoardScreen(board, { url: options.url, position }, stop);
    await feed.run(position, screen, stopping.signal).finally(() => screen.close());
  } else {
    const line = options.json ? (place: Place) => JSON.stringify(watched(place)) : textLine;
    await feed.run(position, new BoardLines(board, line), stopping.signal);
  }
}

async function wantedBy(client: Client, { all, kind, agent, run: ref }: Options): Promise<Wanted> {
  return {
    // Whom the service has given up, somebody has to look after; who is suspended waits for good reason.
    states: LIFECYCLE_STATES.filter((state) => isLive(state) || state === 'ZOMBIE' || (all && isOpen(state))),
    kinds: kind,
    agentName: agent,
    runId: ref === undefined ? undefined : await findRunId(client, ref),
  };
}

async function sayOnce(board: SessionBoard, { json }: Options): Promise<void> {
  const places = board.places(performance.now());
  if (json) return sayJson(places.map(watched));
  const rows = places.map((place) => [cell(place.session.id), ...boardRow(place)]);
  await sayRows(['SESSION', ...BOARD_HEADING], rows);
  if (board.more > 0 && process.stderr.isTTY) await say(`And ${board.more} more.`, process.stderr);
}
