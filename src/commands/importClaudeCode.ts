import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import type { Client } from '../client/client.js';
import { ConfigError } from '../config.js';
import { followTranscripts } from '../import/follow.js';
import { importTranscripts, weigh, type Watcher } from '../import/import.js';
import type { Report } from '../import/report.js';
import { findTranscripts, type TranscriptFile } from '../import/transcript.js';
import { addEndpoint, connect, type Endpoint } from './endpoint.js';
import { say, sayJson } from './print.js';

/** How long an import waits for a server that goes away meanwhile: a restart takes seconds. */
const PATIENCE_MS = 30_000;

interface Options extends Endpoint {
  follow: boolean;
  json: boolean;
}

export function addImportClaudeCode(parent: Command): void {
  const command = parent.command('claude-code <path>');
  addEndpoint(
    command.description('transcripts of Claude Code: a file, or a folder of them, such as ~/.claude/projects'),
  )
    .option('--follow', 'go on with what is appended, until it is interrupted; sessions stay open', false)
    .option('--json', 'the report as one JSON document', false)
    .action(run);
}

async function run(path: string, { follow, json, ...endpoint }: Options): Promise<void> {
  const families = await transcriptsAt(path);
  if (families.length === 0 && !follow) {
    throw new ConfigError([`There is no transcript in ${path}: no file whose name ends in .jsonl.`]);
  }
  const { client } = await connect(endpoint);
  const output = json ? process.stderr : process.stdout;
  const report = follow ? await followUntilStopped(client, path, output) : await importAll(client, families, output);
  await (json ? sayJson(report) : say(report.lines().join('\n')));
  if (report.refusals.length > 0) process.exitCode = 1;
}

async function transcriptsAt(path: string): Promise<TranscriptFile[][]> {
  const found = await stat(path).catch(() => null);
  if (!found) throw new ConfigError([`There is no file and no folder ${path}.`]);
  return findTranscripts(path);
}

type Output = NodeJS.WriteStream;

async function importAll(client: Client, families: TranscriptFile[][], output: Output): Promise<Report> {
  const progress = process.stderr.isTTY ? bar(await weigh(families)) : lines(families.length, output);
  try {
    return await importTranscripts(client, families, { repeatForMs: PATIENCE_MS, watcher: progress });
  } finally {
    progress.stop();
  }
}

async function followUntilStopped(client: Client, path: string, output: Output): Promise<Report> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const onLive = (): void => void say(`following ${path}; to stop it, press Ctrl+C`, output);
  return followTranscripts(client, path, { signal: stopping.signal, onLive });
}

type Progress = Watcher & { stop(): void };

function bar(bytes: number): Progress {
  const shown = new SingleBar({ format: '{bar} {percentage} %, {duration_formatted}', hideCursor: true });
  shown.start(bytes, 0);
  return { read: (some) => shown.increment(some), stop: () => shown.stop() };
}

function lines(total: number, output: Output): Progress {
  let done = 0;
  const finished = (family: readonly TranscriptFile[]): void => {
    const [first, ...others] = family.map(({ path }) => basename(path));
    void say(`${++done} of ${total}: ${first}${others.length > 0 ? ` and ${others.length} more` : ''}`, output);
  };
  return { finished, stop: () => undefined };
}
