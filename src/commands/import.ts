import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { ConnectionError, createClient, type Client } from '../client/client.js';
import { PingDocument } from '../client/operation.js';
import { ConfigError, settings } from '../config.js';
import { followTranscripts } from '../import/follow.js';
import { importTranscripts, weigh, type Watcher } from '../import/import.js';
import type { Report } from '../import/report.js';
import { findTranscripts, type TranscriptFile } from '../import/transcript.js';

const DEFAULT_URL = `http://${settings.host.fallback}:${settings.port.fallback}/graphql`;

/** How long an import waits for a server that goes away meanwhile: a restart takes seconds. */
const PATIENCE_MS = 30_000;

interface Options {
  url: string;
  follow: boolean;
}

export function addImport(program: Command): void {
  program
    .command('import')
    .description('bring what other programs have recorded')
    .command('claude-code <path>')
    .description('transcripts of Claude Code: a file, or a folder of them, such as ~/.claude/projects')
    .option('--url <url>', 'the GraphQL endpoint of the server', DEFAULT_URL)
    .option('--follow', 'go on with what is appended, until it is interrupted; sessions stay open', false)
    .action(run);
}

async function run(path: string, { url, follow }: Options): Promise<void> {
  const families = await transcriptsAt(path);
  if (families.length === 0 && !follow) {
    throw new ConfigError([`There is no transcript in ${path}: no file whose name ends in .jsonl.`]);
  }
  const client = createClient({ url: endpoint(url) });
  // At once, and not after patient attempts: most often the server is not there because nobody has started it.
  await client.request(PingDocument, {}).catch((error: unknown) => {
    if (!(error instanceof ConnectionError)) throw error;
    throw new Error(`${error.message} Is this where the server is? \`npm start\` starts one.`, { cause: error });
  });
  const report = follow ? await followUntilStopped(client, path) : await importAll(client, families);
  for (const line of report.lines()) say(line);
  if (report.refusals.length > 0) process.exitCode = 1;
}

async function transcriptsAt(path: string): Promise<TranscriptFile[][]> {
  const found = await stat(path).catch(() => null);
  if (!found) throw new ConfigError([`There is no file and no folder ${path}.`]);
  return findTranscripts(path);
}

function endpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new ConfigError([`--url is "${text}", which is no URL of a server: ${DEFAULT_URL} would be one.`]);
  }
  if (url.pathname === '/') url.pathname = '/graphql';
  return url.href;
}

async function importAll(client: Client, families: TranscriptFile[][]): Promise<Report> {
  const progress = process.stderr.isTTY ? bar(await weigh(families)) : lines(families.length);
  try {
    return await importTranscripts(client, families, { repeatForMs: PATIENCE_MS, watcher: progress });
  } finally {
    progress.stop();
  }
}

async function followUntilStopped(client: Client, path: string): Promise<Report> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const onLive = (): void => say(`following ${path}; to stop it, press Ctrl+C`);
  return followTranscripts(client, path, { signal: stopping.signal, onLive });
}

type Progress = Watcher & { stop(): void };

function bar(bytes: number): Progress {
  const shown = new SingleBar({ format: '{bar} {percentage} %, {duration_formatted}', hideCursor: true });
  shown.start(bytes, 0);
  return { read: (some) => shown.increment(some), stop: () => shown.stop() };
}

function lines(total: number): Progress {
  let done = 0;
  const finished = (family: readonly TranscriptFile[]): void => {
    const [first, ...others] = family.map(({ path }) => basename(path));
    say(`${++done} of ${total}: ${first}${others.length > 0 ? ` and ${others.length} more` : ''}`);
  };
  return { finished, stop: () => undefined };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
