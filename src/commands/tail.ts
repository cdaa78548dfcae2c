import type { Command } from 'commander';
import type { LogBatch } from '../client/client.js';
import type { LogFilter } from '../client/operation.js';
import { EVENT_TYPES, type EventType } from '../domain/event.js';
import { wholeNumber, wordsOf } from './argument.js';
import { addEndpoint, connect, type Endpoint } from './endpoint.js';
import { EVENT_WIDTHS, eventCells } from './eventRow.js';
import { aligned, plain, say } from './print.js';
import { findSession } from './reference.js';

interface Options extends Endpoint {
  after?: number;
  session?: string;
  types?: EventType[];
  json: boolean;
}

export function addTail(program: Command): void {
  addEndpoint(program.command('tail').description('follow the log, one line an entry, until it is interrupted'))
    .option('--after <position>', 'begin after this position; 0 is the beginning (default: from now on)', wholeNumber)
    .option('--session <ref>', 'of this session alone: its id, a handle, the beginning of one, or its epic')
    .option('--types <types>', 'of these types alone, apart by commas', wordsOf(EVENT_TYPES))
    .option('--json', 'each entry as a line of JSON', false)
    .action(run);
}

async function run({ after, session: ref, types, json, ...endpoint }: Options): Promise<void> {
  const { client } = await connect(endpoint);
  const session = ref === undefined ? null : await findSession(client, ref);
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const filter: LogFilter = { types, sessionIds: session && [session.id] };
  let isFirst = true;
  for await (const batch of client.tailLog({ after, filter, signal: stopping.signal })) {
    const { events, position, trimmedBefore } = batch;
    // What comes first answers the question whether anything is under way.
    if (isFirst && after === undefined)
      await say(`following the log after ${position}; to stop it, press Ctrl+C`, process.stderr);
    isFirst = false;
    if (trimmedBefore !== null)
      await say(`entries have been removed; the next one left is ${trimmedBefore}`, process.stderr);
    if (events.length > 0) await say(events.map(json ? (event) => JSON.stringify(event) : lineOf).join('\n'));
  }
}

function lineOf(event: LogBatch['events'][number]): string {
  const cells = eventCells(event);
  return process.stdout.isTTY ? aligned(cells, EVENT_WIDTHS) : plain(cells);
}
