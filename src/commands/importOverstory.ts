import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { ImportSessionsDocument, type ImportSessionsInput, type ImportSessionsMutation } from '../client/operation.js';
import { ConfigError } from '../config.js';
import { readOverstory } from '../import/overstory.js';
import { ForeignFileError } from '../import/sqlite.js';
import { addEndpoint, connect, type Endpoint } from './endpoint.js';
import { cell, say, sayJson, sayRows } from './print.js';

interface Options extends Endpoint {
  json: boolean;
}

export function addImportOverstory(parent: Command): void {
  addEndpoint(
    parent.command('overstory <path>').description("overstory's sessions.db, or a sessions.json of earlier days"),
  )
    .option('--json', 'as one JSON document', false)
    .action(run);
}

/** What became of each row of the file, the runs first. */
interface Report {
  created: number;
  unchanged: number;
  rows: { result: 'created' | 'unchanged'; kind: 'run' | 'session'; externalId: string; state: string; id: string }[];
}

async function run(path: string, { json, ...endpoint }: Options): Promise<void> {
  const input = await read(path);
  const { client, position } = await connect(endpoint);
  const { importSessions } = await client.request(ImportSessionsDocument, { input });
  const report = reportOf(importSessions, position);
  if (json) return sayJson(report);
  await sayRows(
    ['', 'KIND', 'EXTERNAL ID', 'STATE', 'ID'],
    report.rows.map(({ result, kind, externalId, state, id }) => [
      cell(result, result === 'created' ? 'green' : 'dim'),
      cell(kind),
      cell(externalId),
      cell(state),
      cell(id),
    ]),
  );
  await say(`${report.created} created, ${report.unchanged} unchanged`);
}

async function read(path: string): Promise<ImportSessionsInput> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) throw new ConfigError([`There is no file ${path}.`]);
  try {
    return await readOverstory(path);
  } catch (error) {
    throw error instanceof ForeignFileError ? new Error(`${path}: ${error.message}`, { cause: error }) : error;
  }
}

type Imported = ImportSessionsMutation['importSessions'];
type Row = Imported['runs' | 'sessions'][number];

/** What this call made has no entry in the log up to the position that it had grown to before. */
function reportOf({ runs, sessions, created, unchanged }: Imported, position: number): Report {
  const isNew = ({ events }: Row) => created > 0 && events.nodes.some((first) => first.position > position);
  const row = (kind: 'run' | 'session', state: string, of: Row) => ({
    result: isNew(of) ? ('created' as const) : ('unchanged' as const),
    kind,
    externalId: of.externalId ?? '',
    state,
    id: of.id,
  });
  return {
    created,
    unchanged,
    rows: [...runs.map((run) => row('run', run.status, run)), ...sessions.map((one) => row('session', one.state, one))],
  };
}
