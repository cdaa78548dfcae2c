// What is left of a run: a file for programs, a table and a picture for people.
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';
import { query } from '../tests/support/sql.js';
import { folderOfGuest } from './guest.js';
import { FOLDER as GRAPHILE_FOLDER } from './peer/postgraphile/postgraphile.js';
import type { Place } from './place.js';
import type { Result } from './round.js';

const FOLDER = 'bench/results';

export interface Report {
  readonly date: string;
  readonly quick: boolean;
  /** How many processes the measured server was. */
  readonly workers: number;
  readonly machine: { readonly processor: string; readonly cores: number; readonly memoryGiB: number };
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  readonly sizes: Place['sizes'];
  readonly cases: readonly Result[];
  readonly notMeasured: readonly Missing[];
}

/** A case that could not be taken, and why. */
export interface Missing {
  readonly case: string;
  readonly against: string;
  readonly reason: string;
}

export async function writeResults(
  place: Place,
  cases: readonly Result[],
  notMeasured: readonly Missing[],
): Promise<void> {
  const report = { ...(await describe(place)), cases, notMeasured };
  // A whole run's are kept; these are for whoever waits for them.
  const folder = place.quick ? path.join(FOLDER, 'quick') : FOLDER;
  await mkdir(folder, { recursive: true });
  const write = (name: string, text: string): Promise<void> => writeFile(path.join(folder, name), text);
  await write('latest.json', `${JSON.stringify(report, null, 2)}\n`);
  await write('table.md', tableOf(report));
  await write('chart.svg', chartOf(cases));
}

async function describe({ databaseUrl, quick, workers, sizes }: Place): Promise<Omit<Report, 'cases' | 'notMeasured'>> {
  const [database] = await query(databaseUrl, `SELECT current_setting('server_version') AS version`);
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  const [processor] = cpus();
  return {
    date: new Date().toISOString(),
    quick,
    workers,
    machine: {
      processor: processor?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
    versions: {
      lifeline: version,
      node: process.versions.node,
      postgresql: String(database?.version),
      ...Object.fromEntries(await Promise.all(COMPARED.map(versionOf)).then((known) => known.flat())),
    },
    commit: execFileSync('git', ['describe', '--always', '--dirty', '--exclude=*'], { encoding: 'utf8' }).trim(),
    sizes,
  };
}

/** What is measured, and what it is held against, with the folders that they are installed in. */
const COMPARED: readonly (readonly [name: string, folder: string])[] = [
  ...['graphql', 'graphql-yoga', '@prisma/client', 'pg', 'ws', 'graphql-ws', 'fastify', 'mercurius', 'autocannon'].map(
    (name) => [name, '.'] as const,
  ),
  ['postgraphile', GRAPHILE_FOLDER],
  ['@langchain/langgraph-checkpoint-postgres', folderOfGuest('langgraph')],
];

/** Nothing where it is not installed, and so was not compared. */
async function versionOf([name, folder]: readonly [string, string]): Promise<[string, string][]> {
  try {
    const text = await readFile(path.join(folder, 'node_modules', name, 'package.json'), 'utf8');
    return [[name, (JSON.parse(text) as { version: string }).version]];
  } catch {
    return [];
  }
}

/** Four figures at most: what a person reads, not what was measured. */
const figure = (value: number): string =>
  value >= 1_000 ? Math.round(value).toLocaleString('en-US') : Number(value.toPrecision(3)).toString();

const markOf = ({ better, mark }: Result): string => `${better === 'higher' ? '≥' : '≤'} ${mark} ×`;

/** A result on one line, as it is told while the bench runs. */
export const lineOf = (result: Result): string =>
  `${result.met ? 'met   ' : 'MISSED'} ${result.ratio.toFixed(2)} × (${markOf(result)})  ` +
  `${figure(result.ours)} against ${figure(result.theirs)} ${result.unit}, ` +
  `spread ${percent(result.spread.ours)} and ${percent(result.spread.theirs)}`;

const percent = (part: number): string => `${(part * 100).toFixed(0)} %`;

function tableOf({ date, quick, workers, machine, versions, commit, sizes, cases, notMeasured }: Report): string {
  const size = Object.entries<number>({ ...sizes })
    .map(([name, count]) => `${count.toLocaleString('en-US')} ${name}`)
    .join(', ');
  const facts = [
    `${date.slice(0, 10)}, commit ${commit}${quick ? ', `--quick`: little data and short rounds' : ''}${workers > 1 ? `, ${workers} workers` : ''}.`,
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB; ` +
      `Node ${versions.node}, PostgreSQL ${versions.postgresql}. Data: ${size}.`,
  ];
  const rows = cases.map((result) => {
    const { ours, theirs, unit, spread } = result;
    return [
      result.case,
      result.against,
      `${result.ratio.toFixed(2)} ×`,
      markOf(result),
      result.met ? 'met' : '**missed**',
      `${figure(ours)} ${unit} ± ${percent(spread.ours / 2)}`,
      `${figure(theirs)} ${unit} ± ${percent(spread.theirs / 2)}`,
    ];
  });
  const head = ['case', 'against', 'ratio', 'mark', '', 'ours', 'theirs'];
  const lines = [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
  const left = notMeasured.map(
    ({ reason, ...each }) => `Not measured: ${each.case} against ${each.against}. ${reason}`,
  );
  return [facts.join('\n'), lines.join('\n'), ...left].join('\n\n') + '\n';
}

const ROW = 22;
const LABELS = 520;
const BARS = 360;
const MOST = 4;

/** How near each case is to its mark: a bar that reaches the line has met it. On a logarithmic scale, from a quarter to four. */
function chartOf(cases: readonly Result[]): string {
  const width = LABELS + BARS + 80;
  const height = ROW * (cases.length + 2);
  const line = LABELS + BARS / 2;
  const bars = cases.map((result, index) => {
    const { better, ratio, mark } = result;
    const reached = Math.min(MOST, Math.max(1 / MOST, better === 'higher' ? ratio / mark : mark / ratio));
    const end = line + (Math.log(reached) / Math.log(MOST)) * (BARS / 2);
    const y = ROW * (index + 1);
    return [
      `<text x="${LABELS - 8}" y="${y + 14}" text-anchor="end">${escape(`${result.case} · ${result.against}`)}</text>`,
      `<rect x="${LABELS}" y="${y + 3}" width="${(end - LABELS).toFixed(1)}" height="${ROW - 6}" fill="${result.met ? '#2a7d4f' : '#c2571a'}"/>`,
      `<text x="${(end + 6).toFixed(1)}" y="${y + 14}">${result.ratio.toFixed(2)} ×</text>`,
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="#fff"/>
${bars.join('\n')}
<line x1="${line}" x2="${line}" y1="${ROW / 2}" y2="${height - ROW / 2}" stroke="#000"/>
<text x="${line + 4}" y="${ROW / 2 + 4}">the mark</text>
</svg>
`;
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
